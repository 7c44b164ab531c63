package model

import (
	"fmt"
	"math"
	"time"
)

// Config is a world: hosts, the links between them, what is wrong with them,
// and the settings of their mesh.
type Config struct {
	Nodes       int
	Datacenters int // the nodes are dealt to them evenly; 0: one
	Racks       int // in each data centre; 0: racks make no difference

	// Bridges is how many nodes of each data centre join it to the others. 0:
	// the mesh is flat, every node is a member of the one. Else it is a mesh of
	// meshes: one for each data centre, and one of all bridges.
	Bridges int

	Links   Links
	Starved Starved
	Kills   int // nodes that die at the same instant; Kill needs one
	News    News

	Settings Settings
	Wire     Wire // zero: Measured

	// Patience is how long an experiment waits for news to reach the last
	// node, or for the last node to see a death. 0: a minute.
	Patience time.Duration

	Seed      uint64
	MemoryMax int64 // bytes that a run may need; 0: 4 GiB
}

// Links are what packets meet on their way, by how far two nodes are apart.
type Links struct {
	Rack       Link // within a rack; not used when Racks is 0
	Datacenter Link // within a data centre
	Between    Link // between two of them
}

// A Link delays packets and loses some.
type Link struct {
	Latency time.Duration // one way
	Jitter  time.Duration // added: uniform, from 0 to this
	Loss    float64       // 0 to 1; a stream sends again what is lost
}

// Starved are nodes short of CPU: for Stall out of every Period nothing that
// was sent to them is handled, and nothing that they send leaves.
type Starved struct {
	Nodes         int
	Stall, Period time.Duration
}

// News is what the nodes say.
type News struct {
	Size   int           // bytes of a word; 0: 120
	Every  time.Duration // between two; 0: each when the one before is over
	Before int           // words said before the run, which a push/pull still carries
	Silent bool          // words are lost, all of them: news travels by pulls alone
}

// Settings are the rhythm of a mesh: those of package gossip, by the same
// names, and those of node's pulls.
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

	PushPullInterval time.Duration // between two exchanges of the whole member list; grows from 32 members on
	EventBuffer      int           // words that such an exchange carries

	ExchangePause        time.Duration // between two that differing acks ask for; 0: there are none
	ExchangePausePerNode time.Duration // added for each member
	ExchangeQuiet        time.Duration // a change is on its way to all for so long
	ExchangeLate         time.Duration // with changes all the time, one is made all the same

	PullPause        time.Duration // between two pulls that a summary asked for; 0: there are no pulls
	PullPausePerNode time.Duration // added for each node
	PullPatience     time.Duration // how long two summaries that led to nothing are left alone
}

// What has a limit for the sake of the arithmetic or of memory.
const (
	nodesMax       = 10_000_000 // numbers of members are 32 bits wide, and memory ends before
	newsMax        = 100_000
	settingMax     = 100
	accusersMax    = 6 // that a suspicion remembers: SuspicionMult - 1 of them are ever counted
	datagramMax    = 1400
	packetOverhead = 2 // of a compound of messages, and of each message in it
)

func (c Config) withDefaults() Config {
	c.Datacenters = max(c.Datacenters, 1)
	if c.Wire == (Wire{}) {
		c.Wire = Measured()
	}
	if c.News.Size == 0 {
		c.News.Size = 120
	}
	if c.Patience == 0 {
		c.Patience = time.Minute
	}
	if c.MemoryMax == 0 {
		c.MemoryMax = 4 << 30
	}
	return c
}

// Check names the first field that makes the world impossible.
func (c Config) Check() error {
	c.Datacenters = max(c.Datacenters, 1)
	for _, f := range []struct {
		name               string
		value, least, most int
	}{
		{"Nodes", c.Nodes, 2, nodesMax}, {"Datacenters", c.Datacenters, 1, c.Nodes / 2}, {"Racks", c.Racks, 0, c.Nodes},
		{"Bridges", c.Bridges, 0, c.Nodes / c.Datacenters}, {"Kills", c.Kills, 0, c.Nodes - 2}, {"Starved.Nodes", c.Starved.Nodes, 0, c.Nodes},
		{"News.Size", c.News.Size, 0, 1024}, {"News.Before", c.News.Before, 0, newsMax},
	} {
		if f.value < f.least || f.value > f.most {
			return fmt.Errorf("%s: %d, want %d to %d", "Config."+f.name, f.value, f.least, f.most)
		}
	}
	if c.Bridges > 0 && c.Datacenters == 1 {
		return fmt.Errorf("Config.Bridges: %d in one data centre: there is nothing to bridge", c.Bridges)
	}
	for name, value := range map[string]time.Duration{"Patience": c.Patience, "News.Every": c.News.Every, "Starved.Stall": c.Starved.Stall, "Starved.Period": c.Starved.Period} {
		if value < 0 {
			return fmt.Errorf("%s: %v is negative", "Config."+name, value)
		}
	}
	if c.Starved.Nodes > 0 && (c.Starved.Stall <= 0 || c.Starved.Stall >= c.Starved.Period) {
		return fmt.Errorf("Config.Starved.Stall: %v, want more than 0 and less than Starved.Period, %v", c.Starved.Stall, c.Starved.Period)
	}
	if err := c.Links.check(); err != nil {
		return err
	}
	if err := c.Settings.check(c.smallest()); err != nil {
		return err
	}
	return c.Wire.check()
}

