package node

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/checks"
	"github.com/yodel-mesh/yodel/gossip"
	"github.com/yodel-mesh/yodel/sim"
)

// apply makes a fault; lift ends it.
func (m *mesh) apply(f sim.Fault) {
	m.t.Helper()
	if err := m.net.Apply(f); err != nil {
		m.t.Fatal(err)
	}
}

// split cuts every link between the first half and the second.
func (m *mesh) split(at int) {
	for i := range at {
		for j := at; j < len(m.ends); j++ {
			m.apply(sim.Cut{A: m.ends[i].Name(), B: m.ends[j].Name()})
		}
	}
}

func (m *mesh) allHealth(nodes []*Node, node, service string, want catalog.Health) error {
	for _, n := range nodes {
		if got := health(n, node, service); got != want {
			return fmt.Errorf("%s: %s on %s is %s, want %s", n.conf().NodeName, service, node, got, want)
		}
	}
	return nil
}

func TestTwoHalvesBecomeOneAgain(t *testing.T) {
	inMesh(t, 10, func(m *mesh) {
		left, right := m.nodes[:5], m.nodes[5:]
		m.split(5)
		m.within(12*time.Second, "each half has given up the other", func() error {
			for i := range 5 {
				if err := m.allSee(left, fmt.Sprintf("n%d", 5+i), catalog.Failed); err != nil {
					return err
				}
				if err := m.allSee(right, fmt.Sprintf("n%d", i), catalog.Failed); err != nil {
					return err
				}
			}
			return nil
		})
		register(t, left[1], "west")
		register(t, right[1], "east")
		m.within(time.Second, "the left knows of its change", func() error { return m.allHealth(left, "n1", "west", catalog.Passing) })
		m.within(time.Second, "the right knows of its change", func() error { return m.allHealth(right, "n6", "east", catalog.Passing) })
		time.Sleep(30 * time.Second)
		m.net.Heal()
		took := m.within(15*time.Second, "whole again", func() error {
			for i := range 10 {
				if err := m.allSee(m.nodes, fmt.Sprintf("n%d", i), catalog.Alive); err != nil {
					return err
				}
			}
			return m.agree(m.nodes...)
		})
		t.Log("whole:", took)
		if err := m.allHealth(m.nodes, "n6", "east", catalog.Passing); err != nil {
			t.Error(err)
		}
		if err := m.allHealth(m.nodes, "n1", "west", catalog.Passing); err != nil {
			t.Error(err)
		}
	})
}

func TestWhoCannotReachEachOtherStillHear(t *testing.T) {
	inMesh(t, 3, func(m *mesh) {
		m.apply(sim.Cut{A: "e0", B: "e2"})
		time.Sleep(30 * time.Second)
		for i := range 3 {
			if err := m.allSee(m.nodes, fmt.Sprintf("n%d", i), catalog.Alive); err != nil {
				t.Fatal("after 30 s:", err)
			}
		}
		register(t, m.nodes[0], "web")
		took := m.within(2*time.Second, "n2 knows what n0 says", func() error { return m.allHealth(m.nodes, "n0", "web", catalog.Passing) })
		t.Log("bridged:", took)
	})
}

// TestPullRepairsWhatGossipLoses: with every word lost, the summaries that ride
// on probes make the catalogs equal all the same, soon.
func TestPullRepairsWhatGossipLoses(t *testing.T) {
	inMesh(t, 6, func(m *mesh) {
		m.deaf.Store(true)
		for i := range 20 {
			register(t, m.nodes[0], fmt.Sprintf("s%d", i))
		}
		took := m.within(5*time.Second, "equal without a word", func() error { return m.agree(m.nodes...) })
		t.Log("repaired:", took)
	})
}

