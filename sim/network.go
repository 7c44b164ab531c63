package sim

import (
	"container/heap"
	"fmt"
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

	// faultsMax: each packet looks at every fault.
	faultsMax = 1_000
)

// A Config is a world without faults.
type Config struct {
	Seed    uint64        // of everything random
	Latency time.Duration // one way, between any two endpoints
	Jitter  time.Duration // added to it: uniform, from 0 to this
}

// A Network carries datagrams and streams between its endpoints until it is
// closed.
type Network struct {
	cfg  Config
	wake chan struct{} // capacity 1: one wake-up covers all that came before
	done chan struct{}
	wg   sync.WaitGroup

	mu        sync.Mutex // held for moments only; taken after a pipe's, never before
	closed    bool
	random    *rand.Rand
	endpoints map[netip.Addr]*Endpoint
	names     map[string]int // endpoints by name and place
	faults    []Fault
	queue     deliveries
	sequence  uint64
}

// A delivery is something that happens at a time.
type delivery struct {
	at       time.Time
	sequence uint64 // orders what happens at the same time
	do       func()
}

// NewNetwork starts an empty world.
func NewNetwork(cfg Config) (*Network, error) {
	if err := (Latency{Mean: cfg.Latency, Jitter: cfg.Jitter}).check(); err != nil {
		return nil, fmt.Errorf("make network: %w", err)
	}
	n := &Network{
		cfg:       cfg,
		wake:      make(chan struct{}, 1),
		done:      make(chan struct{}),
		random:    rand.New(rand.NewPCG(cfg.Seed, 0x796f64656c)),
		endpoints: make(map[netip.Addr]*Endpoint),
		names:     make(map[string]int),
	}
	n.wg.Go(n.deliver)
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
	n.wg.Wait()
}

// Add puts an endpoint into the world. Faults may name it by its name or by
// any of its places ("dc1", "rack 7").
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
	n.endpoints[e.addr] = e
	n.names[name]++
	for _, place := range places {
		n.names[place]++
	}
	return e, nil
}

// Apply adds a fault to those that last. The same one twice is one.
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
	if !slices.Contains(n.faults, fault) {
		n.faults = append(n.faults, fault)
	}
	return nil
}

// Lift ends a fault, and says whether there was such a one.
func (n *Network) Lift(fault Fault) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	i := slices.Index(n.faults, fault)
	if i < 0 {
		return false
	}
	n.faults = slices.Delete(n.faults, i, i+1)
	return true
}

// Heal ends all faults.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults = nil
}

// Faults are those that last, oldest first.
func (n *Network) Faults() []Fault {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.faults)
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

// path is the way from one endpoint to another now. The caller holds n.mu.
func (n *Network) path(from, to *Endpoint) path {
	if from == to {
		return path{}
	}
	p := path{mean: n.cfg.Latency, jitter: n.cfg.Jitter}
	for _, fault := range n.faults {
		fault.bend(&p, from, to)
	}
	return p
}

// delay is how long one thing takes on a path. The caller holds n.mu.
func (n *Network) delay(p path) time.Duration {
	return p.mean + n.upTo(p.jitter)
}

// after has something done later, by the one goroutine of the network: do must
// not wait. The caller holds n.mu.
func (n *Network) after(delay time.Duration, do func()) {
	if n.closed {
		return
	}
	n.sequence++
	d := delivery{time.Now().Add(delay), n.sequence, do}
	heap.Push(&n.queue, d)
	if n.queue[0].sequence == d.sequence {
		select {
		case n.wake <- struct{}{}:
		default:
		}
	}
}

// deliver is the network's goroutine.
func (n *Network) deliver() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		do, wait := n.next(time.Now())
		if do != nil {
			do()
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-n.wake:
		case <-n.done:
			return
		}
	}
}

// next is what is to be done now, or how long there is nothing.
func (n *Network) next(now time.Time) (do func(), wait time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || len(n.queue) == 0 {
		return nil, time.Hour
	}
	if wait := n.queue[0].at.Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&n.queue).(delivery).do, 0
}

type deliveries []delivery

func (d deliveries) Len() int      { return len(d) }
func (d deliveries) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d deliveries) Less(i, j int) bool {
	if d[i].at.Equal(d[j].at) {
		return d[i].sequence < d[j].sequence
	}
	return d[i].at.Before(d[j].at)
}
func (d *deliveries) Push(x any) { *d = append(*d, x.(delivery)) }
func (d *deliveries) Pop() any {
	last := len(*d) - 1
	x := (*d)[last]
	(*d)[last] = delivery{}
	*d = (*d)[:last]
	return x
}
