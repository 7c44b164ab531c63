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
// TransmitLimitedQueue.
type queue []queued

func (q *queue) put(one queued) {
	at, _ := slices.BinarySearchFunc(*q, one, func(a, b queued) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	*q = slices.Insert(*q, at, one)
}

// drop removes the message on a topic, and says whether there was one.
func (q *queue) drop(topic int32) bool {
	i := slices.IndexFunc(*q, func(one queued) bool { return one.topic == topic })
	if i >= 0 {
		*q = slices.Delete(*q, i, i+1)
	}
	return i >= 0
}

// take appends to out what fits into room bytes, each with an overhead; what
// was told often enough is gone from the queue. Taken is called with each, and
// whether it stays. It answers the room that is left.
func (q *queue) take(out []message, overhead, room, limit int, taken func(one message, stays bool)) ([]message, int) {
	items := *q
	var store [24]queued
	again, kept := store[:0], 0
	for i, one := range items {
		if room <= overhead {
			kept += copy(items[kept:], items[i:])
			break
		}
		if int(one.size)+overhead > room {
			items[kept] = one
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
	*q = items[:kept]
	for _, one := range again {
		q.put(one)
	}
	return out, room
}
