package dnsd

import (
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	batchMax   = 32              // packets per system call; more gained nothing when measured
	batchBusy  = 8               // so many at once are load, and not one client's questions
	yieldMax   = 3               // 1 saves half as much, 10 no more
	packetMax  = 2048            // of a question; a longer one is answered FORMERR
	controlMax = 64              // room for one pktinfo of either family
	bufferSize = 1 << 20         // some thousand questions wait while the host is busy elsewhere
	wakeEvery  = 5 * time.Second // a lost wake-up at Close costs at most this
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// A worker is one UDP socket and the goroutine that reads it. It reads and
// writes by blocking system calls on whole batches: the netpoller and a
// goroutine per packet cost several times as much as the answer.
type worker struct {
	fd     int
	wild   bool // bound to no address: answers leave from the one that was asked
	closed atomic.Bool
	asks   sync.WaitGroup // recursions that will yet send on fd
	tally  tally
	turn   uint32
	last   int // packets of the latest batch
	q      question

	in      [batchMax][packetMax]byte
	out     [batchMax][udpMax]byte
	from    [batchMax]unix.RawSockaddrInet6 // large enough for IPv4, too
	control [batchMax][controlMax]byte
	recvIOV [batchMax]unix.Iovec
	sendIOV [batchMax]unix.Iovec
	recv    [batchMax]mmsghdr
	send    [batchMax]mmsghdr
}

// openWorkers binds n sockets to one address and says which. The first is
// bound without SO_REUSEPORT, so that a port in use elsewhere is an error.
func openWorkers(ap netip.AddrPort, n int) ([]*worker, netip.AddrPort, error) {
	var workers []*worker
	for i := range n {
		w, bound, err := openWorker(ap, i > 0)
		if err != nil {
			for _, w := range workers {
				w.close()
			}
			return nil, ap, err
		}
		workers, ap = append(workers, w), bound
	}
	return workers, ap, nil
}

func openWorker(ap netip.AddrPort, share bool) (*worker, netip.AddrPort, error) {
	family, sa := sockaddr(ap)
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, ap, os.NewSyscallError("socket", err)
	}
	w := &worker{fd: fd, wild: ap.Addr().IsUnspecified()}
	if err := w.bind(sa, family, share); err != nil {
		w.close()
		return nil, ap, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		w.close()
		return nil, ap, os.NewSyscallError("getsockname", err)
	}
	switch sa := name.(type) {
	case *unix.SockaddrInet4:
		ap = netip.AddrPortFrom(ap.Addr(), uint16(sa.Port))
	case *unix.SockaddrInet6:
		ap = netip.AddrPortFrom(ap.Addr(), uint16(sa.Port))
	}
	w.prepare()
	return w, ap, nil
}

func sockaddr(ap netip.AddrPort) (int, unix.Sockaddr) {
	if ap.Addr().Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(ap.Port()), Addr: ap.Addr().As16()}
}

