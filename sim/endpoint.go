package sim

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// An Endpoint is a host's link to the network: an address on which Transports
// and Listeners are opened, each on a port.
type Endpoint struct {
	net    *Network
	name   string
	addr   netip.Addr
	places []string
	phase  time.Duration // by which it is out of step with others

	// Under net.mu.
	up         bool
	stats      Stats
	territory  *territory
	held       []delivery    // what has come while it is stalled
	resumes    time.Duration // when it gets them
	leaving    int           // datagrams that it has sent meanwhile
	port       uint16        // the last one given to a dialled stream
	listeners  map[uint16]*Listener
	transports map[uint16]*Transport
	conns      map[*Conn]struct{}
}

// Name is what the endpoint was added as.
func (e *Endpoint) Name() string { return e.name }

// Addr is the endpoint's address.
func (e *Endpoint) Addr() netip.Addr { return e.addr }

// Kill is what a host does for a process that dies: its ports and streams are
// closed, and the other sides are told.
func (e *Endpoint) Kill() {
	e.drop(func(c *Conn) { c.Close() })
}

// Crash is a power cut: nothing leaves the host any more, not even the news of
// it. The other sides of its streams wait until they have had enough.
func (e *Endpoint) Crash() {
	e.net.mu.Lock()
	e.up = false
	e.net.mu.Unlock()
	e.drop((*Conn).abandon)
}

// Boot ends a Crash: the host is up, and no port is open.
func (e *Endpoint) Boot() {
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	e.up = true
}

// drop closes all that is open here.
func (e *Endpoint) drop(end func(*Conn)) {
	e.net.mu.Lock()
	conns := slices.Collect(maps.Keys(e.conns))
	listeners := slices.Collect(maps.Values(e.listeners))
	clear(e.transports)
	e.held = slices.DeleteFunc(e.held, func(d delivery) bool { return d.packet != nil })
	e.net.mu.Unlock()
	for _, l := range listeners {
		l.shut(end)
	}
	for _, c := range conns {
		end(c)
	}
}

// free says whether a port can be opened. The caller holds e.net.mu.
func (e *Endpoint) free(port uint16) error {
	switch {
	case e.net.closed:
		return net.ErrClosed
	case !e.up:
		return syscall.ENETDOWN
	case port == 0:
		return fmt.Errorf("port 0: name one")
	case e.listeners[port] != nil:
		return syscall.EADDRINUSE
	}
	return nil
}

// ephemeral is a port for a stream that is dialled. The caller holds e.net.mu.
func (e *Endpoint) ephemeral() uint16 {
	const first = 32768 // as on Linux
	if e.port < first {
		e.port = first
	}
	e.port++
	return e.port
}
