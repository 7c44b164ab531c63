package sim

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// backlogMax is how many streams wait to be accepted before others are
	// reset.
	backlogMax = 128

	// A lost SYN is sent again after 1, 3, 7, ... seconds, as Linux does, and
	// given up after 127.
	synRetry = time.Second
	synMax   = 127 * time.Second
)

// A Listener accepts streams on one port of an endpoint.
type Listener struct {
	endpoint *Endpoint
	port     uint16
	backlog  chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

// Listen opens a port for streams.
func (e *Endpoint) Listen(port uint16) (net.Listener, error) {
	l := &Listener{endpoint: e, port: port, backlog: make(chan net.Conn, backlogMax), closed: make(chan struct{})}
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	if err := e.free(port); err != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: l.Addr(), Err: err}
	}
	e.listeners[port] = l
	return l, nil
}

// Accept waits for the next stream.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
}

// Close closes the port. Streams that nobody has accepted end with it.
func (l *Listener) Close() error {
	l.shut(func(c *Conn) { c.Close() })
	return nil
}

func (l *Listener) shut(end func(*Conn)) {
	l.once.Do(func() {
		n := l.endpoint.net
		n.mu.Lock()
		delete(l.endpoint.listeners, l.port)
		n.mu.Unlock() // nothing is put into the backlog from here on
		close(l.closed)
		for {
			select {
			case c := <-l.backlog:
				end(c.(*Conn))
			default:
				return
			}
		}
	})
}

// Addr is the endpoint's address with the port.
func (l *Listener) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(l.endpoint.addr, l.port))
}

// Dial opens a stream, in one round trip if nothing is lost. An address that
// nobody has is as silent as a dead host.
func (e *Endpoint) Dial(ctx context.Context, addr string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	conn, err := e.dial(ctx, to)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	return conn, nil
}

func (e *Endpoint) dial(ctx context.Context, to netip.AddrPort) (*Conn, error) {
	giveUp := time.Now().Add(synMax)
	for retry := synRetry; ; retry *= 2 {
		wait, answered, err := e.knock(to.Addr())
		if err != nil {
			return nil, err
		}
		if !answered {
			wait = retry
		}
		if err := e.sleep(ctx, wait); err != nil {
			return nil, err
		}
		if answered {
			return e.connect(to)
		}
		if !time.Now().Before(giveUp) {
			return nil, syscall.ETIMEDOUT
		}
	}
}

// knock draws what becomes of a SYN and its answer.
func (e *Endpoint) knock(addr netip.Addr) (rtt time.Duration, answered bool, err error) {
	n := e.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || !e.up {
		return 0, false, net.ErrClosed
	}
	target := n.endpoints[addr.Unmap()]
	if target == nil || !target.up {
		return 0, false, nil
	}
	there, back, now := n.path(e, target), n.path(target, e), n.now()
	if there.cut || back.cut || n.chance(1-(1-there.Loss)*(1-back.Loss)) {
		return 0, false, nil
	}
	at := n.runs(e, now) + there.cross(now, streamHeader) - now + n.delay(there, 1)
	at = n.runs(target, at) + back.cross(now, streamHeader) - now + n.delay(back, 1)
	return n.runs(e, at) - now, true, nil
}

// connect makes both ends of a stream; the far one arrives a little later.
func (e *Endpoint) connect(to netip.AddrPort) (*Conn, error) {
	n := e.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || !e.up {
		return nil, net.ErrClosed
	}
	target := n.endpoints[to.Addr().Unmap()]
	if target == nil || !target.up {
		return nil, syscall.EHOSTUNREACH
	}
	if target.listeners[to.Port()] == nil {
		return nil, syscall.ECONNREFUSED
	}
	near, far := newConns(e, target, e.ephemeral(), to.Port())
	e.conns[near] = struct{}{}
	e.stats.Dials++
	n.after(n.delay(n.path(e, target), 1), target, func() { target.admit(far, to.Port()) })
	return near, nil
}

// admit is the arrival of a stream.
func (e *Endpoint) admit(c *Conn, port uint16) {
	e.net.mu.Lock()
	l := e.listeners[port]
	admitted := false
	if l != nil && e.up {
		select {
		case l.backlog <- c:
			admitted = true
			e.conns[c] = struct{}{}
			e.stats.Accepts++
		default:
		}
	}
	up := e.up
	e.net.mu.Unlock()
	switch {
	case admitted:
	case up:
		c.refuse()
	default:
		c.abandon()
	}
}

// sleep waits unless the context or the network ends.
func (e *Endpoint) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		if ctx.Err() == context.DeadlineExceeded {
			return os.ErrDeadlineExceeded // what a net.Dialer says
		}
		return ctx.Err()
	case <-e.net.done:
		return net.ErrClosed
	}
}