func TestRestartWithoutSeedsAndWithoutMemory(t *testing.T) {
	inMesh(t, 5, func(m *mesh) {
		register(t, m.nodes[2], "old")
		m.within(time.Second, "all know the service", func() error { return m.allHealth(m.nodes, "n2", "old", catalog.Passing) })
		before := m.nodes[2].Origin()
		m.ends[2].Crash()
		if err := m.nodes[2].Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		m.ends[2].Boot()
		c := settings(2)
		n := m.startWith(m.ends[2], 2, c) // no data directory: a new identity under the old name
		if n.Origin() == before {
			t.Fatal("the identity is the old one")
		}
		m.within(10*time.Second, "the new one has the name", func() error {
			if err := m.allHealth(m.nodes, "n2", "old", "absent"); err != nil {
				return err
			}
			if err := m.allSee(m.nodes, "n2", catalog.Alive); err != nil {
				return err
			}
			return m.agree(m.nodes...)
		})
	})
}

// TestRestartWithMemory: without any seed it finds the mesh again, answers from
// its disk before that, keeps its identity, and its checks keep their status.
func TestRestartWithMemory(t *testing.T) {
	inMesh(t, 5, func(m *mesh) {
		c := settings(5)
		c.DataDir = t.TempDir()
		n := m.startWith(m.place(5), 5, c)
		register(t, n, "web")
		m.within(10*time.Second, "all know all", func() error {
			if err := m.allHealth(m.nodes, "n5", "web", catalog.Passing); err != nil {
				return err
			}
			return m.agree(m.nodes...)
		})
		time.Sleep(5 * time.Second)
		before := n.Origin()
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		m.ends[5].Crash()
		time.Sleep(20 * time.Second)
		m.ends[5].Boot()
		m.apply(sim.Down{A: "e5"})
		c.RetryJoin = nil
		n = m.startWith(m.ends[5], 5, c)
		if n.Origin() != before {
			t.Error("the identity is a new one")
		}
		if err := m.allSee([]*Node{n}, "n2", catalog.Alive); err != nil {
			t.Error("before it has joined anybody:", err)
		}
		if got := health(n, "n5", "web"); got != catalog.Passing {
			t.Errorf("its own service begins as %s", got)
		}
		time.Sleep(10 * time.Second)
		m.net.Heal()
		took := m.within(15*time.Second, "back in the mesh", func() error {
			if err := m.allHealth(m.nodes, "n5", "web", catalog.Passing); err != nil {
				return err
			}
			return m.agree(m.nodes...)
		})
		t.Log("back:", took)
		if got := len(n.changes.since(time.Time{}, "n2")); got == 0 {
			t.Error("the change log was forgotten")
		}
	})
}

func TestLeaveIsNotFailure(t *testing.T) {
	inMesh(t, 5, func(m *mesh) {
		if err := m.nodes[4].Leave(context.Background()); err != nil {
			t.Fatal(err)
		}
		m.within(time.Second, "n4 has left", func() error { return m.allSee(m.nodes[:4], "n4", catalog.Left) })
		time.Sleep(20 * time.Second)
		if err := m.allSee(m.nodes[:4], "n4", catalog.Left); err != nil {
			t.Error("20 s later:", err)
		}
	})
}

func TestForceLeave(t *testing.T) {
	inMesh(t, 5, func(m *mesh) {
		if err := m.nodes[0].ForceLeave("n3"); err == nil {
			t.Error("a node that is here was made to leave")
		}
		m.ends[3].Crash()
		m.nodes[3].stop()
		others := slices.Delete(slices.Clone(m.nodes), 3, 4)
		m.within(5*time.Second, "n3 is failed", func() error { return m.allSee(others, "n3", catalog.Failed) })
		if err := m.nodes[0].ForceLeave("N3"); err != nil {
			t.Fatal(err)
		}
		m.within(2*time.Second, "n3 has left", func() error { return m.allSee(others, "n3", catalog.Left) })
	})
}

// TestDiskRestoredFromACopy: a node says things under numbers that it used
// before, for others. It finds out and says everything anew.
func TestDiskRestoredFromACopy(t *testing.T) {
	inMesh(t, 4, func(m *mesh) {
		register(t, m.nodes[1], "real")
		m.within(time.Second, "all know", func() error { return m.allHealth(m.nodes, "n1", "real", catalog.Passing) })
		ghost := catalog.Delta{Origin: m.nodes[1].Origin(), From: 0, To: 500, Floor: 499, Entries: []catalog.Entry{
			{Number: 500, Key: catalog.KeyService("ghost"), Value: encoded(t, catalog.Service{ID: "ghost", Name: "ghost"})},
		}}
		if news := m.nodes[2].learn(ghost); len(news) != 1 {
			t.Fatal("refused")
		}
		m.within(10*time.Second, "the ghost is gone and the real one is back", func() error {
			if err := m.allHealth(m.nodes, "n1", "ghost", "absent"); err != nil {
				return err
			}
			if err := m.allHealth(m.nodes, "n1", "real", catalog.Passing); err != nil {
				return err
			}
			return m.agree(m.nodes...)
		})
	})
}

