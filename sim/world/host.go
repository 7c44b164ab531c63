package world

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/checks"
	"github.com/yodel-mesh/yodel/config"
	"github.com/yodel-mesh/yodel/node"
	"github.com/yodel-mesh/yodel/sim"
)

// service is what every host runs: one instance, with one check.
const (
	service  = "web"
	check    = "service:web"
	port     = 80
	checkTTL = 700 * time.Hour // only the world says how it is
)

// Host is one host of the world, and what is true of it.
type Host struct {
	Name, Rack, Datacenter string
	Address                netip.Addr

	world  *World
	number int
	end    *sim.Endpoint

	busy sync.Mutex // held by the step that has the host in its hands; others pass it over

	mu     sync.Mutex // of what follows; held for moments
	node   *node.Node // nil: down
	since  time.Time  // when it came up, or went down
	lives  int        // how often it was started
	dir    string     // the data directory; empty: none
	health checks.Status
	sick   time.Time // since when its instance must not be answered; zero: it may
	skew   skew
}

// Node is the node that runs on the host, nil when it is down.
func (h *Host) Node() *node.Node {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.node
}

// origin is the identity of the node that runs on the host.
func (h *Host) origin() (o catalog.Origin, up bool) {
	n := h.Node()
	if n == nil {
		return o, false
	}
	return n.Origin(), true
}

// truth is what is so of a host, whatever others believe.
type truth struct {
	up    bool
	since time.Time
	sick  time.Time // zero: its instance is there and healthy
}

func (h *Host) truth() truth {
	h.mu.Lock()
	defer h.mu.Unlock()
	return truth{h.node != nil, h.since, h.sick}
}

// begin starts the node of a host that is down. Its instance is healthy.
func (h *Host) begin() error {
	h.end.Boot()
	n, err := h.start()
	if err != nil {
		return fmt.Errorf("start %s: %w", h.Name, err)
	}
	h.mu.Lock()
	h.node, h.since, h.health, h.sick = n, time.Now(), checks.Passing, time.Time{}
	h.lives++
	h.mu.Unlock()
	err = n.RegisterService(config.Service{
		Service: catalog.Service{ID: service, Name: service, Port: port},
		Checks:  []checks.Definition{{ID: check, Name: service, ServiceID: service, TTL: checkTTL, Status: checks.Passing}},
	})
	if err != nil {
		return fmt.Errorf("start %s: register its service: %w", h.Name, err)
	}
	return nil
}

func (h *Host) start() (*node.Node, error) {
	if err := h.makeDir(); err != nil {
		return nil, err
	}
	c := h.config()
	transport, err := h.end.Transport(uint16(c.Ports.Gossip))
	if err != nil {
		return nil, err
	}
	life := h.newLife()
	return node.Start(c, node.World{
		Transport: transport,
		Listen:    h.listen,
		Dial:      h.end.Dial,
		Facts: func(context.Context) (catalog.Facts, []error) {
			return catalog.Facts{Memory: catalog.Memory{Total: 64 << 30}}, nil
		},
		Settings: h.world.cfg.Settings,
		Clock:    h.skew.now,
		Watch:    func(news catalog.News) { h.world.learned(h, life, news) },
	}, h.world.cfg.Log.With("at", h.Name))
}

func (h *Host) newLife() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lives + 1
}

// seeds are whom a host asks to be let in: as on a real fleet, the same few.
const seeds = 3

func (h *Host) config() config.Config {
	c := config.Default()
	c.NodeName, c.Datacenter, c.Rack = h.Name, h.Datacenter, h.Rack
	c.BindAddr, c.AdvertiseAddr = h.Address, h.Address
	c.Ports.DNS, c.Ports.HTTP = -1, -1
	c.DataDir = h.dir
	for _, s := range h.world.hosts[:min(seeds, len(h.world.hosts))] {
		if s != h {
			c.RetryJoin = append(c.RetryJoin, s.Address.String())
		}
	}
	return c
}

func (h *Host) listen(address string) (net.Listener, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, err
	}
	return h.end.Listen(uint16(p))
}

// stop ends the node of a host as a service manager does, without a leave. A
// host that is down stays so.
func (h *Host) stop() error {
	n := h.down()
	if n == nil {
		return nil
	}
	return n.Close()
}

// down takes the node from the host: from now on it counts as dead.
func (h *Host) down() *node.Node {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, now := h.node, time.Now()
	if n == nil {
		return nil
	}
	h.node, h.since = nil, now
	if h.sick.IsZero() {
		h.sick = now
	}
	return n
}

// crash is a power cut. What was on the disk at that moment stays, unless it
// is wiped.
func (h *Host) crash(wipe bool) error {
	n := h.down()
	if n == nil {
		return nil
	}
	h.end.Crash()
	err := h.keepDir(wipe)
	return errors.Join(err, n.Close())
}

// leave takes the host out of the mesh with a word to the others.
func (h *Host) leave(ctx context.Context) error {
	h.mu.Lock()
	n := h.node
	if h.sick.IsZero() {
		h.sick = time.Now()
	}
	h.mu.Unlock()
	if n == nil {
		return nil
	}
	err := n.Leave(ctx)
	return errors.Join(err, h.stop())
}

// set makes the instance healthy or not.
func (h *Host) set(s checks.Status) error {
	h.mu.Lock()
	n := h.node
	h.mu.Unlock()
	if n == nil {
		return nil
	}
	if err := n.SetTTL(check, s, ""); err != nil {
		return fmt.Errorf("set the check of %s: %w", h.Name, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case s != checks.Critical:
		h.sick = time.Time{}
	case h.health != checks.Critical:
		h.sick = time.Now()
	}
	h.health = s
	return nil
}

// makeDir gives a host of a world with disks its data directory.
func (h *Host) makeDir() error {
	if h.world.dir == "" || h.dir != "" {
		return nil
	}
	h.dir = filepath.Join(h.world.dir, fmt.Sprintf("%s.%d", h.Name, h.newLife()))
	return os.MkdirAll(h.dir, 0o700)
}

// keepDir makes what the disk holds now the data directory of the next life:
// the node that is about to be closed still writes to the old one.
func (h *Host) keepDir(wipe bool) error {
	old := h.dir
	if old == "" {
		return nil
	}
	h.dir = ""
	if wipe {
		return nil
	}
	if err := h.makeDir(); err != nil {
		return err
	}
	if err := copyDir(h.dir, old); err != nil {
		return fmt.Errorf("keep the disk of %s: %w", h.Name, err)
	}
	return nil
}

// copyDir is os.CopyFS with the permissions of the files.
func copyDir(to, from string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return os.Chmod(filepath.Join(to, rel), info.Mode().Perm())
	})
}

// skew is how the clock of a host goes wrong.
type skew struct {
	mu    sync.Mutex
	since time.Time
	by    time.Duration
	drift float64 // seconds gained per second
}

func (s *skew) set(by time.Duration, drift float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since, s.by, s.drift = time.Now(), by, drift
}

func (s *skew) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	return now.Add(s.by + time.Duration(s.drift*float64(now.Sub(s.since))))
}
