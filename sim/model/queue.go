package model

import "slices"

// What messages say.
const (
	aliveMessage = iota
	suspectMessage
	deadMessage
	wordMessage
)

// A message is one of a membership change or of a word.
type message struct {
	kind  uint8
	size  int16
	topic int32  // of words: the news; of the others: the subject
	from  int32  // who suspects
	life  uint32 // the subject's incarnation
}

// queued is a message that waits to be told again.
type queued struct {
	message
	sent  uint8
	order uint32
}

// before is memberlist's order: first what was told least, of these the
// longest, of these the newest.
func (q queued) before(o queued) bool {
	if q.sent != o.sent {
		return q.sent < o.sent
	}
	if q.size != o.size {
		return q.size > o.size
	}
	return q.order > o.order
}

// A queue is what a member has to tell, as memberlist's
// TransmitLimitedQueue, with its fault: the queue numbers messages, but begins
// anew whenever it is empty for a moment, also while messages are in a packet
// and will go back. Then two of one length, told equally often, can have one
// number, and the later one takes the place of the other, which is told no
// more.
type queue struct {
	items []queued
	last  uint32   // number given
	ghost []queued // messages about members that were lost so
}

func (q *queue) empty() bool { return len(q.items) == 0 }

// put queues a message; one about a member takes the place of an earlier one.
func (q *queue) put(one message, lost func(message)) {
	q.last++
	numbered := queued{message: one, order: q.last}
	if one.kind != wordMessage {
		q.drop(one.topic, lost)
	}
	q.insert(numbered, lost)
}

func (q *queue) insert(one queued, lost func(message)) {
	at, taken := slices.BinarySearchFunc(q.items, one, func(a, b queued) int {
		switch {
		case a.before(b):
			return -1
		case b.before(a):
			return 1
		}
		return 0
	})
	if !taken {
		q.items = slices.Insert(q.items, at, one)
		return
	}
	lost(q.items[at].message)
	if q.items[at].kind != wordMessage { // memberlist remembers by name what is no longer there
		q.ghost = append(q.ghost, q.items[at])
	}
	q.items[at] = one
}

// drop removes the message on a topic; of a lost one whatever is in its place.
func (q *queue) drop(topic int32, lost func(message)) {
	about := func(one queued) bool { return one.topic == topic }
	i := slices.IndexFunc(q.items, about)
	if g := slices.IndexFunc(q.ghost, about); i < 0 && g >= 0 {
		ghost := q.ghost[g]
		q.ghost = slices.Delete(q.ghost, g, g+1)
		i = slices.IndexFunc(q.items, func(one queued) bool { return !one.before(ghost) && !ghost.before(one) })
		if i >= 0 {
			q.ghost = append(q.ghost, q.items[i])
		}
		q.recount()
	}
	if i >= 0 {
		lost(q.items[i].message)
		q.items = slices.Delete(q.items, i, i+1)
		q.recount()
	}
}

func (q *queue) recount() {
	if len(q.items) == 0 {
		q.last = 0
	}
}

// take appends to out what fits into room bytes, each with an overhead; what
// was told often enough is gone from the queue. Taken is called with each, and
// whether it stays; lost with those that go without having been told. It
// answers the room that is left.
func (q *queue) take(out []message, overhead, room, limit int, taken func(one message, stays bool), lost func(message)) ([]message, int) {
	var store [24]queued
	again, kept := store[:0], 0
	for i, one := range q.items {
		if room <= overhead {
			kept += copy(q.items[kept:], q.items[i:])
			break
		}
		if int(one.size)+overhead > room {
			q.items[kept] = one
			kept++
			continue
		}
		room -= int(one.size) + overhead
		out = append(out, one.message)
		one.sent++
		stays := int(one.sent) < limit
		if stays {
			again = append(again, one)
		}
		taken(one.message, stays)
	}
	if kept < len(q.items) {
		q.items = q.items[:kept]
		q.recount()
	}
	for _, one := range again {
		q.insert(one, lost)
	}
	return out, room
}