func encoded(t testing.TB, v any) []byte {
	t.Helper()
	b, err := catalog.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLossIsNoFailure(t *testing.T) {
	inMesh(t, 20, func(m *mesh) {
		m.apply(sim.Loss{Rate: 0.10})
		failures := 0
		for range 300 {
			time.Sleep(time.Second)
			for _, n := range m.nodes {
				for _, c := range n.View().Nodes() {
					if c.Status != catalog.Alive {
						failures++
					}
				}
			}
		}
		if failures > 0 {
			t.Errorf("%d times in 5 minutes, somebody took a healthy node for failed", failures)
		}
		register(t, m.nodes[7], "web")
		took := m.within(2*time.Second, "all know", func() error { return m.allHealth(m.nodes, "n7", "web", catalog.Passing) })
		t.Log("news at 10 % loss:", took)
	})
}

// TestABurstEndsInTheFinalState: every node's check flaps; soon all know how
// it ended.
func TestABurstEndsInTheFinalState(t *testing.T) {
	inMesh(t, 30, func(m *mesh) {
		for _, n := range m.nodes {
			register(t, n, "web")
		}
		m.within(5*time.Second, "all know all", func() error { return m.agree(m.nodes...) })
		for i := range 10 {
			for _, n := range m.nodes {
				s := checks.Critical
				if i%2 == 1 {
					s = checks.Passing
				}
				if err := n.SetTTL("service:web", s, fmt.Sprint(i)); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
		took := m.within(2*time.Second, "the final state everywhere", func() error {
			for i := range m.nodes {
				if err := m.allHealth(m.nodes, fmt.Sprintf("n%d", i), "web", catalog.Passing); err != nil {
					return err
				}
			}
			return m.agree(m.nodes...)
		})
		t.Log("final state:", took)
	})
}

func TestForeignWordsAreRefused(t *testing.T) {
	inMesh(t, 3, func(m *mesh) {
		for _, word := range [][]byte{nil, {0xff}, []byte("garbage"), encoded(t, catalog.Row{})} {
			for _, kind := range []string{wordNews, wordHint, "other"} {
				m.nodes[1].heard(kind, word)
			}
		}
		m.nodes[1].compare("nobody", []byte{1}, 0)
		m.nodes[1].compare(m.nodes[0].Origin().String(), make([]byte, 15), 0)
		m.nodes[1].compare(m.nodes[0].Origin().String(), make([]byte, 16), 0)
		m.nodes[1].member(gossip.Member{ID: "not an origin"})
		time.Sleep(2 * time.Second)
		if err := m.agree(m.nodes...); err != nil {
			t.Error(err)
		}
	})
}

// TestSummaryFollowsWhatIsKnown: a pull that closes a gap may bring no news, and
// what is known has changed all the same. A summary that stays behind makes all
// others ask for ever.
func TestSummaryFollowsWhatIsKnown(t *testing.T) {
	inMesh(t, 1, func(m *mesh) {
		n, o := m.nodes[0], catalog.Origin{1}
		early := catalog.Entry{Number: 3, Key: catalog.KeyCheck("web"), Value: []byte{0xa0}}
		if got := n.learn(catalog.Delta{Origin: o, From: 2, To: 3, Status: catalog.Alive, Entries: []catalog.Entry{early}}); !got[0].Gap {
			t.Fatal("no gap")
		}
		before := n.Summary()
		n.learn(catalog.Delta{Origin: o, From: 0, To: 3, Status: catalog.Alive, Entries: []catalog.Entry{early}})
		if got := n.catalog.Summary(); n.Summary() != got || got == before {
			t.Errorf("says %x, knows %x, said %x before", n.Summary(), got, before)
		}
	})
}
