package sim

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

const (
	// datagramMax is what fits UDP over IPv4.
	datagramMax = 65507

	// packetMax is the payload of one packet on Ethernet: 1,500 less the
	// headers of IPv4 and UDP. A larger datagram goes in fragments, and is
	// lost if one of them is.
	packetMax = 1472

	// packetQueue is how many datagrams wait for a receiver before they are
	// dropped, about what a socket buffer of 208 KiB holds.
	packetQueue = 1024
)

// A Transport is one port of an endpoint for datagrams and streams: what
// memberlist needs to run.
type Transport struct {
	endpoint *Endpoint
	port     uint16
	addr     *net.UDPAddr // that datagrams come from: readers share it
	packets  chan *memberlist.Packet
	listener *Listener
	once     sync.Once
	held     int // under the network's mu: datagrams that wait for a stall to end
}

var _ memberlist.NodeAwareTransport = (*Transport)(nil)

// Transport opens a port for memberlist, until its Shutdown.
func (e *Endpoint) Transport(port uint16) (*Transport, error) {
	listener, err := e.Listen(port)
	if err != nil {
		return nil, err
	}
	t := &Transport{
		endpoint: e, port: port, addr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(e.addr, port)),
		packets: make(chan *memberlist.Packet, packetQueue), listener: listener.(*Listener),
	}
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	e.transports[port] = t
	return t, nil
}

// FinalAdvertiseAddr is the endpoint's own address unless one is given.
func (t *Transport) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	if ip == "" {
		return t.endpoint.addr.AsSlice(), int(t.port), nil
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return nil, 0, fmt.Errorf("advertise %s: %w", ip, err)
	}
	if port == 0 {
		port = int(t.port)
	}
	return addr.AsSlice(), port, nil
}

// WriteTo sends a datagram. That it is lost is no error.
func (t *Transport) WriteTo(b []byte, addr string) (time.Time, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return time.Time{}, fmt.Errorf("send datagram: %w", err)
	}
	if len(b) > datagramMax {
		return time.Time{}, fmt.Errorf("send datagram of %d bytes to %s: %w", len(b), addr, syscall.EMSGSIZE)
	}
	t.send(b, to)
	return time.Now(), nil
}

// WriteToAddress is WriteTo: hosts are known by address here.
func (t *Transport) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	return t.WriteTo(b, addr.Addr)
}

// PacketCh is where datagrams arrive.
func (t *Transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// DialTimeout opens a stream.
func (t *Transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	t.endpoint.net.mu.Lock()
	open := t.open()
	t.endpoint.net.mu.Unlock()
	if !open {
		return nil, fmt.Errorf("dial %s: %w", addr, net.ErrClosed)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return t.endpoint.Dial(ctx, addr)
}

// DialAddressTimeout is DialTimeout.
func (t *Transport) DialAddressTimeout(addr memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(addr.Addr, timeout)
}

// StreamCh is where streams arrive.
func (t *Transport) StreamCh() <-chan net.Conn { return t.listener.backlog }

// Shutdown closes the port. Streams that are open stay so.
func (t *Transport) Shutdown() error {
	t.once.Do(func() {
		n := t.endpoint.net
		n.mu.Lock()
		if t.open() {
			delete(t.endpoint.transports, t.port)
			t.endpoint.held = slices.DeleteFunc(t.endpoint.held, func(d delivery) bool { return d.packet != nil && d.port == t.port })
		}
		n.mu.Unlock()
		t.listener.Close()
	})
	return nil
}

// open says whether the port is still this transport's: neither shut down nor
// lost with its process. The caller holds the network's mu.
func (t *Transport) open() bool { return t.endpoint.transports[t.port] == t }

// send puts a datagram on its way, or loses it: a process that was killed says
// nothing more, though its goroutines do not know.
func (t *Transport) send(b []byte, to netip.AddrPort) {
	e, n := t.endpoint, t.endpoint.net
	n.mu.Lock()
	defer n.mu.Unlock()
	e.stats.PacketsOut++
	e.stats.BytesOut += uint64(len(b))
	e.stats.HeadersOut += headers(len(b))
	if len(b) > packetMax {
		e.stats.Fragmented++
	}
	switch now := n.now(); {
	case n.runs(e, now) <= now:
		t.leave(b, to, now)
	case e.leaving == packetQueue:
		e.stats.Overflowed++
	default:
		e.leaving++
		b = bytes.Clone(b)
		n.after(0, e, func() {
			n.mu.Lock()
			defer n.mu.Unlock()
			e.leaving--
			t.leave(b, to, n.now())
		})
	}
}

// leave is what becomes of a datagram on its way. The caller holds the
// network's mu.
func (t *Transport) leave(b []byte, to netip.AddrPort, now time.Duration) {
	e, n := t.endpoint, t.endpoint.net
	target := n.endpoints[to.Addr().Unmap()]
	if target == nil || !t.open() || n.closed {
		e.stats.Unreached++
		return
	}
	p := n.path(e, target)
	if p.cut || p.mute {
		e.stats.Cut++
		return
	}
	if p.congested(now) {
		e.stats.Congested++
		return
	}
	at := p.cross(now, len(b)+int(headers(len(b))))
	if n.chance(oneOf(packets(len(b), packetMax), p.Loss)) {
		e.stats.Lost++
		return
	}
	copies := 1
	if n.chance(p.Duplicate) {
		copies = 2
	}
	for range copies {
		// Each copy has bytes of its own: memberlist decrypts in place.
		packet := &memberlist.Packet{Buf: bytes.Clone(b), From: t.addr}
		n.schedule(delivery{at: at + n.delay(p, packets(len(b), packetMax)), host: target, packet: packet, port: to.Port()})
	}
}

// get is the arrival of a datagram. The caller holds the network's mu.
func (e *Endpoint) get(packet *memberlist.Packet, port uint16) {
	t := e.transports[port]
	if !e.up {
		return
	}
	if t == nil {
		e.stats.Unopened++
		return
	}
	packet.Timestamp = time.Now()
	select {
	case t.packets <- packet:
		e.stats.PacketsIn++
		e.stats.BytesIn += uint64(len(packet.Buf))
		e.stats.HeadersIn += headers(len(packet.Buf))
	default:
		e.stats.Overflowed++
	}
}

// packets is how many packets that many bytes are, of at most so many each.
func packets(size, most int) int { return max(1, (size+most-1)/most) }

// headers is how many bytes go with a datagram.
func headers(size int) uint64 {
	return datagramHeader + uint64(packets(size, packetMax)-1)*fragmentHeader
}
