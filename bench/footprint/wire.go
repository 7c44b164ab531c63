package main

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// wire counts the packets from and to some addresses on the loopback
// interface. The kernel picks them out, so that the rest of the crowd's costs
// nothing. It needs CAP_NET_RAW; without, err says so and nothing is counted.
type wire struct {
	err  error
	file *os.File
	wg   sync.WaitGroup

	mu    sync.Mutex
	count map[netip.Addr]*traffic
}

type traffic struct {
	packets int
	bytes   uint64
}

func tap(addresses []string) *wire {
	w := &wire{count: make(map[netip.Addr]*traffic)}
	for _, a := range addresses {
		w.count[netip.MustParseAddr(a)] = new(traffic)
	}
	if w.err = w.open(); w.err == nil {
		w.wg.Go(w.read)
	}
	return w
}

func (w *wire) open() error {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		return err
	}
	// Asked for one protocol, the kernel shows packets on their way in, and so
	// each of the loopback interface once.
	protocol := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_IP))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return os.NewSyscallError("packet socket", err)
	}
	filter, err := w.filter()
	if err == nil {
		err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: lo.Index})
	}
	if err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	w.file = os.NewFile(uintptr(fd), "packets")
	return nil
}

// filter passes the head of a packet of ours.
func (w *wire) filter() ([]unix.SockFilter, error) {
	var program []bpf.Instruction
	for _, offset := range []uint32{12, 16} { // source and destination; RFC 791
		program = append(program, bpf.LoadAbsolute{Off: offset, Size: 4})
		for a := range w.count {
			ip := a.As4()
			program = append(program,
				bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: binary.BigEndian.Uint32(ip[:]), SkipTrue: 1},
				bpf.RetConstant{Val: 20})
		}
	}
	raw, err := bpf.Assemble(append(program, bpf.RetConstant{Val: 0}))
	var out []unix.SockFilter
	for _, r := range raw {
		out = append(out, unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K})
	}
	return out, err
}

func (w *wire) read() {
	b := make([]byte, 64)
	for {
		n, err := w.file.Read(b)
		if errors.Is(err, syscall.ENETDOWN) || err == nil && n < 20 {
			continue
		}
		if err != nil {
			return
		}
		size := uint64(binary.BigEndian.Uint16(b[2:]))
		w.mu.Lock()
		for _, ip := range [][]byte{b[12:16], b[16:20]} {
			a, _ := netip.AddrFromSlice(ip)
			if t := w.count[a]; t != nil {
				t.packets++
				t.bytes += size
			}
		}
		w.mu.Unlock()
	}
}

func (w *wire) seen(address string) (packets int, bytes uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.count[netip.MustParseAddr(address)]
	return t.packets, t.bytes
}

func (w *wire) close() {
	if w.file != nil {
		w.file.Close()
	}
	w.wg.Wait()
}
