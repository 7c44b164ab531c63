package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/yodel-mesh/yodel/gossip"
)

func small() Config { return worldOf(100, gossip.LAN()) }

func TestImpossibleWorldsAreRefusedByField(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"Config.Nodes: 1,":                           func(c *Config) { c.Nodes = 1 },
		"Config.Datacenters: 60, want 1 to 50":       func(c *Config) { c.Datacenters = 60 },
		"Config.Bridges: 2 in one data centre":       func(c *Config) { c.Bridges = 2 },
		"Config.Bridges: 26, want 0 to 25":           func(c *Config) { c.Datacenters, c.Bridges = 4, 26 },
		"Config.Kills: 99, want 0 to 98":             func(c *Config) { c.Kills = 99 },
		"Config.Starved.Nodes: 101, want 0 to 100":   func(c *Config) { c.Starved.Nodes = 101 },
		"Config.Starved.Stall: 0s":                   func(c *Config) { c.Starved.Nodes = 1 },
		"Config.Patience: -1s is negative":           func(c *Config) { c.Patience = -time.Second },
		"Config.News.Size: 2000":                     func(c *Config) { c.News.Size = 2000 },
		"Config.Links.Datacenter.Latency: -1ns":      func(c *Config) { c.Links.Datacenter.Latency = -1 },
		"Config.Links.Between.Jitter: -1ns":          func(c *Config) { c.Links.Between.Jitter = -1 },
		"Config.Links.Rack.Loss: 1.5, want 0 to 1":   func(c *Config) { c.Links.Rack.Loss = 1.5 },
		"Config.Links.Datacenter.Loss: NaN":          func(c *Config) { c.Links.Datacenter.Loss = math.NaN() },
		"Config.Settings.GossipNodes: 0":             func(c *Config) { c.Settings.GossipNodes = 0 },
		"Config.Settings.ProbeTimeout: 400ms":        func(c *Config) { c.Settings.ProbeTimeout = 400 * time.Millisecond },
		"Config.Settings.SuspicionMult: 8":           func(c *Config) { c.Settings.SuspicionWindow, c.Settings.SuspicionMult = 0, 8 },
		"Config.Wire.Ping: -1":                       func(c *Config) { c.Wire.Ping = -1 },
		"a run of 100000 nodes with 1000 news at on": func(c *Config) { c.Nodes, c.News.Every = 100_000, time.Millisecond; c.MemoryMax = 1 << 30 },
	} {
		c := small()
		change(&c)
		_, err := Spread(c, 1000)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := Kill(small(), 1); err == nil || !strings.Contains(err.Error(), "Config.Kills: 0") {
		t.Error(err)
	}
}

func TestEqualSeedsGiveEqualResults(t *testing.T) {
	c := small()
	c.Links.Datacenter.Loss = 0.1
	c.Starved = Starved{Nodes: 5, Stall: 300 * time.Millisecond, Period: time.Second}
	run := func(seed uint64) any {
		c.Seed = seed
		s, err := Spread(c, 3)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Suspicions(c, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return []any{s, d}
	}
	if !reflect.DeepEqual(run(1), run(1)) {
		t.Error("one seed, two results")
	}
	if reflect.DeepEqual(run(1), run(2)) {
		t.Error("two seeds, one result")
	}
}

func TestClockKeepsOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var c clock
	var last event
	for i := range 20_000 {
		if len(c.events) == 0 || random.IntN(3) > 0 && i < 15_000 {
			c.push(event{at: c.now + time.Duration(random.IntN(50))})
			continue
		}
		e := c.pop()
		if e.before(last) {
			t.Fatalf("%+v after %+v", e, last)
		}
		last = e
	}
}

// told is a message in memberlist's own queue.
type told struct {
	name string
	size int
}

func (b told) Invalidates(memberlist.Broadcast) bool { return false }
func (b told) Message() []byte                       { return append([]byte(b.name), make([]byte, b.size-len(b.name))...) }
func (b told) Finished()                             {}
func (b told) Name() string                          { return b.name }

// The queue gives what memberlist's would, in the same order, and loses what it
// loses.
func TestQueueIsMemberlists(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	lost := 0
	for range 200 {
		theirs := &memberlist.TransmitLimitedQueue{NumNodes: func() int { return 100 }, RetransmitMult: 2}
		const limit = 6 // 2 * ceil(log10(101))
		var ours queue
		lose := func(message) { lost++ }
		for range 300 {
			if random.IntN(3) == 0 {
				one := told{fmt.Sprintf("m%05d", random.IntN(40)), 60 + 20*random.IntN(4)}
				theirs.QueueBroadcast(one)
				var topic int32
				fmt.Sscanf(one.name, "m%d", &topic)
				ours.put(message{topic: topic, size: int16(one.size)}, lose)
				continue
			}
			room := 50 + random.IntN(600)
			var want, got []string
			for _, b := range theirs.GetBroadcasts(2, room) {
				want = append(want, fmt.Sprintf("%s %d", b[:6], len(b)))
			}
			taken, _ := ours.take(nil, 2, room, limit, func(message, bool) {}, lose)
			for _, one := range taken {
				got = append(got, fmt.Sprintf("m%05d %d", one.topic, one.size))
			}
			if !slices.Equal(got, want) {
				t.Fatalf("got %v, want %v", got, want)
			}
		}
	}
	if lost == 0 {
		t.Error("nothing was lost or replaced")
	}
}

