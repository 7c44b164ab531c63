package sim

import (
	"fmt"
	"io"
	"log"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/serf/serf"
)

// mustServe starts a real Serf node on an endpoint.
func mustServe(t testing.TB, e *Endpoint) *serf.Serf {
	t.Helper()
	cfg := serf.DefaultConfig()
	cfg.Init()
	cfg.NodeName = e.Name()
	cfg.LogOutput = io.Discard
	cfg.Logger = log.New(io.Discard, "", 0)
	cfg.EnableNameConflictResolution = false
	cfg.ReconnectInterval = 5 * time.Second
	m := cfg.MemberlistConfig
	m.Transport = mustTransport(t, e)
	m.BindAddr, m.BindPort = e.Addr().String(), 8301
	m.AdvertisePort = 8301
	m.EnableCompression = false
	m.Logger = cfg.Logger
	node, err := serf.Create(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return node
}

func count(node *serf.Serf, status serf.MemberStatus) (n int) {
	for _, m := range node.Members() {
		if m.Status == status {
			n++
		}
	}
	return n
}

// within waits in virtual time until all hold.
func within(t testing.TB, budget time.Duration, what string, holds func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !holds() {
		if time.Since(start) > budget {
			t.Fatalf("%s: not within %v", what, budget)
		}
		time.Sleep(50 * time.Millisecond)
	}
	took := time.Since(start)
	t.Logf("%s: %v", what, took)
	return took
}

// mesh starts count nodes that join the first.
func mesh(t testing.TB, n *Network, size int) ([]*serf.Serf, []*Endpoint) {
	t.Helper()
	var nodes []*serf.Serf
	var endpoints []*Endpoint
	for i := range size {
		e := mustAdd(t, n, i+1, fmt.Sprintf("dc%d", i%2))
		node := mustServe(t, e)
		if i > 0 {
			if _, err := node.Join([]string{net.JoinHostPort(endpoints[0].Addr().String(), "8301")}, false); err != nil {
				t.Fatal(err)
			}
		}
		nodes, endpoints = append(nodes, node), append(endpoints, e)
		time.Sleep(n.Random(200 * time.Millisecond))
	}
	return nodes, endpoints
}

func shutdown(nodes []*serf.Serf) {
	for _, node := range nodes {
		node.Shutdown()
	}
	time.Sleep(30 * time.Second) // Serf's goroutines outlive Shutdown
}

func all(nodes []*serf.Serf, holds func(*serf.Serf) bool) func() bool {
	return func() bool {
		for _, node := range nodes {
			if !holds(node) {
				return false
			}
		}
		return true
	}
}

func TestFiftySerfNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// What gossip missed, which is one in twenty runs, comes with a push/pull,
		// each minute among so many.
		const size, repaired = 50, 3 * time.Minute
		n := mustNetwork(t, Config{Seed: 1, Latency: 500 * time.Microsecond, Jitter: 100 * time.Microsecond})
		nodes, endpoints := mesh(t, n, size)
		within(t, repaired, "all see all", all(nodes, func(s *serf.Serf) bool { return count(s, serf.StatusAlive) == size }))

		mustApply(t, n, Loss{Rate: 0.05})
		time.Sleep(time.Minute)
		if !all(nodes, func(s *serf.Serf) bool { return count(s, serf.StatusAlive) == size })() {
			t.Error("a minute with 5 % loss: somebody healthy is missed")
		}
		n.Heal()

		endpoints[7].Crash()
		rest := append(append([]*serf.Serf{}, nodes[:7]...), nodes[8:]...)
		took := within(t, repaired, "a crash is seen by all", all(rest, func(s *serf.Serf) bool { return count(s, serf.StatusFailed) == 1 }))
		if took < time.Second {
			t.Errorf("a crash was known after %v: too good", took)
		}

		// The node that was cut off comes back by itself: streams and datagrams
		// work again, on the same ports.
		cut := Cut{A: "dc0", B: "dc1"}
		mustApply(t, n, cut)
		time.Sleep(30 * time.Second)
		if got := count(rest[0], serf.StatusAlive); got > size/2+1 {
			t.Errorf("%d alive in one half of a split mesh", got)
		}
		n.Lift(cut)
		within(t, repaired, "two halves heal", all(rest, func(s *serf.Serf) bool { return count(s, serf.StatusAlive) == size-1 }))

		stats := endpoints[0].Stats()
		if stats.PacketsIn == 0 || stats.PacketsOut == 0 || stats.StreamBytesIn == 0 || stats.StreamBytesOut == 0 || stats.Overflowed > 0 {
			t.Errorf("counted %+v", stats)
		}
		shutdown(nodes)
	})
}

// The same world, with the clock on the wall.
func TestSerfInRealTime(t *testing.T) {
	n := mustNetwork(t, Config{Seed: 1, Latency: 100 * time.Microsecond})
	nodes, _ := mesh(t, n, 3)
	within(t, 5*time.Second, "all see all", all(nodes, func(s *serf.Serf) bool { return count(s, serf.StatusAlive) == 3 }))
	for _, node := range nodes {
		node.Shutdown()
	}
}