// smallest is the size of the smallest mesh.
func (c Config) smallest() int {
	if c.Bridges == 0 {
		return c.Nodes
	}
	return min(c.Nodes, c.Bridges*c.Datacenters, c.Nodes/c.Datacenters)
}

func (l Links) check() error {
	for _, one := range []struct {
		name string
		link Link
	}{{"Rack", l.Rack}, {"Datacenter", l.Datacenter}, {"Between", l.Between}} {
		switch {
		case one.link.Latency < 0:
			return fmt.Errorf("Config.Links.%s.Latency: %v is negative", one.name, one.link.Latency)
		case one.link.Jitter < 0:
			return fmt.Errorf("Config.Links.%s.Jitter: %v is negative", one.name, one.link.Jitter)
		case !(one.link.Loss >= 0 && one.link.Loss <= 1): // NaN compares with nothing
			return fmt.Errorf("Config.Links.%s.Loss: %v, want 0 to 1", one.name, one.link.Loss)
		}
	}
	return nil
}

// check names a setting that no mesh could work with, or that the model cannot
// follow in one of so many members.
func (s Settings) check(members int) error {
	for _, f := range []struct {
		name  string
		value time.Duration
		least time.Duration
	}{
		{"GossipInterval", s.GossipInterval, 1}, {"ProbeInterval", s.ProbeInterval, 1}, {"ProbeTimeout", s.ProbeTimeout, 1},
		{"PushPullInterval", s.PushPullInterval, 1}, {"SuspicionWindow", s.SuspicionWindow, 0},
		{"ExchangePause", s.ExchangePause, 0}, {"ExchangePausePerNode", s.ExchangePausePerNode, 0}, {"ExchangeQuiet", s.ExchangeQuiet, 0}, {"ExchangeLate", s.ExchangeLate, 0},
		{"PullPause", s.PullPause, 0}, {"PullPausePerNode", s.PullPausePerNode, 0}, {"PullPatience", s.PullPatience, 0},
	} {
		if f.value < f.least {
			return fmt.Errorf("Config.Settings.%s: %v, want %v or more", f.name, f.value, f.least)
		}
	}
	for _, f := range []struct {
		name               string
		value, least, most int
	}{
		{"GossipNodes", s.GossipNodes, 1, settingMax}, {"RetransmitMult", s.RetransmitMult, 1, settingMax / 4}, {"EagerNodes", s.EagerNodes, 0, settingMax},
		{"IndirectChecks", s.IndirectChecks, 0, settingMax}, {"SuspicionMult", s.suspicionMult(members), 1, accusersMax + 1}, {"SuspicionMax", s.SuspicionMax, 1, settingMax},
		{"AwarenessMax", s.AwarenessMax, 1, settingMax}, {"EventBuffer", s.EventBuffer, 0, newsMax},
	} {
		if f.value < f.least || f.value > f.most {
			return fmt.Errorf("Config.Settings.%s: %d, want %d to %d", f.name, f.value, f.least, f.most)
		}
	}
	if s.ProbeTimeout >= s.ProbeInterval {
		return fmt.Errorf("Config.Settings.ProbeTimeout: %v, want less than ProbeInterval, %v", s.ProbeTimeout, s.ProbeInterval)
	}
	return nil
}

// suspicionMult is the factor that makes the window of a mesh of n members at
// least SuspicionWindow, as package gossip reckons it.
func (s Settings) suspicionMult(n int) int {
	if s.SuspicionWindow == 0 {
		return s.SuspicionMult
	}
	scale := max(1, math.Log10(float64(n))) * float64(s.ProbeInterval)
	return max(1, int(math.Ceil(float64(s.SuspicionWindow)/scale-0.05)))
}

// ready has defaults in place, or says what is impossible: a field, or that
// the run needs more memory than it may have.
func (c Config) ready(news, results int) (Config, error) {
	if err := c.Check(); err != nil {
		return c, err
	}
	c = c.withDefaults()
	if need := c.memory(news, results); need > c.MemoryMax {
		return c, fmt.Errorf("a run of %d nodes with %d news at once needs %d MB, Config.MemoryMax is %d MB", c.Nodes, news, need>>20, c.MemoryMax>>20)
	}
	return c, nil
}

// memory is what a run needs at most, in bytes, by the sizes of what it keeps:
// for each member itself, its tickers and what it has queued; for each news and
// each subject, what each member thinks of it; for each result, when it reached
// each node. Half again is the collector's.
func (c Config) memory(news, results int) int64 {
	const member, newsView, result = 600, 12, 8
	return int64(c.members()) * int64(member+news*newsView+results*result+c.Kills*viewSize) * 3 / 2
}

// members are more than nodes in a mesh of meshes: a bridge is one of two.
func (c Config) members() int { return c.Nodes + c.Bridges*c.Datacenters }
