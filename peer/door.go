package peer

import (
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// A door holds the limits of a server: how many are on the way in, known only
// by address, and how many are seated, known by origin.
type door struct {
	mu      sync.Mutex
	second  time.Time          // the second that opened counts
	opened  map[netip.Addr]int // connections in that second
	waiting map[netip.Addr]int // in the handshake; no zero counts
	waits   int
	seated  map[[16]byte]int // streams; no zero counts
	seats   int
}

// enter admits a connection to the handshake. opened is forgotten each second,
// so it holds no more than a second's connections.
func (d *door) enter(source netip.Addr, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.opened == nil || now.Sub(d.second) >= time.Second || now.Before(d.second) {
		d.second, d.opened = now, make(map[netip.Addr]int)
	}
	if d.waiting == nil {
		d.waiting = make(map[netip.Addr]int)
	}
	d.opened[source]++
	switch {
	case d.opened[source] > acceptsPerSource:
		return fmt.Errorf("more than %d connections per second from one address", acceptsPerSource)
	case d.waiting[source] >= handshakesPerSourceMax:
		return fmt.Errorf("%d handshakes under way from one address, limit %d", d.waiting[source], handshakesPerSourceMax)
	case d.waits >= handshakesMax:
		return fmt.Errorf("%d handshakes under way, limit %d", d.waits, handshakesMax)
	}
	d.waiting[source]++
	d.waits++
	return nil
}

func (d *door) leave(source netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waits--
	if d.waiting[source]--; d.waiting[source] == 0 {
		delete(d.waiting, source)
	}
}

func (d *door) seat(peer [16]byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seated == nil {
		d.seated = make(map[[16]byte]int)
	}
	switch {
	case d.seats >= streamsMax:
		return fmt.Errorf("busy: %d streams, limit %d", d.seats, streamsMax)
	case d.seated[peer] >= streamsPerPeerMax:
		return fmt.Errorf("busy: %d streams from this host, limit %d", d.seated[peer], streamsPerPeerMax)
	}
	d.seated[peer]++
	d.seats++
	return nil
}

func (d *door) rise(peer [16]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seats--
	if d.seated[peer]--; d.seated[peer] == 0 {
		delete(d.seated, peer)
	}
}

func (d *door) inside() (waits, seats int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waits, d.seats
}
