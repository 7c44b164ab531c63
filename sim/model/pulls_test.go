package model

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/checks"
	"github.com/yodel-mesh/yodel/config"
	"github.com/yodel-mesh/yodel/gossip"
	"github.com/yodel-mesh/yodel/node"
	"github.com/yodel-mesh/yodel/sim"
)

// With all words lost, news travels by the pulls that differing summaries lead
// to, as in real nodes.
func TestPullsRepairAsInTheRealCode(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a mesh of the real code")
	}
	const nodes, words = 24, 30
	var real [][]time.Duration
	synctest.Test(t, func(t *testing.T) { real = pulledByNodes(t, nodes, words) })
	c := worldOf(nodes, gossip.LAN())
	c.News.Silent = true
	// node's constants of the same names, and its pullFruitful
	c.Settings.PullPause, c.Settings.PullPausePerNode, c.Settings.PullPatience = 300*time.Millisecond, time.Millisecond, 10*time.Second
	s, err := Spread(c, 400)
	if err != nil {
		t.Fatal(err)
	}
	var model [][]time.Duration
	for _, d := range s.News {
		model = append(model, d.Reached)
	}
	comparePooled(t, 0.5, model, real)
	comparePooled(t, 0.9, model, real)
	compare(t, "median of the last", model, real, middle(last))
}

// pulledByNodes has nodes in turn change a check, and answers when each node
// knew.
func pulledByNodes(t *testing.T, size, words int) [][]time.Duration {
	network, err := sim.NewNetwork(sim.Config{Seed: 1, Latency: 500 * time.Microsecond, Jitter: 100 * time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	var deaf atomic.Bool
	var all []*node.Node
	for i := range size {
		time.Sleep(network.Random(400 * time.Millisecond)) // tickers out of step
		all = append(all, startNode(t, network, i, &deaf))
	}
	for i, n := range all {
		err := n.RegisterService(config.Service{
			Service: catalog.Service{ID: "web", Name: "web", Port: 80},
			Checks:  []checks.Definition{{ID: "service:web", Name: "web", ServiceID: "web", TTL: 24 * time.Hour, Status: checks.Passing}},
		})
		if err != nil {
			t.Fatal(i, err)
		}
	}
	time.Sleep(30 * time.Second)
	deaf.Store(true)
	var seen [][]time.Duration
	for i := range words {
		name := fmt.Sprint("n", i%size)
		want := catalog.Critical
		status := checks.Critical
		if i >= size {
			want, status = catalog.Passing, checks.Passing
		}
		time.Sleep(12*time.Second + network.Random(time.Second)) // what led to nothing is forgotten
		began := time.Now()
		if err := all[i%size].SetTTL("service:web", status, ""); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, waitFor(t, all, name, want, began))
	}
	for _, n := range all {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	network.Close()
	time.Sleep(30 * time.Second)
	return seen
}

// waitFor is when each node sees a service of another so.
func waitFor(t *testing.T, all []*node.Node, name string, want catalog.Health, began time.Time) []time.Duration {
	var seen []time.Duration
	knows := make([]bool, len(all))
	for len(seen) < len(all) {
		if time.Since(began) > time.Minute {
			t.Fatalf("%d of %d know after a minute", len(seen), len(all))
		}
		for i, n := range all {
			if c := n.View().Node(name); !knows[i] && c != nil && c.Health("web") == want {
				knows[i] = true
				seen = append(seen, time.Since(began))
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	slices.Sort(seen)
	return seen
}

func startNode(t *testing.T, network *sim.Network, i int, deaf *atomic.Bool) *node.Node {
	address := netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})
	end, err := network.Add(fmt.Sprint("e", i), address)
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.NodeName = fmt.Sprint("n", i)
	c.BindAddr, c.AdvertiseAddr = address, address
	c.Ports.DNS, c.Ports.HTTP = -1, -1
	if i > 0 {
		c.RetryJoin = []string{"10.0.0.1"}
	}
	transport, err := end.Transport(uint16(c.Ports.Gossip))
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.Start(c, node.World{
		Transport: transport, Dial: end.Dial,
		Listen: func(a string) (net.Listener, error) {
			_, port, err := net.SplitHostPort(a)
			if err != nil {
				return nil, err
			}
			p, err := strconv.ParseUint(port, 10, 16)
			if err != nil {
				return nil, err
			}
			return end.Listen(uint16(p))
		},
		Facts: func(context.Context) (catalog.Facts, []error) { return catalog.Facts{}, nil },
		Lose:  func(string) bool { return deaf.Load() },
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
