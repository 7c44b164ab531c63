package gossip

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/yodel-mesh/yodel/sim"
)

func TestWindowIsTheSameInAnyMesh(t *testing.T) {
	s := LAN()
	for _, n := range []int{1, 2, 5, 10, 20, 50, 100, 300, 1000, 2000, 10_000} {
		scale := time.Duration(max(1, math.Log10(float64(n))) * float64(s.ProbeInterval))
		window := time.Duration(s.suspicionMult(n)) * scale
		if least := s.SuspicionWindow * 95 / 100; window < least || window > s.SuspicionWindow+scale {
			t.Errorf("of %d members: %v to object, want %v to %v", n, window, least, s.SuspicionWindow+scale)
		}
	}
	if got := Stock().suspicionMult(1000); got != 4 {
		t.Errorf("Serf's own is %d, want 4", got)
	}
}

func TestSettingsThatNoMeshCanHave(t *testing.T) {
	for _, s := range []Settings{LAN(), Stock()} {
		if err := s.Check(); err != nil {
			t.Error(err)
		}
	}
	for field, change := range map[string]func(*Settings){
		"GossipInterval":    func(s *Settings) { s.GossipInterval = 0 },
		"GossipNodes":       func(s *Settings) { s.GossipNodes = 0 },
		"EagerNodes":        func(s *Settings) { s.EagerNodes = -1 },
		"ProbeTimeout":      func(s *Settings) { s.ProbeTimeout = s.ProbeInterval },
		"SuspicionMult":     func(s *Settings) { s.SuspicionWindow, s.SuspicionMult = 0, 0 },
		"SuspicionWindow":   func(s *Settings) { s.SuspicionWindow = -1 },
		"SuspicionMax":      func(s *Settings) { s.SuspicionMax = 101 },
		"ReconnectInterval": func(s *Settings) { s.ReconnectInterval = -time.Second },
	} {
		s := LAN()
		change(&s)
		if err := s.Check(); err == nil || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("a wrong %s: %v", field, err)
		}
	}
}

// TestExchangeRepairsWhatGossipLost: a member that hears no datagrams while
// others come and go learns of them soon after, though nobody tells it any more.
func TestExchangeRepairsWhatGossipLost(t *testing.T) {
	inMesh(t, 8, nil, func(t *testing.T, all []testMember, network *sim.Network) {
		mute := sim.Mute{A: "e5"} // its probes go by streams meanwhile
		if err := network.Apply(mute); err != nil {
			t.Fatal(err)
		}
		late := startMember(t, network, 8, nil)
		defer late.Close()
		if _, err := late.Join([]string{"10.0.0.1:8301"}); err != nil {
			t.Fatal(err)
		}
		if err := all[7].Leave(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second) // all copies of that have been sent
		if got := all[5].status("id8"); got != "" {
			t.Fatalf("the muted member sees the late one %s: nothing is left to repair", got)
		}
		network.Lift(mute)
		time.Sleep(12 * time.Second)
		if got := all[5].status("id8"); got != Alive {
			t.Errorf("the late one is %q, want alive", got)
		}
		if got := all[5].status("id7"); got != Left && got != Failed {
			t.Errorf("the one that left is %q", got)
		}
		for i, m := range all[:7] {
			if n := m.Stats().Exchanged; n > 3 {
				t.Errorf("member %d made %d exchanges", i, n)
			}
		}
	})
}

// TestQuietMeshMakesNoExchanges: who agrees has nothing to compare.
func TestQuietMeshMakesNoExchanges(t *testing.T) {
	inMesh(t, 20, nil, func(t *testing.T, all []testMember, _ *sim.Network) {
		time.Sleep(5 * time.Minute)
		for i, m := range all {
			if n := m.Stats().Exchanged; n > 0 {
				t.Errorf("member %d made %d exchanges", i, n)
			}
		}
	})
}

func TestNamesThatLookAlike(t *testing.T) {
	if got := short(fmt.Sprintf("%026d", 1)); got != "0000000000" {
		t.Errorf("goes by %q", got)
	}
	if got := short("id1"); got != "id1" {
		t.Errorf("goes by %q", got)
	}
}
