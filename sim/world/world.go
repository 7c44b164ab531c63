package world

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/yodel-mesh/yodel/gossip"
	"github.com/yodel-mesh/yodel/sim"
)

// Config is a world before anything happens in it.
type Config struct {
	Seed        uint64
	Nodes       int
	Datacenters int // default 1
	Racks       int // in each data centre; default 1

	Near *sim.Link // within a data centre; nil: 0.5 to 0.6 ms one way
	Far  *sim.Link // between data centres; nil: 10 to 10.5 ms one way

	Settings gossip.Settings // zero: those that ship
	Disk     bool            // each host has a data directory of its own
	Cold     bool            // hosts find each other as a real mesh does, which costs far more CPU time

	Log      *slog.Logger // of all nodes; nil: none
	Progress func(string) // nil: none
}

// Limits of a world.
const (
	nodesMax = 10_000 // addresses; memory ends long before
	disksMax = 200    // a store is 10 MB of memory
)

func (c *Config) settle() {
	if c.Datacenters == 0 {
		c.Datacenters = 1
	}
	if c.Racks == 0 {
		c.Racks = 1
	}
	if c.Near == nil {
		c.Near = &sim.Link{Latency: 500 * time.Microsecond, Jitter: 100 * time.Microsecond}
	}
	if c.Far == nil {
		c.Far = &sim.Link{Latency: 10 * time.Millisecond, Jitter: 500 * time.Microsecond}
	}
	if c.Settings == (gossip.Settings{}) {
		c.Settings = gossip.LAN()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError + 1}))
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
}

// check names the first field of an impossible world.
func (c *Config) check() error {
	switch {
	case c.Nodes < 1 || c.Nodes > nodesMax:
		return fmt.Errorf("nodes: %d, want 1 to %d", c.Nodes, nodesMax)
	case c.Datacenters < 1 || c.Datacenters > c.Nodes:
		return fmt.Errorf("datacenters: %d, want 1 to %d, the nodes", c.Datacenters, c.Nodes)
	case c.Racks < 1 || c.Racks > c.Nodes:
		return fmt.Errorf("racks: %d, want 1 to %d, the nodes", c.Racks, c.Nodes)
	case c.Disk && c.Nodes > disksMax:
		return fmt.Errorf("disk: %d nodes, at most %d can have a disk", c.Nodes, disksMax)
	}
	if err := c.Settings.Check(); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	return fits(c.Nodes)
}

// World is hosts with real nodes, and what is true of them.
type World struct {
	cfg   Config
	net   *sim.Network
	hosts []*Host
	byIP  map[netip.Addr]*Host
	start time.Time
	dir   string // of the data directories

	mu       sync.Mutex // held for moments; a node holds its own lock when it takes this one
	watchers map[int]watcher
	watched  int // how many there ever were
	beliefs  timeline
	calm     time.Time // since when no fault keeps hosts from hearing each other
}

// New makes a world whose hosts are all up and know each other. It must be
// called in a bubble, and closed there.
func New(c Config) (*World, error) {
	c.settle()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("make world: %w", err)
	}
	network, err := sim.NewNetwork(sim.Config{Seed: c.Seed, Links: []sim.Link{*c.Far, *c.Near}})
	if err != nil {
		return nil, fmt.Errorf("make world: %w", err)
	}
	w := &World{cfg: c, net: network, byIP: make(map[netip.Addr]*Host), watchers: make(map[int]watcher), start: time.Now(), calm: time.Now()}
	if c.Disk {
		if w.dir, err = os.MkdirTemp("", "yodel-sim-"); err != nil {
			return nil, errors.Join(fmt.Errorf("make world: %w", err), w.Close())
		}
	}
	for i := range c.Nodes {
		if err := w.place(i); err != nil {
			return nil, errors.Join(fmt.Errorf("make world: %w", err), w.Close())
		}
	}
	return w, nil
}

// place gives host number i its names, its address and its link.
func (w *World) place(i int) error {
	h := &Host{
		world: w, number: i, Name: fmt.Sprintf("n%d", i),
		Datacenter: fmt.Sprintf("dc%d", i%w.cfg.Datacenters+1),
		Address:    netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}),
	}
	h.Rack = fmt.Sprintf("%s-r%d", h.Datacenter, i/w.cfg.Datacenters%w.cfg.Racks+1)
	end, err := w.net.Add(h.Name, h.Address.Next(), h.Datacenter, h.Rack)
	if err != nil {
		return err
	}
	h.Address, h.end = end.Addr(), end
	w.hosts = append(w.hosts, h)
	w.byIP[h.Address] = h
	return nil
}

// Hosts are all hosts, by number.
func (w *World) Hosts() []*Host { return w.hosts }

// Up are the hosts whose node runs.
func (w *World) Up() []*Host {
	var up []*Host
	for _, h := range w.hosts {
		if h.Node() != nil {
			up = append(up, h)
		}
	}
	return up
}

// side are the hosts that a name means: a host, a rack, a data centre, or all.
func (w *World) side(name string) []*Host {
	var in []*Host
	for _, h := range w.hosts {
		if name == "" || name == h.Name || name == h.Rack || name == h.Datacenter {
			in = append(in, h)
		}
	}
	return in
}

// Elapsed is the time since the world was made.
func (w *World) Elapsed() time.Duration { return time.Since(w.start) }

// lateGoroutines is how long Serf's goroutines outlive its Shutdown.
const lateGoroutines = 30 * time.Second

// Close ends all nodes, and waits for what of them ends late.
func (w *World) Close() error {
	var errs []error
	for _, h := range w.hosts {
		errs = append(errs, h.stop())
	}
	w.net.Close()
	time.Sleep(lateGoroutines)
	if w.dir != "" {
		errs = append(errs, os.RemoveAll(w.dir))
	}
	return errors.Join(errs...)
}
