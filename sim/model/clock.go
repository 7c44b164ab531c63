package model

import "time"

// What can happen at a time. The frequent kinds carry numbers; all others are
// a function.
const (
	callDue      = iota // ref: of calls
	packetDue           // ref: of packets
	gossipDue           // member
	probeDue            // member
	answerDue           // member; ref: number of the probe; else others are asked
	probeEnd            // the same
	suspicionEnd        // member; ref: of whom
)

// An event is something that happens at a time.
type event struct {
	at     time.Duration // since the start
	order  uint64        // of what happens at the same time
	kind   uint8
	member int32
	ref    int32
}

func (e event) before(o event) bool {
	if e.at != o.at {
		return e.at < o.at
	}
	return e.order < o.order
}

// A clock holds events until they are due: a heap of four children to a
// parent, which is shallower than one of two and stays in the cache.
type clock struct {
	now    time.Duration
	order  uint64
	events []event
}

func (c *clock) push(e event) {
	c.order++
	e.order = c.order
	c.events = append(c.events, e)
	i := len(c.events) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(c.events[parent]) {
			break
		}
		c.events[i] = c.events[parent]
		i = parent
	}
	c.events[i] = e
}

// pop takes the next event; there must be one.
func (c *clock) pop() event {
	first := c.events[0]
	n := len(c.events) - 1
	last := c.events[n]
	c.events = c.events[:n]
	if n > 0 {
		c.sink(last)
	}
	c.now = first.at
	return first
}

// sink puts e in the place of the first, which is gone.
func (c *clock) sink(e event) {
	n, i := len(c.events), 0
	for {
		child := 4*i + 1
		if child >= n {
			break
		}
		least := child
		for j := child + 1; j < min(child+4, n); j++ {
			if c.events[j].before(c.events[least]) {
				least = j
			}
		}
		if !c.events[least].before(e) {
			break
		}
		c.events[i] = c.events[least]
		i = least
	}
	c.events[i] = e
}
