package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// A world is a run under way.
type world struct {
	clock
	Config
	random  *rand.Rand
	groups  []group
	members []member
	packets []packet
	free    []int32 // packets that are not in use
	calls   []func()
	idle    []int32 // calls that are not in use

	subjects  []*subject
	subjectOf []int32 // by member: its place in subjects, or -1
	lagging   map[int32][]lag
	news      []*news
	askedFor  map[int32]asked // indirect probes under way
	relays    int32           // of them so far
	words     int             // copies of words that are queued
	base      int64           // bytes that the run was let in with
	extra     int64           // bytes of views beyond what was counted on before the run
	err       error

	count    tally
	suspects func(by, of int32) // a probe has failed
	failed   func(by, of int32) // a member has given another up
	told     func(n *news)      // all know it
	learned  func(i int32, n *news)
}

// A group is one mesh: its members are those from first up to end. All its
// timeouts and counts follow its size.
type group struct {
	first, end  int32
	retransmits int
	k           int           // confirmations that a suspicion hopes for
	least, most time.Duration // of a suspicion
	pushPull    time.Duration
}

func (g group) size() int { return int(g.end - g.first) }

// tally is what was sent, by all.
type tally struct {
	packets, bytes, streamed   uint64
	wordBytes, wordPackets     uint64 // of these, what words cost
	pullBytes, pushPullBytes   uint64 // of streamed
	pulls, suspicions, refutes int
}

func newWorld(c Config) *world {
	w := &world{Config: c, base: c.memory(1, 1), random: rand.New(rand.NewPCG(c.Seed, 0x6d6f64656c)), lagging: make(map[int32][]lag), askedFor: make(map[int32]asked)}
	w.suspects, w.failed, w.told, w.learned = func(int32, int32) {}, func(int32, int32) {}, func(*news) {}, func(int32, *news) {}
	w.members = make([]member, 0, c.members())
	w.subjectOf = make([]int32, c.members())
	for i := range w.subjectOf {
		w.subjectOf[i] = -1
	}
	if c.Bridges == 0 {
		w.addGroup(0, c.Nodes)
	} else {
		for dc := range c.Datacenters {
			w.addGroup(c.firstOf(dc), c.firstOf(dc+1))
		}
		w.addBridges()
	}
	for _, i := range w.random.Perm(c.Nodes)[:c.Starved.Nodes] {
		w.members[i].starved = true
		w.members[i].stall = w.upTo(c.Starved.Period)
	}
	for i := range w.members {
		if twin := w.members[i].twin; twin >= 0 && i >= c.Nodes {
			w.members[i].starved, w.members[i].stall = w.members[twin].starved, w.members[twin].stall
		}
	}
	return w
}

// firstOf is the first node of a data centre.
func (c Config) firstOf(dc int) int { return dc * c.Nodes / c.Datacenters }

func (c Config) datacenterOf(node int) int {
	dc := node * c.Datacenters / c.Nodes
	for dc+1 < c.Datacenters && c.firstOf(dc+1) <= node {
		dc++
	}
	return dc
}

// rackOf numbers racks through all data centres.
func (c Config) rackOf(node, dc int) int {
	if c.Racks == 0 {
		return -1
	}
	first, end := c.firstOf(dc), c.firstOf(dc+1)
	return dc*c.Racks + (node-first)*c.Racks/(end-first)
}

// addGroup makes a mesh of nodes from first up to end.
func (w *world) addGroup(first, end int) {
	for node := first; node < end; node++ {
		w.addMember(node, -1)
	}
	w.closeGroup(int32(first))
}

// addBridges makes a mesh of the first nodes of each data centre.
func (w *world) addBridges() {
	first := int32(len(w.members))
	for dc := range w.Datacenters {
		for i := range w.Bridges {
			node := w.firstOf(dc) + i
			w.members[node].twin = int32(len(w.members))
			w.addMember(node, int32(node))
		}
	}
	w.closeGroup(first)
}