func TestEachIsProbedOnceInARound(t *testing.T) {
	c := worldOf(37, gossip.LAN()).withDefaults()
	w := newWorld(c)
	m := &w.members[5]
	for range 20 {
		m.index = 37 // the round is over
		times := make(map[int32]int)
		for range 36 {
			times[w.next(5)]++
		}
		if len(times) != 36 || times[5] > 0 {
			t.Fatalf("%d of 36 others were probed, itself %d times", len(times), times[5])
		}
	}
}

func TestQuantilesCountTheMissed(t *testing.T) {
	d := Delays{Reached: []time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9}, Missed: 1}
	for share, want := range map[float64]time.Duration{0: 1, 0.1: 1, 0.5: 5, 0.9: 9, 0.91: Never, 1: Never} {
		if got := d.Quantile(share); got != want {
			t.Errorf("%v: %d, want %d", share, got, want)
		}
	}
	if d.Max() != Never || (Delays{}).Max() != Never {
		t.Error("the last of those that were missed was reached")
	}
}

// Nothing is kept of subjects that nobody thinks ill of any more, and nothing
// of packets that have arrived.
func TestNothingIsLeftBehind(t *testing.T) {
	c := small().withDefaults()
	c.Links.Datacenter.Loss = 0.3
	w := newWorld(c)
	w.start()
	if err := w.run(time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	if w.count.suspicions == 0 || w.extra == 0 {
		t.Fatalf("%d suspicions, %d bytes", w.count.suspicions, w.extra)
	}
	w.Links.Datacenter.Loss = 0
	if err := w.run(5*time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range w.subjects {
		if s != nil {
			t.Errorf("member %d is a subject, held %d times", s.member, s.held)
		}
	}
	if w.extra != 0 || len(w.askedFor) != 0 {
		t.Errorf("%d bytes, %d indirect probes are left", w.extra, len(w.askedFor))
	}
	if under := len(w.packets) - len(w.free); under > 200 {
		t.Errorf("%d packets are under way", under)
	}
}

func TestTooManySuspectsEndARun(t *testing.T) {
	c := worldOf(1000, gossip.LAN())
	c.Links.Datacenter.Loss = 0.4
	c.MemoryMax = 4 << 20
	if _, err := Suspicions(c, time.Minute); err == nil || !strings.Contains(err.Error(), "are suspected at once") {
		t.Error(err)
	}
}

func TestPullsRepairWhatIsNeverTold(t *testing.T) {
	c := small()
	c.News.Silent = true
	c.Patience = 20 * time.Second
	s, err := Spread(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.News[0].Missed; got != 99 {
		t.Errorf("without pulls %d of 99 do not know", got)
	}
	c.Settings.PullPause, c.Settings.PullPausePerNode, c.Settings.PullPatience = 300*time.Millisecond, time.Millisecond, 10*time.Second
	s, err = Spread(c, 20)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range s.News {
		if last := d.Max(); last < 400*time.Millisecond || last > 10*time.Second {
			t.Errorf("pulls alone take %v", last)
		}
	}
}

// In a mesh of meshes news crosses bridges, a death is seen at home as in a
// mesh of that size, and abroad as news.
func TestMeshOfMeshes(t *testing.T) {
	c := worldOf(400, gossip.LAN())
	c.Datacenters, c.Bridges = 4, 3
	c.Links.Between = Link{Latency: 20 * time.Millisecond}
	s, err := Spread(c, 40)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range s.News {
		if d.Missed > 0 || d.Quantile(0.2) > 5*time.Millisecond || d.Quantile(0.5) < 20*time.Millisecond {
			t.Errorf("a fifth knew after %v, half after %v, %d never", d.Quantile(0.2), d.Quantile(0.5), d.Missed)
		}
	}
	c.Kills = 1
	deaths, err := Kill(c, 20)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range deaths {
		if d.Failed.Missed > 0 || d.Failed.Reached[0] < 2400*time.Millisecond || d.Failed.Max() > 6*time.Second {
			t.Errorf("seen after %v to %v, by %d never", d.Failed.Quantile(0), d.Failed.Max(), d.Failed.Missed)
		}
	}
}

// Who is short of CPU answers late: it hears of news at the end of its stall,
// and is suspected.
func TestStarvedNodesAreLate(t *testing.T) {
	c := small()
	c.Starved = Starved{Nodes: 10, Stall: 900 * time.Millisecond, Period: time.Second}
	s, err := Spread(c, 20)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range s.News {
		if d.Quantile(0.5) > 50*time.Millisecond {
			continue // its origin is one of them
		}
		if d.Missed > 0 || d.Quantile(0.9) > 50*time.Millisecond || d.Quantile(0.95) < 50*time.Millisecond {
			t.Errorf("90 %% knew after %v, 95 %% after %v, %d never", d.Quantile(0.9), d.Quantile(0.95), d.Missed)
		}
	}
	doubts, err := Suspicions(c, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if doubts.Suspicions == 0 {
		t.Error("nobody was suspected")
	}
}
