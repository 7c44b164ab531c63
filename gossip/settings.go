package gossip

import (
	"fmt"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// Settings are the rhythm of a mesh. They belong together, and all members
// should have the same.
type Settings struct {
	GossipInterval time.Duration // between two rounds of timer-driven gossip
	GossipNodes    int           // members told in each round
	RetransmitMult int           // a message is sent to this times log10(members) in all
	EagerNodes     int           // members handed a word at once when it is news; 0: none

	ProbeInterval  time.Duration // between two probes of a member
	ProbeTimeout   time.Duration // until others are asked to probe it
	IndirectChecks int           // how many are asked
	SuspicionMult  int           // a suspect has this times log10(members) probe intervals to object,
	SuspicionMax   int           // or up to so many times that while nobody else suspects it

	// SuspicionWindow, if not 0, takes the place of SuspicionMult: a suspect has
	// this time to object in a mesh of any size, or a little more.
	SuspicionWindow time.Duration

	AwarenessMax int // a member that doubts itself slows its probes down by this at most

	PushPullInterval  time.Duration // between two exchanges of the whole member list by the clock; grows from 32 members on
	ReconnectInterval time.Duration // between two calls to a member that failed
}

// LAN are the settings that ship. Each was chosen with the others in place, by
// measurement: DESIGN.md, section 6.
func LAN() Settings {
	return Settings{
		GossipInterval: 100 * time.Millisecond, // news is pushed eagerly; this is its repair
		GossipNodes:    4,
		RetransmitMult: 4,
		EagerNodes:     8, // 1,000 nodes are reached in 4 hops, with duplicates to spare for loss

		ProbeInterval:   400 * time.Millisecond,
		ProbeTimeout:    200 * time.Millisecond,  // two data centres are 100 ms apart at most
		IndirectChecks:  12,                      // at 20 % loss each halves the doubt, and with few suspects the mesh has room for their objections
		SuspicionWindow: 2400 * time.Millisecond, // suspicion and objection each take up to half a second to reach all of 1,000
		SuspicionMax:    3,                       // a host that is cut off is alone with its suspicions
		AwarenessMax:    4,                       // with 8 it takes a minute to see that it is alone

		PushPullInterval:  6 * time.Hour,   // a last resort: differences are repaired when they are seen
		ReconnectInterval: 3 * time.Second, // a healed partition is whole again within 15 s
	}
}

// Stock are Serf's own for a LAN, to compare with.
func Stock() Settings {
	ml, sc := memberlist.DefaultLANConfig(), serf.DefaultConfig()
	return Settings{
		GossipInterval: ml.GossipInterval, GossipNodes: ml.GossipNodes, RetransmitMult: ml.RetransmitMult,
		ProbeInterval: ml.ProbeInterval, ProbeTimeout: ml.ProbeTimeout, IndirectChecks: ml.IndirectChecks,
		SuspicionMult: ml.SuspicionMult, SuspicionMax: ml.SuspicionMaxTimeoutMult, AwarenessMax: ml.AwarenessMaxMultiplier,
		PushPullInterval: ml.PushPullInterval, ReconnectInterval: sc.ReconnectInterval,
	}
}

// Check names the first setting that no mesh could work with.
func (s Settings) Check() error {
	for _, f := range []struct {
		name  string
		value time.Duration
	}{
		{"GossipInterval", s.GossipInterval}, {"ProbeInterval", s.ProbeInterval}, {"ProbeTimeout", s.ProbeTimeout},
		{"PushPullInterval", s.PushPullInterval}, {"ReconnectInterval", s.ReconnectInterval},
	} {
		if f.value <= 0 {
			return fmt.Errorf("%s: %v, want more than 0", f.name, f.value)
		}
	}
	for _, f := range []struct {
		name         string
		value, least int
	}{
		{"GossipNodes", s.GossipNodes, 1}, {"RetransmitMult", s.RetransmitMult, 1}, {"EagerNodes", s.EagerNodes, 0},
		{"IndirectChecks", s.IndirectChecks, 0}, {"SuspicionMult", s.suspicionMult(1), 1}, {"SuspicionMax", s.SuspicionMax, 1},
		{"AwarenessMax", s.AwarenessMax, 1},
	} {
		if f.value < f.least || f.value > settingMax {
			return fmt.Errorf("%s: %d, want %d to %d", f.name, f.value, f.least, settingMax)
		}
	}
	if s.SuspicionWindow < 0 || s.SuspicionWindow > windowMax {
		return fmt.Errorf("SuspicionWindow: %v, want 0 to %v", s.SuspicionWindow, windowMax)
	}
	if s.ProbeTimeout >= s.ProbeInterval {
		return fmt.Errorf("ProbeTimeout: %v, want less than ProbeInterval, %v", s.ProbeTimeout, s.ProbeInterval)
	}
	return nil
}

// Beyond these a setting is a slip of the hand.
const (
	settingMax = 100
	windowMax  = 5 * time.Minute
)

// apply puts the settings into Serf's configuration.
func (s Settings) apply(sc *serf.Config, ml *memberlist.Config) {
	ml.GossipInterval, ml.GossipNodes, ml.RetransmitMult = s.GossipInterval, s.GossipNodes, s.RetransmitMult
	ml.ProbeInterval, ml.ProbeTimeout, ml.IndirectChecks = s.ProbeInterval, s.ProbeTimeout, s.IndirectChecks
	ml.SuspicionMult, ml.SuspicionMaxTimeoutMult, ml.AwarenessMaxMultiplier = s.suspicionMult(1), s.SuspicionMax, s.AwarenessMax
	ml.PushPullInterval = s.PushPullInterval
	sc.ReconnectInterval = s.ReconnectInterval
}
