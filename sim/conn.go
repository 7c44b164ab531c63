package sim

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// A Conn is one end of a stream, as TCP would be: ordered, with a window,
// waiting out what is lost, and reset if closed on unread bytes.
type Conn struct {
	endpoint        *Endpoint
	in, out         *pipe
	local, remote   net.Addr
	reading, writes deadline
	closed          chan struct{}
	once            sync.Once
}

func newConns(a, b *Endpoint, aPort, bPort uint16) (near, far *Conn) {
	there, back := &pipe{from: a, to: b}, &pipe{from: b, to: a}
	there.reverse, back.reverse = back, there
	aAddr := net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.addr, aPort))
	bAddr := net.TCPAddrFromAddrPort(netip.AddrPortFrom(b.addr, bPort))
	near = &Conn{endpoint: a, in: back, out: there, local: aAddr, remote: bAddr, closed: make(chan struct{})}
	far = &Conn{endpoint: b, in: there, out: back, local: bAddr, remote: aAddr, closed: make(chan struct{})}
	return near, far
}

// Read takes what has arrived.
func (c *Conn) Read(b []byte) (int, error) {
	for {
		if err := c.ready(&c.reading); err != nil {
			return 0, c.fail("read", err)
		}
		n, changed, err := c.in.read(b)
		if n > 0 || len(b) == 0 {
			return n, nil
		}
		if err == io.EOF {
			return 0, io.EOF
		}
		if err != nil {
			return 0, c.fail("read", err)
		}
		c.await(changed, &c.reading)
	}
}

// Write sends, and waits while the window is full.
func (c *Conn) Write(b []byte) (int, error) {
	sent := 0
	for {
		if err := c.ready(&c.writes); err != nil {
			return sent, c.fail("write", err)
		}
		n, changed, err := c.out.write(b[sent:])
		sent += n
		if err != nil {
			return sent, c.fail("write", err)
		}
		if sent == len(b) {
			return sent, nil
		}
		if n == 0 {
			c.await(changed, &c.writes)
		}
	}
}

// Close sends what is under way and then the end.
func (c *Conn) Close() error {
	return c.end(func() {
		if c.in.shut() > 0 {
			c.out.finish(syscall.ECONNRESET)
		} else {
			c.out.finish(io.EOF)
		}
	})
}

// refuse is Close for a stream that nobody wanted.
func (c *Conn) refuse() {
	c.end(func() { c.in.shut(); c.out.finish(syscall.ECONNRESET) })
}

// abandon is Close without a word to the other side.
func (c *Conn) abandon() {
	c.end(func() { c.in.shut(); c.out.fail(net.ErrClosed) })
}

func (c *Conn) end(how func()) error {
	err := net.ErrClosed
	c.once.Do(func() {
		close(c.closed)
		how()
		c.reading.set(time.Time{})
		c.writes.set(time.Time{})
		c.endpoint.net.mu.Lock()
		delete(c.endpoint.conns, c)
		c.endpoint.net.mu.Unlock()
		err = nil
	})
	if err != nil {
		return c.fail("close", err)
	}
	return nil
}

// LocalAddr is the endpoint's address with the stream's port.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the other side's.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline bounds reads and writes.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline bounds reads, also those under way.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.bound(&c.reading, t) }

// SetWriteDeadline bounds writes, also those under way.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.bound(&c.writes, t) }

func (c *Conn) bound(d *deadline, t time.Time) error {
	select {
	case <-c.closed:
		return c.fail("set", net.ErrClosed)
	default:
		d.set(t)
		return nil
	}
}

func (c *Conn) ready(d *deadline) error {
	select {
	case <-c.closed:
		return net.ErrClosed
	default:
	}
	select {
	case <-d.passed():
		return os.ErrDeadlineExceeded
	default:
		return nil
	}
}

// await comes back when there may be something to do.
func (c *Conn) await(changed <-chan struct{}, d *deadline) {
	select {
	case <-changed:
	case <-d.passed():
	case <-c.closed:
	}
}

func (c *Conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// A deadline is a channel that closes at a time, which may be moved.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	over  chan struct{}
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	// Who waits on a channel that is not over must hear of the new time: they
	// keep their channel, and it alone is closed by whichever timer is last.
	if d.over == nil || isClosed(d.over) {
		d.over = make(chan struct{})
	}
	if t.IsZero() {
		return
	}
	over := d.over
	if wait := time.Until(t); wait <= 0 {
		close(over)
	} else {
		var timer *time.Timer
		timer = time.AfterFunc(wait, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.timer == timer {
				d.timer = nil
				close(over)
			}
		})
		d.timer = timer
	}
}

func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over == nil {
		d.over = make(chan struct{})
	}
	return d.over
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
