package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// endpointsMax is well above the 3,000 real Serf nodes that 24 GiB hold.
	endpointsMax = 10_000

	// faultsMax: the first packet between two places looks at every fault.
	faultsMax = 1_000
)

// A Config is a world without faults.
type Config struct {
	Seed uint64 // of everything random

	// Latency, one way, and Jitter, added to it, uniform from 0 to this, are
	// between any two endpoints if there are no links.
	Latency time.Duration
	Jitter  time.Duration

	// Links are between two endpoints by how many of their places, from the
	// first on, are the same. With places from the widest to the narrowest, a
	// data centre and a rack, Links[0] is between data centres, Links[1] in one
	// data centre, Links[2] in one rack. If there are fewer, the last holds for
	// what is nearer too.
	Links []Link

	// Between is for places by their names, which are then to be unique. Both
	// are of the same depth: two racks, or one twice, or two data centres. The
	// narrowest pair counts, before a link that is wider or as wide. It is both
	// ways, unless the pair is there the other way round too.
	Between map[Pair]Link
}

// A Network carries datagrams and streams between its endpoints until it is
// closed.
type Network struct {
	cfg   Config
	start time.Time
	timer *time.Timer
	done  chan struct{}
	wg    sync.WaitGroup

	mu        sync.Mutex // held for moments only; taken after a pipe's, never before
	closed    bool
	random    *rand.Rand
	endpoints map[netip.Addr]*Endpoint
	names     map[string]int // endpoints by name and place
	faults    []*lasting
	lines     map[Pair]*line // of links
	chart     *chart
	queue     deliveries
	sequence  uint64
	armed     time.Duration // when the timer fires
}

// NewNetwork starts an empty world.
func NewNetwork(cfg Config) (*Network, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("make network: %w", err)
	}
	cfg.Links, cfg.Between = slices.Clone(cfg.Links), maps.Clone(cfg.Between)
	n := &Network{
		cfg:       cfg,
		start:     time.Now(),
		timer:     time.NewTimer(time.Hour),
		done:      make(chan struct{}),
		random:    rand.New(rand.NewPCG(cfg.Seed, 0x796f64656c)),
		endpoints: make(map[netip.Addr]*Endpoint),
		names:     make(map[string]int),
		lines:     make(map[Pair]*line),
		armed:     never,
	}
	n.redraw()
	n.wg.Go(n.run)
	return n, nil
}

// Close ends every stream and listener and drops what is under way.
func (n *Network) Close() {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return
	}
	n.closed = true
	endpoints := make([]*Endpoint, 0, len(n.endpoints))
	for _, e := range n.endpoints {
		endpoints = append(endpoints, e)
	}
	n.mu.Unlock()
	for _, e := range endpoints {
		e.drop((*Conn).abandon)
	}
	close(n.done)
	n.timer.Reset(0) // the last: nobody arms it any more
	n.wg.Wait()
	n.timer.Stop()
}

// Add puts an endpoint into the world. Faults may name it by its name or by
// any of its places ("dc1", "rack 7"), which for Config.Links are in order.
func (n *Network) Add(name string, addr netip.Addr, places ...string) (*Endpoint, error) {
	e := &Endpoint{
		net: n, name: name, addr: addr.Unmap(), places: slices.Clone(places),
		up: true, listeners: make(map[uint16]*Listener), transports: make(map[uint16]*Transport), conns: make(map[*Conn]struct{}),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.closed:
		return nil, fmt.Errorf("add endpoint %s: %w", name, net.ErrClosed)
	case name == "" || slices.Contains(places, ""):
		return nil, fmt.Errorf("add endpoint %s: an empty name or place stands for all", name)
	case n.names[name] > 0:
		return nil, fmt.Errorf("add endpoint %s: the name is taken by an endpoint or a place", name)
	case !e.addr.IsValid() || e.addr.IsUnspecified():
		return nil, fmt.Errorf("add endpoint %s: address %v", name, addr)
	case n.endpoints[e.addr] != nil:
		return nil, fmt.Errorf("add endpoint %s: %v is %s's", name, addr, n.endpoints[e.addr].name)
	case len(n.endpoints) == endpointsMax:
		return nil, fmt.Errorf("add endpoint %s: limit of %d endpoints", name, endpointsMax)
	}
	e.phase = time.Duration(n.random.Int64())
	n.endpoints[e.addr] = e
	n.names[name]++
	for _, place := range places {
		n.names[place]++
	}
	return e, nil
}

// Apply adds a fault to those that last, as the most recent. The same one twice
// is one, with what it has already done, and the most recent again.
func (n *Network) Apply(fault Fault) error {
	if err := fault.check(); err != nil {
		return fmt.Errorf("apply %v: %w", fault, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	a, b := fault.sides()
	for field, name := range map[string]string{"A": a, "B": b} {
		if name != "" && n.names[name] == 0 {
			return fmt.Errorf("apply %v: %T.%s: no endpoint or place %q", fault, fault, field, name)
		}
	}
	if len(n.faults) == faultsMax {
		return fmt.Errorf("apply %v: limit of %d faults", fault, faultsMax)
	}
	l := n.lift(fault)
	if l == nil {
		l = &lasting{fault: fault, since: n.now()}
	}
	n.faults = append(n.faults, l)
	n.redraw()
	return nil
}

// Lift ends a fault, and says whether there was such a one.
func (n *Network) Lift(fault Fault) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lift(fault) == nil {
		return false
	}
	n.redraw()
	n.resume()
	return true
}

func (n *Network) lift(fault Fault) *lasting {
	i := slices.IndexFunc(n.faults, func(l *lasting) bool { return l.fault == fault })
	if i < 0 {
		return nil
	}
	l := n.faults[i]
	n.faults = slices.Delete(n.faults, i, i+1)
	return l
}

// Heal ends all faults.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults = nil
	n.redraw()
	n.resume()
}

// Faults are those that last, the most recent last.
func (n *Network) Faults() []Fault {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []Fault
	for _, l := range n.faults {
		all = append(all, l.fault)
	}
	return all
}

// Random is a time from 0 to below, drawn from the seed.
func (n *Network) Random(below time.Duration) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.upTo(below)
}

// upTo is uniform in [0, limit). The caller holds n.mu.
func (n *Network) upTo(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return time.Duration(n.random.Int64N(int64(limit)))
}

// chance is true with the given probability. The caller holds n.mu.
func (n *Network) chance(rate float64) bool {
	return rate > 0 && n.random.Float64() < rate
}
