package model

import "time"

// A member is one node's part in one mesh: memberlist, Serf and what node
// makes of them.
type member struct {
	dc, rack int32
	group    int32
	twin     int32 // the same node's part in the mesh of bridges, or the other way round; -1: none
	up       bool
	starved  bool
	ticking  bool          // a round of gossip is due
	stall    time.Duration // when a starved one stalls, within each period

	gossipPhase, probePhase time.Duration
	changes, words          queue // about members; of events

	// The order in which members are probed: (a*index + b) modulo their
	// number, with a prime to it. Each round has new numbers.
	a, b, index int32

	probing    probing
	score      int8          // Lifeguard's awareness: 0 is well
	life       uint32        // its own incarnation
	settled    uint32        // the incarnation that all others know, while nobody suspects it
	knows      uint64        // the summary of all news that it knows
	living     uint64        // the sum of all members that it thinks alive
	moved      time.Duration // when that last changed
	exchanged  time.Duration // when the last exchange began that a difference asked for
	exchanging bool
	pulling    bool
	pulled     time.Duration               // when the last pull that a summary asked for began
	fruitless  map[[2]uint64]time.Duration // two summaries that led to nothing, and when
}

// probing is the probe under way, or the last one.
type probing struct {
	number   int32
	target   int32
	began    time.Duration
	until    time.Duration
	contact  time.Duration // when a stream reached it; 0: none did
	life     uint32        // the incarnation that was known then
	expected int8          // answers that others owe: that they could not reach it either
	nacks    int8
	open     bool
}

// shuffle begins another round of probes.
func (m *member) shuffle(w *world, g group) {
	n := int32(g.size())
	m.index, m.b = 0, w.random.Int32N(n)
	for {
		m.a = 1 + w.random.Int32N(n)
		if prime(m.a, n) {
			return
		}
	}
}

// prime says whether two numbers have no divisor in common.
func prime(a, b int32) bool {
	for b != 0 {
		a, b = b, a%b
	}
	return a == 1
}

// next is the member that is probed next, or -1: there is none.
func (w *world) next(i int32) int32 {
	m := &w.members[i]
	g := w.groups[m.group]
	n := int64(g.size())
	for range 2 * n {
		if int64(m.index) >= n {
			m.shuffle(w, g)
		}
		target := g.first + int32((int64(m.a)*int64(m.index)+int64(m.b))%n)
		m.index++
		if target != i && w.state(i, target) != dead {
			return target
		}
	}
	return -1
}

// picked is members that a member picks at random: not itself, none twice,
// and none that the filter leaves out.
func (w *world) picked(i int32, count int, out []int32, skip func(int32) bool) []int32 {
	g := w.groups[w.members[i].group]
	n := g.size()
	for range 3*n + 8*count {
		if len(out) == count {
			break
		}
		one := g.first + int32(w.random.IntN(n))
		if one == i || contains(out, one) || skip(one) {
			continue
		}
		out = append(out, one)
	}
	return out
}

func contains(list []int32, one int32) bool {
	for _, x := range list {
		if x == one {
			return true
		}
	}
	return false
}

// awake is when a node that gets or sends something at a time handles it.
func (w *world) awake(i int32, at time.Duration) time.Duration {
	m := &w.members[i]
	if !m.starved {
		return at
	}
	into := (at - m.stall) % w.Starved.Period
	if into < 0 {
		into += w.Starved.Period
	}
	if into < w.Starved.Stall {
		return at + w.Starved.Stall - into
	}
	return at
}

// link is the way between two members.
func (w *world) link(a, b int32) *Link {
	x, y := &w.members[a], &w.members[b]
	switch {
	case x.dc != y.dc:
		return &w.Links.Between
	case x.rack >= 0 && x.rack == y.rack:
		return &w.Links.Rack
	}
	return &w.Links.Datacenter
}

func (w *world) delay(l *Link) time.Duration { return l.Latency + w.upTo(l.Jitter) }

func (w *world) lost(l *Link) bool { return l.Loss > 0 && w.random.Float64() < l.Loss }

// kill ends a node without a word.
func (w *world) kill(i int32) {
	m := &w.members[i]
	m.up = false
	w.activate(i)
	if m.twin >= 0 && w.members[m.twin].up {
		w.kill(m.twin)
	}
}
