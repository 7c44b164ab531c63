package model

import (
	"math"
	"time"
)

// What a member thinks of another.
const (
	alive = iota
	suspect
	dead
)

// A subject is a member of whom somebody thinks ill, or has not heard the
// latest. Only of such is it kept what each other member thinks: that is what
// makes 100,000 members fit.
type subject struct {
	member int32
	views  []view // by member of its group
	held   int    // messages about it that are queued or under way, and views that are not alive
}

// A view is what one member thinks of a subject.
type view struct {
	state         uint8
	confirmations uint8
	accused       uint8
	life          uint32
	since         time.Duration // of the suspicion, or of the death
	until         time.Duration // of the suspicion
	accusers      [accusersMax]int32
}

// A lag is a member that has missed what a subject last said of itself.
type lag struct {
	observer int32
	life     uint32
}

// viewSize is what a view takes in memory.
const viewSize = 48

// activate begins to keep what each thinks of a member.
func (w *world) activate(member int32) *subject {
	if at := w.subjectOf[member]; at >= 0 {
		return w.subjects[at]
	}
	g := w.groups[w.members[member].group]
	s := &subject{member: member, views: make([]view, g.size())}
	for i := range s.views {
		s.views[i].life = w.members[member].settled
	}
	for _, one := range w.lagging[member] {
		s.views[one.observer-g.first].life = one.life
	}
	delete(w.lagging, member)
	at := len(w.subjects)
	for i, other := range w.subjects {
		if other == nil {
			at = i
			break
		}
	}
	if at == len(w.subjects) {
		w.subjects = append(w.subjects, nil)
	}
	w.subjects[at] = s
	w.subjectOf[member] = int32(at)
	w.grow(int64(len(s.views)) * viewSize)
	return s
}

// hold counts a message about a subject that is queued or under way, let
// uncounts it: when nothing is left to be said, and nobody thinks ill of it
// any more, the subject is forgotten.
func (w *world) hold(one message) {
	if one.kind != wordMessage {
		w.subjects[w.subjectOf[one.topic]].held++
	}
}

func (w *world) let(one message) {
	if one.kind != wordMessage {
		w.release(one.topic)
	}
}

func (w *world) release(member int32) {
	at := w.subjectOf[member]
	s := w.subjects[at]
	if s.held--; s.held > 0 || !w.members[member].up {
		return
	}
	first := w.groups[w.members[member].group].first
	latest := w.members[member].life
	for i := range s.views {
		if s.views[i].life != latest {
			w.lagging[member] = append(w.lagging[member], lag{first + int32(i), s.views[i].life})
		}
	}
	w.members[member].settled = latest
	w.subjects[at] = nil
	w.subjectOf[member] = -1
	w.grow(-int64(len(s.views)) * viewSize)
}

// view is what i thinks of a member of its group that is a subject.
func (w *world) view(i, of int32) *view {
	s := w.subjects[w.subjectOf[of]]
	return &s.views[i-w.groups[w.members[i].group].first]
}

// state is what i thinks of a member.
func (w *world) state(i, of int32) uint8 {
	if w.subjectOf[of] < 0 {
		return alive
	}
	return w.view(i, of).state
}

// goneFor is how long i has thought a member dead.
func (w *world) goneFor(i, of int32) time.Duration {
	if w.subjectOf[of] < 0 {
		return 0
	}
	if v := w.view(i, of); v.state == dead {
		return w.now - v.since
	}
	return 0
}

// lifeOf is the incarnation of a member that i knows.
func (w *world) lifeOf(i, of int32) uint32 {
	if w.subjectOf[of] >= 0 {
		return w.view(i, of).life
	}
	for _, one := range w.lagging[of] {
		if one.observer == i {
			return one.life
		}
	}
	return w.members[of].settled
}

// spread queues a message about a member in place of any earlier one.
func (w *world) spread(i int32, one message) {
	m := &w.members[i]
	w.activate(one.topic)
	w.hold(one)
	m.changes.put(one, w.untold)
	w.tick(i)
}

