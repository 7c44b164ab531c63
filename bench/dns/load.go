package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	sockets = 8  // so that SO_REUSEPORT spreads over the server's sockets
	window  = 16 // questions out on each

	stall = 2 * time.Second // without any answer they are lost; a busy machine may stop a server for less
)

type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// A peer is one connected socket of the generator with its buffers.
type peer struct {
	fd   int
	in   [window][1500]byte
	recv [window]mmsghdr
	send [window]mmsghdr
	riov [window]unix.Iovec
	siov [window]unix.Iovec
}

func dial(to netip.AddrPort) (*peer, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		return nil, err
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<20) != nil { // a stall of ours must not lose answers
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20)
	}
	p := &peer{fd: fd}
	for i := range window {
		p.riov[i].Base = &p.in[i][0]
		p.riov[i].SetLen(len(p.in[i]))
		p.recv[i].hdr.Iov = &p.riov[i]
		p.recv[i].hdr.SetIovlen(1)
		p.send[i].hdr.Iov = &p.siov[i]
		p.send[i].hdr.SetIovlen(1)
	}
	return p, nil
}

func (p *peer) close() { unix.Close(p.fd) }

// put sends n questions at once.
func (p *peer) put(n int, next func() []byte) error {
	for i := range n {
		q := next()
		p.siov[i].Base = &q[0]
		p.siov[i].SetLen(len(q))
	}
	for at := 0; at < n; {
		k, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(p.fd), uintptr(unsafe.Pointer(&p.send[at])), uintptr(n-at), 0, 0, 0)
		if errno != 0 {
			return errno
		}
		at += int(k)
	}
	return nil
}

// take reads what answers there are; 0: none, or none in time.
func (p *peer) take(flags uintptr) int {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(p.fd), uintptr(unsafe.Pointer(&p.recv[0])), window, flags, 0, 0)
		switch errno {
		case 0:
			return int(n)
		case unix.EINTR: // a signal of the Go scheduler
		default:
			return 0
		}
	}
}

// A tally is what came back.
type tally struct {
	answers, lost int
	rcodes        [16]int
}

func (t *tally) count(p *peer, n int) {
	t.answers += n
	for i := range n {
		t.rcodes[p.in[i][3]&0xF]++
	}
}

// saturate keeps sockets*window questions out until total are answered. It
// never sleeps, so that no server is charged for waking it, and so that it is
// not what the server waits for.
func saturate(to netip.AddrPort, qs [][]byte, total int) (tally, error) {
	var t tally
	next := 0
	pull := func() []byte {
		q := qs[next%len(qs)]
		binary.BigEndian.PutUint16(q, uint16(next))
		next++
		return q
	}
	var peers []*peer
	for range sockets {
		p, err := dial(to)
		if err != nil {
			return t, err
		}
		defer p.close()
		peers = append(peers, p)
		if err := p.put(window, pull); err != nil {
			return t, err
		}
	}
	latest := time.Now()
	for t.answers < total {
		n, err := exchangeAll(peers, &t, pull)
		if err != nil {
			return t, err
		}
		if n > 0 {
			latest = time.Now()
			continue
		}
		unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		if time.Since(latest) < stall {
			continue
		}
		if t.lost += sockets * window; t.lost > total/100 {
			return t, fmt.Errorf("%d of %d questions lost", t.lost, next)
		}
		for _, p := range peers {
			if err := p.put(window, pull); err != nil {
				return t, err
			}
		}
	}
	return t, nil
}

// exchangeAll takes the answers that are there and asks as many questions.
func exchangeAll(peers []*peer, t *tally, pull func() []byte) (int, error) {
	sum := 0
	for _, p := range peers {
		n := p.take(unix.MSG_DONTWAIT)
		if n == 0 {
			continue
		}
		t.count(p, n)
		sum += n
		if err := p.put(n, pull); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// pace asks rate questions a second, whether or not answers come, and returns
// how long each took. An answer that does not come counts as a second.
func pace(to netip.AddrPort, qs [][]byte, rate, total int) ([]time.Duration, error) {
	p, err := dial(to)
	if err != nil {
		return nil, err
	}
	defer p.close()
	tv := unix.NsecToTimeval(int64(time.Second))
	if err := unix.SetsockoptTimeval(p.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return nil, err
	}
	if total > 1<<16 {
		return nil, errors.New("more questions than ids")
	}
	asked, came := make([]int64, total), make([]int64, total)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		for got := 0; got < total; {
			n := p.take(unix.MSG_WAITFORONE)
			now := monotonic()
			if n == 0 {
				return
			}
			for i := range n {
				came[int(binary.BigEndian.Uint16(p.in[i][:]))] = now
			}
			got += n
		}
	}()
	runtime.LockOSThread()
	start := monotonic()
	for i := range total {
		due := unix.NsecToTimespec(start + int64(i)*int64(time.Second)/int64(rate))
		for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &due, nil) == unix.EINTR {
		}
		q := qs[i%len(qs)]
		binary.BigEndian.PutUint16(q, uint16(i))
		asked[i] = monotonic()
		if err := p.put(1, func() []byte { return q }); err != nil {
			return nil, err
		}
	}
	runtime.UnlockOSThread()
	<-done
	out := make([]time.Duration, total)
	for i := range out {
		out[i] = time.Second
		if came[i] > 0 {
			out[i] = time.Duration(came[i] - asked[i])
		}
	}
	slices.Sort(out)
	return out, nil
}

func monotonic() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}