func (w *worker) bind(sa unix.Sockaddr, family int, share bool) error {
	if share {
		if err := w.set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return err
		}
	}
	if err := unix.Bind(w.fd, sa); err != nil {
		return os.NewSyscallError("bind", err)
	}
	if err := w.set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return err
	}
	if err := w.setFamily(family); err != nil {
		return err
	}
	if unix.SetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bufferSize) != nil {
		_ = unix.SetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bufferSize) // as much as the system allows
	}
	tv := unix.NsecToTimeval(int64(wakeEvery))
	return os.NewSyscallError("setsockopt", unix.SetsockoptTimeval(w.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
}

// setFamily sets the options of IPv4 and IPv6, both on a socket for both.
// Answers are never cut up on the way: fragments can be forged, and 1,232
// octets fit everywhere (RFC 9715). The kernel then needs no id for each, either.
func (w *worker) setFamily(family int) error {
	if err := w.set(unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE); err != nil {
		return err
	}
	if family == unix.AF_INET6 {
		if err := w.set(unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE); err != nil {
			return err
		}
	}
	if !w.wild {
		return nil
	}
	if family == unix.AF_INET6 {
		return w.set(unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	}
	return w.set(unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
}

func (w *worker) set(level, option, value int) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(w.fd, level, option, value))
}

// prepare points the headers at the buffers, once and for all.
func (w *worker) prepare() {
	for i := range batchMax {
		w.recvIOV[i].Base = &w.in[i][0]
		w.recvIOV[i].SetLen(packetMax)
		w.sendIOV[i].Base = &w.out[i][0]
		h := &w.recv[i].hdr
		h.Name, h.Iov = (*byte)(unsafe.Pointer(&w.from[i])), &w.recvIOV[i]
		h.SetIovlen(1)
		if w.wild {
			h.Control = &w.control[i][0]
		}
		w.rearm(i)
		w.send[i].hdr.Iov = &w.sendIOV[i]
		w.send[i].hdr.SetIovlen(1)
	}
}

// rearm resets what the kernel wrote into a receive header.
func (w *worker) rearm(i int) {
	h := &w.recv[i].hdr
	h.Namelen = uint32(unsafe.Sizeof(w.from[i]))
	if w.wild {
		h.SetControllen(controlMax)
	}
}

// serve answers until wake.
func (w *worker) serve(s *Server) {
	defer w.close()
	for !w.closed.Load() {
		n := w.receive()
		if n <= 0 {
			continue
		}
		start := time.Now()
		sent := 0
		for i := range n {
			if size := w.answer(s, i, w.out[sent][:0]); size > 0 {
				w.address(sent, i, size)
				sent++
			}
		}
		w.transmit(sent)
		for i := range n {
			w.rearm(i)
		}
		w.tally.took(n, time.Since(start))
	}
}

// receive waits for a packet and takes as many as there are. After a large batch
// more are likely on their way: it lets others run before it goes to sleep, which
// saves a quarter of the time under load. A lone packet, or the pair that a
// resolver asks for both families, gets no such detour, since a thread that
// sleeps is woken sooner than one that yielded is resumed.
func (w *worker) receive() int {
	if w.last >= batchBusy {
		for i := range yieldMax + 1 {
			if i > 0 {
				unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
			}
			if w.last = w.receiveNow(); w.last > 0 {
				return w.last
			}
		}
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(w.fd), uintptr(unsafe.Pointer(&w.recv[0])), batchMax, unix.MSG_WAITFORONE, 0, 0)
	w.last = 0
	if errno == 0 {
		w.last = int(n)
	} else if errno != unix.EAGAIN && errno != unix.EINTR && !w.closed.Load() {
		time.Sleep(time.Millisecond) // out of memory, perhaps: do not spin
	}
	return w.last
}

// receiveNow does not wait, and so need not tell the Go scheduler.
func (w *worker) receiveNow() int {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(w.fd), uintptr(unsafe.Pointer(&w.recv[0])), batchMax, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// answer writes the answer to packet i into out and says how long it is; 0: no
// answer, or none yet.
func (w *worker) answer(s *Server, i int, out []byte) int {
	pkt := w.in[i][:min(w.recv[i].len, packetMax)]
	if w.recv[i].hdr.Flags&unix.MSG_TRUNC == 0 {
		w.turn = w.turn*1664525 + 1013904223 // any sequence will do; its low bits repeat, hence the shift
		if n := s.quick(&w.q, pkt, out[:udpMax], w.turn>>8); n > 0 {
			w.tally.answered(w.q.qtype, int(out[:n][3]&0xF))
			return n
		}
	}
	return w.answerOdd(s, i, pkt, out)
}

func (w *worker) answerOdd(s *Server, i int, pkt, out []byte) int {
	var reply []byte
	var ask *ask
	if w.recv[i].hdr.Flags&unix.MSG_TRUNC != 0 && pkt[2]&0x80 == 0 {
		reply = refusal(pkt, 1) // FORMERR
	} else {
		reply, ask = s.answer(pkt, true, w.turn>>8)
	}
	if ask != nil {
		w.tally.asked.Add(1)
		if s.forward.reserve() {
			w.later(s, i, ask)
			return 0
		}
		reply = ask.take(nil)
	}
	if reply == nil {
		w.tally.ignored.Add(1)
		return 0
	}
	w.tally.reply(pkt, reply)
	return copy(out[:udpMax], reply)
}

// later answers packet i when a recursor has. The caller holds a slot of the
// forwarder, which bounds the goroutines.
func (w *worker) later(s *Server, i int, a *ask) {
	from := w.from[i]
	control := append([]byte(nil), w.control[i][:w.recv[i].hdr.Controllen]...)
	namelen := w.recv[i].hdr.Namelen
	qtype := a.r.msg.Question[0].Qtype
	w.asks.Add(1)
	s.wg.Go(func() {
		defer w.asks.Done()
		defer s.forward.release()
		reply := s.forward.run(s.ctx, a)
		w.tally.answered(qtype, int(reply[3]&0xF))
		iov := unix.Iovec{Base: &reply[0]}
		iov.SetLen(len(reply))
		m := mmsghdr{hdr: unix.Msghdr{Name: (*byte)(unsafe.Pointer(&from)), Namelen: namelen, Iov: &iov}}
		m.hdr.SetIovlen(1)
		if len(control) > 0 {
			m.hdr.Control = &control[0]
			m.hdr.SetControllen(len(control))
		}
		if _, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(w.fd), uintptr(unsafe.Pointer(&m)), 1, 0, 0, 0); errno != 0 {
			w.tally.unsent.Add(1)
		}
	})
}

// address makes answer k go where question i came from.
func (w *worker) address(k, i, size int) {
	from, to := &w.recv[i].hdr, &w.send[k].hdr
	to.Name, to.Namelen = from.Name, from.Namelen
	if w.wild {
		to.Control = from.Control
		to.Controllen = from.Controllen
	}
	w.sendIOV[k].SetLen(size)
}

// transmit sends the first n answers. One that cannot be sent (port 0, no
// route) is passed over.
func (w *worker) transmit(n int) {
	for k := 0; k < n; {
		sent, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(w.fd), uintptr(unsafe.Pointer(&w.send[k])), uintptr(n-k), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			k += int(sent)
		case unix.EINTR:
		default:
			w.tally.unsent.Add(1)
			k++
		}
	}
}

// wake makes serve return. The shutdown of an unconnected socket is an error,
// and wakes its readers all the same.
func (w *worker) wake() {
	w.closed.Store(true)
	_ = unix.Shutdown(w.fd, unix.SHUT_RD)
}

// close frees the socket when nobody will use it any more.
func (w *worker) close() {
	w.closed.Store(true)
	w.asks.Wait()
	unix.Close(w.fd)
}