func (w *world) accusation(by, of int32, life uint32) message {
	w.activate(of)
	return message{kind: suspectMessage, size: int16(w.Wire.Suspect), topic: of, from: by, life: life}
}

// refute is a member's answer to what is said of it.
func (w *world) refute(i int32, life uint32) {
	m := &w.members[i]
	m.life = max(m.life, life) + 1
	m.score = int8(min(int(m.score)+1, w.Settings.AwarenessMax-1))
	w.count.refutes++
	w.activate(i)
	w.view(i, i).life = m.life
	w.spread(i, message{kind: aliveMessage, size: int16(w.Wire.Alive), topic: i, from: i, life: m.life})
}

// hearAlive is memberlist's aliveNode.
func (w *world) hearAlive(i int32, one message) {
	v := w.view(i, one.topic)
	if one.topic == i || one.life <= v.life {
		return
	}
	w.spread(i, one)
	v.life = one.life
	if v.state == dead {
		w.changed(i, one.topic)
	}
	if v.state != alive {
		v.state = alive
		w.release(one.topic)
	}
}

// changed notes that a member has come to be alive for i, or no longer is.
func (w *world) changed(i, of int32) {
	m := &w.members[i]
	x := uint64(of+1) * 0x9e3779b97f4a7c15
	m.living ^= x ^ x>>29
	m.moved = w.now
}

// hearSuspect is memberlist's suspectNode.
func (w *world) hearSuspect(i int32, one message) {
	w.activate(one.topic)
	v := w.view(i, one.topic)
	if one.topic == i {
		if one.life >= w.members[i].life {
			w.refute(i, one.life)
		}
		return
	}
	if one.life < v.life {
		return
	}
	if v.state == suspect {
		w.confirm(i, v, one)
		return
	}
	if v.state != alive {
		return
	}
	w.spread(i, one)
	g := w.groups[w.members[i].group]
	w.subjects[w.subjectOf[one.topic]].held++
	*v = view{state: suspect, life: one.life, since: w.now, until: w.now + g.most, accused: 1}
	v.accusers[0] = one.from
	if g.k < 1 {
		v.until = w.now + g.least
	}
	w.push(event{at: v.until, kind: suspicionEnd, member: i, ref: one.topic})
}

// confirm shortens a suspicion that another member shares.
func (w *world) confirm(i int32, v *view, one message) {
	g := w.groups[w.members[i].group]
	if int(v.confirmations) >= g.k || contains(v.accusers[:v.accused], one.from) {
		return
	}
	v.accusers[v.accused] = one.from
	v.accused++
	v.confirmations++
	share := math.Log(float64(v.confirmations)+1) / math.Log(float64(g.k)+1)
	raw := g.most.Seconds() - share*(g.most.Seconds()-g.least.Seconds())
	v.until = max(v.since+max(time.Duration(math.Floor(1000*raw))*time.Millisecond, g.least), w.now)
	w.spread(i, one)
	w.push(event{at: v.until, kind: suspicionEnd, member: i, ref: one.topic})
}

// suspicionOver is when a suspicion that nobody has cleared becomes a death.
func (w *world) suspicionOver(i, of int32) {
	if !w.members[i].up || w.subjectOf[of] < 0 {
		return
	}
	if v := w.view(i, of); v.state == suspect && v.until == w.now {
		w.hearDead(i, message{kind: deadMessage, size: int16(w.Wire.Dead), topic: of, from: i, life: v.life})
	}
}

// hearDead is memberlist's deadNode.
func (w *world) hearDead(i int32, one message) {
	v := w.view(i, one.topic)
	if one.topic == i {
		if one.life >= w.members[i].life {
			w.refute(i, one.life)
		}
		return
	}
	if one.life < v.life || v.state == dead {
		return
	}
	w.spread(i, one)
	if v.state == alive {
		w.subjects[w.subjectOf[one.topic]].held++
	}
	v.state, v.life, v.since = dead, one.life, w.now
	w.changed(i, one.topic)
	w.failed(i, one.topic)
}