func (w *world) addMember(node int, twin int32) {
	dc := w.datacenterOf(node)
	started := w.upTo(time.Hour) // both tickers at once, so that their ticks coincide for ever
	w.members = append(w.members, member{
		dc: int32(dc), rack: int32(w.rackOf(node, dc)), group: int32(len(w.groups)), twin: twin, up: true,
		gossipPhase: started % w.Settings.GossipInterval, probePhase: started % w.Settings.ProbeInterval,
	})
}

// closeGroup makes a group of the members from first on: memberlist's
// formulas for their number.
func (w *world) closeGroup(first int32) {
	s := w.Settings
	g := group{first: first, end: int32(len(w.members))}
	n := g.size()
	g.retransmits = s.RetransmitMult * int(math.Ceil(math.Log10(float64(n+1))))
	mult := s.suspicionMult(n)
	if g.k = mult - 2; n-2 < g.k || g.k < 0 {
		g.k = 0
	}
	scale := max(1, math.Log10(float64(n)))
	g.least = time.Duration(mult) * time.Duration(scale*1000) * s.ProbeInterval / 1000
	g.most = time.Duration(s.SuspicionMax) * g.least
	g.pushPull = s.PushPullInterval
	if n > 32 {
		g.pushPull *= time.Duration(math.Ceil(math.Log2(float64(n))-5) + 1)
	}
	w.groups = append(w.groups, g)
	for i := g.first; i < g.end; i++ {
		w.members[i].shuffle(w, g)
		w.members[i].index = int32(w.random.IntN(n))
	}
}

// upTo is uniform in [0, limit).
func (w *world) upTo(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return time.Duration(w.random.Int64N(int64(limit)))
}

// after has something done later.
func (w *world) after(delay time.Duration, do func()) {
	var ref int32
	if n := len(w.idle); n > 0 {
		ref, w.idle = w.idle[n-1], w.idle[:n-1]
		w.calls[ref] = do
	} else {
		ref = int32(len(w.calls))
		w.calls = append(w.calls, do)
	}
	w.push(event{at: w.now + delay, kind: callDue, ref: ref})
}

// run lets the world go on until a time, or until done says so.
func (w *world) run(until time.Duration, done func() bool) error {
	for len(w.events) > 0 && w.events[0].at <= until && w.err == nil {
		w.step(w.pop())
		if done != nil && done() {
			return w.err
		}
	}
	w.now = max(w.now, until)
	return w.err
}

func (w *world) step(e event) {
	switch e.kind {
	case callDue:
		do := w.calls[e.ref]
		w.calls[e.ref] = nil
		w.idle = append(w.idle, e.ref)
		do()
	case packetDue:
		w.receive(e.ref)
	case gossipDue:
		w.gossip(e.member)
	case probeDue:
		w.probe(e.member)
	case answerDue:
		w.probeLate(e.member, e.ref)
	case probeEnd:
		w.probeOver(e.member, e.ref)
	case suspicionEnd:
		w.suspicionOver(e.member, e.ref)
	}
}

// start sets the tickers of all members going.
func (w *world) start() {
	for i := range w.members {
		m := &w.members[i]
		w.push(event{at: w.now + m.probePhase, kind: probeDue, member: int32(i)})
		w.after(w.upTo(w.groups[m.group].pushPull), func() { w.pushPull(int32(i)) })
	}
}

// grow counts memory that nobody could foresee: of subjects that loss makes.
func (w *world) grow(bytes int64) {
	w.extra += bytes
	if need := w.base + w.extra; need > w.MemoryMax && w.err == nil {
		w.err = fmt.Errorf("after %v of %d nodes: %d are suspected at once, which needs %d MB, Config.MemoryMax is %d MB",
			w.now.Round(time.Millisecond), w.Nodes, len(w.subjects), need>>20, w.MemoryMax>>20)
	}
}
