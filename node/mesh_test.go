package node

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/checks"
	"github.com/yodel-mesh/yodel/config"
	"github.com/yodel-mesh/yodel/sim"
)

// mesh is a few nodes in a simulated network, in virtual time.
type mesh struct {
	t     testing.TB
	net   *sim.Network
	ends  []*sim.Endpoint
	nodes []*Node
	deaf  atomic.Bool // all but n0 hear no words: only pulls are left
}

// inMesh runs f with a mesh of size nodes that have found each other.
func inMesh(t *testing.T, size int, f func(*mesh)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network, err := sim.NewNetwork(sim.Config{Seed: 1, Latency: 500 * time.Microsecond, Jitter: 100 * time.Microsecond})
		if err != nil {
			t.Fatal(err)
		}
		m := &mesh{t: t, net: network}
		for i := range size {
			time.Sleep(time.Duration(7*i+1) * time.Millisecond) // tickers out of step
			m.start(m.place(i), i)
		}
		m.within(10*time.Second, "all know all", func() error { return m.agree(m.nodes...) })
		f(m)
		for _, n := range m.nodes {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}
		m.net.Close()
		time.Sleep(30 * time.Second) // Serf's own goroutines end late
	})
}

// place gives host number i its endpoint.
func (m *mesh) place(i int) *sim.Endpoint {
	m.t.Helper()
	e, err := m.net.Add(fmt.Sprintf("e%d", i), address(i))
	if err != nil {
		m.t.Fatal(err)
	}
	m.ends = append(m.ends, e)
	return e
}

func address(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i + 1)}) }

func settings(i int) config.Config {
	c := config.Default()
	c.NodeName = fmt.Sprintf("n%d", i)
	c.BindAddr, c.AdvertiseAddr = address(i), address(i)
	c.Ports.DNS, c.Ports.HTTP = -1, -1
	c.Rack = fmt.Sprintf("r%d", i%3)
	if i > 0 {
		c.RetryJoin = []string{address(0).String(), address(i - 1).String()}
	}
	return c
}

// start runs node number i, replacing the one that ran as such before.
func (m *mesh) start(e *sim.Endpoint, i int) *Node {
	m.t.Helper()
	return m.startWith(e, i, settings(i))
}

func (m *mesh) startWith(e *sim.Endpoint, i int, c config.Config) *Node {
	m.t.Helper()
	transport, err := e.Transport(uint16(c.Ports.Gossip))
	if err != nil {
		m.t.Fatal(err)
	}
	level := slog.LevelError
	if testing.Verbose() && os.Getenv("YODEL_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})).With("at", c.NodeName)
	n, err := Start(c, World{
		Transport: transport,
		Listen: func(a string) (net.Listener, error) {
			_, port, err := net.SplitHostPort(a)
			if err != nil {
				return nil, err
			}
			p, err := strconv.ParseUint(port, 10, 16)
			if err != nil {
				return nil, err
			}
			return e.Listen(uint16(p))
		},
		Dial: e.Dial,
		Facts: func(context.Context) (catalog.Facts, []error) {
			return catalog.Facts{Memory: catalog.Memory{Total: 64 << 30}}, nil
		},
		Lose: func(string) bool { return i > 0 && m.deaf.Load() },
	}, log)
	if err != nil {
		m.t.Fatal(err)
	}
	if i < len(m.nodes) {
		m.nodes[i] = n
	} else {
		m.nodes = append(m.nodes, n)
	}
	return n
}

// within waits until f is content, for as long as the budget: in a mesh that
// repairs itself, a test without one tests nothing.
func (m *mesh) within(budget time.Duration, what string, f func() error) time.Duration {
	m.t.Helper()
	start := time.Now()
	for {
		synctest.Wait()
		err := f()
		if err == nil {
			return time.Since(start)
		}
		if time.Since(start) > budget {
			m.t.Fatalf("%s: not within %v: %v", what, budget, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// agree is nil when these nodes believe the same.
func (m *mesh) agree(nodes ...*Node) error {
	want := nodes[0]
	for _, n := range nodes {
		if n.View().Len() != len(m.nodes) {
			return fmt.Errorf("%s knows %d nodes, want %d", n.conf().NodeName, n.View().Len(), len(m.nodes))
		}
		if n.summary.Load() != want.summary.Load() {
			return fmt.Errorf("%s and %s differ", n.conf().NodeName, want.conf().NodeName)
		}
	}
	return nil
}

func (m *mesh) status(at *Node, name string) catalog.Status {
	c := at.View().Node(name)
	if c == nil {
		return ""
	}
	return c.Status
}

// allSee is nil when each of the nodes gives the node called name this status.
func (m *mesh) allSee(nodes []*Node, name string, want catalog.Status) error {
	for _, n := range nodes {
		if got := m.status(n, name); got != want {
			return fmt.Errorf("%s sees %s as %q, want %q", n.conf().NodeName, name, got, want)
		}
	}
	return nil
}

// register runs a service with a TTL check on a node.
func register(t testing.TB, n *Node, id string) {
	t.Helper()
	err := n.RegisterService(config.Service{
		Service: catalog.Service{ID: id, Name: id, Port: 80},
		Checks:  []checks.Definition{{ID: "service:" + id, Name: id, ServiceID: id, TTL: time.Hour, Status: checks.Passing}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func health(at *Node, node, service string) catalog.Health {
	c := at.View().Node(node)
	if c == nil || c.Service(service) == nil {
		return "absent"
	}
	return c.Health(service)
}

func TestNewsReachesAllAtOnce(t *testing.T) {
	inMesh(t, 12, func(m *mesh) {
		register(t, m.nodes[3], "web")
		took := m.within(time.Second, "all know the service", func() error {
			for _, n := range m.nodes {
				if got := health(n, "n3", "web"); got != catalog.Passing {
					return fmt.Errorf("%s: web on n3 is %s", n.conf().NodeName, got)
				}
			}
			return nil
		})
		t.Log("registered:", took)
		time.Sleep(time.Second)
		if err := m.nodes[3].SetTTL("service:web", checks.Critical, "out of order"); err != nil {
			t.Fatal(err)
		}
		took = m.within(50*time.Millisecond, "all know that it is critical", func() error {
			for _, n := range m.nodes {
				if got := health(n, "n3", "web"); got != catalog.Critical {
					return fmt.Errorf("%s: web on n3 is %s", n.conf().NodeName, got)
				}
			}
			return nil
		})
		t.Log("critical:", took)
	})
}

func TestCrashIsSeenByAll(t *testing.T) {
	inMesh(t, 12, func(m *mesh) {
		m.ends[5].Crash()
		m.nodes[5].stop() // its process is gone; Close comes with the others
		others := append(append([]*Node{}, m.nodes[:5]...), m.nodes[6:]...)
		took := m.within(5*time.Second, "n5 is failed", func() error { return m.allSee(others, "n5", catalog.Failed) })
		t.Log("failed:", took)
	})
}
