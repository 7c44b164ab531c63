package jobs

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// gatePause is between two questions to a gate that did not pass: a NameNode
// answers fsck in seconds.
const gatePause = 10 * time.Second

// A Standing is how far a rollout has come, as its conductor keeps it on disk
// and tells the others: who takes over goes on from the last that it heard, but
// asks every target that it can reach first.
type Standing struct {
	_       struct{}  `cbor:",toarray" json:"-"`
	Opened  int       // waves that were opened; the last of them may still run
	Closed  time.Time // when the conductor saw the end of that wave; zero: it runs
	Stopped string    // why no wave opens any more; empty: it goes on
}

// Permits says whether a target of that wave may start now. One that was not
// there while its wave was open may not start in another.
func (s Standing) Permits(wave int) bool {
	return wave == s.Opened-1 && s.Closed.IsZero()
}

// A Progress is what a conductor has heard of one target.
type Progress struct {
	Started bool
	Outcome Outcome // empty: none yet
}

// A GateAnswer is what is known of the gate since the last wave ended.
type GateAnswer struct {
	State GateState
	At    time.Time // of the answer
	Why   string    // it did not pass
}

// A GateState is whether a gate was asked, and what it said.
type GateState int

const (
	GateUnasked GateState = iota
	GateAsked
	GatePassed
	GateFailed
)

// A Move is what a conductor has to do next.
type Move struct {
	Do      Action
	Wave    int       // to open, or that is open; from 0
	Targets []Target  // of a wave to open; that are skipped, when it stops
	Why     string    // for people
	Again   time.Time // look again then, at the latest; zero: when something is heard
}

// An Action is the kind of a move.
type Action int

const (
	Hold    Action = iota // nothing now
	Open                  // the wave: its targets may start
	AskGate               // and tell Step the answer
	Stop                  // no further wave opens; the Targets are skipped
	Done                  // every wave has ended
)

// Step is the next move of a rollout, and the standing to write down before it
// is made. seen are the targets in their order; reachable is how many of them
// the conductor can reach now. Asked again with the same, it says the same.
func Step(o Order, s Standing, seen []Progress, gate GateAnswer, reachable int, now time.Time) (Standing, Move) {
	c := conductor{o: o, r: *o.Rollout, s: s, seen: seen}
	c.catchUp()
	move := c.next(gate, reachable, now)
	return c.s, move
}

type conductor struct {
	o    Order
	r    Rollout
	s    Standing
	seen []Progress
}

// catchUp believes what targets did rather than an old standing: a conductor
// that takes over may not have heard of the last wave.
func (c *conductor) catchUp() {
	for i := len(c.seen) - 1; i >= 0; i-- {
		if wave := c.r.wave(i); c.seen[i].ran() && wave >= c.s.Opened {
			c.s.Opened, c.s.Closed = wave+1, time.Time{}
			return
		}
	}
}

// ran is true if the target's wave must have been open.
func (p Progress) ran() bool {
	switch p.Outcome {
	case OK, Failed, TimedOut, Lost:
		return true
	}
	return p.Started
}

func (c *conductor) next(gate GateAnswer, reachable int, now time.Time) Move {
	if c.s.Stopped == "" {
		c.s.Stopped = c.reasonToStop()
	}
	if c.s.Stopped != "" {
		return c.stop()
	}
	if c.s.Opened > 0 {
		if left := c.running(); left > 0 {
			c.s.Closed = time.Time{}
			return c.hold(time.Time{}, "%d of %d to come", left, c.r.Waves[c.s.Opened-1])
		}
		if c.s.Closed.IsZero() {
			c.s.Closed = now
		}
		if c.s.Opened == len(c.r.Waves) {
			return Move{Do: Done, Wave: c.s.Opened - 1, Why: "every wave has ended"}
		}
	}
	if now.After(c.o.Expires()) {
		c.s.Stopped = "it expired at " + stamp(c.o.Expires())
		return c.stop()
	}
	// Of two halves of a mesh at most one goes on.
	if len(c.r.Conductors) > 1 && 2*reachable <= len(c.seen) {
		return c.hold(time.Time{}, "only %d of %d targets can be reached", reachable, len(c.seen))
	}
	if c.s.Opened > 0 {
		if at := c.s.Closed.Add(c.r.Wait); now.Before(at) {
			return c.hold(at, "waiting until %s", stamp(at))
		}
		if c.r.Gate != nil && !(gate.State == GatePassed && !gate.At.Before(c.s.Closed)) {
			return c.askGate(gate, now)
		}
	}
	c.s.Opened, c.s.Closed = c.s.Opened+1, time.Time{}
	first, last := c.wave(c.s.Opened - 1)
	return Move{Do: Open, Wave: c.s.Opened - 1, Targets: c.o.Targets[first:last],
		Why: fmt.Sprintf("wave %d of %d opens, %d hosts", c.s.Opened, len(c.r.Waves), last-first)}
}

func (c *conductor) askGate(gate GateAnswer, now time.Time) Move {
	last := c.s.Closed.Add(c.r.Wait + c.r.Gate.Within)
	switch {
	case gate.State == GateAsked:
		return c.hold(time.Time{}, "the gate is asked")
	case gate.State == GateUnasked || gate.At.Before(c.s.Closed):
		return Move{Do: AskGate, Wave: c.s.Opened - 1, Why: "the gate is asked"}
	case gate.At.Before(last) && now.Before(gate.At.Add(gatePause)):
		return c.hold(gate.At.Add(gatePause), "the gate does not pass yet: %s", gate.Why)
	case gate.At.Before(last):
		return Move{Do: AskGate, Wave: c.s.Opened - 1, Why: "the gate is asked again"}
	}
	c.s.Stopped = "the gate did not pass: " + shorten(gate.Why, whyMax)
	return c.stop()
}

func (c *conductor) hold(again time.Time, format string, args ...any) Move {
	return Move{Do: Hold, Wave: c.s.Opened - 1, Again: again,
		Why: fmt.Sprintf("wave %d of %d: ", c.s.Opened, len(c.r.Waves)) + fmt.Sprintf(format, args...)}
}

func (c *conductor) stop() Move {
	_, from := c.wave(c.s.Opened - 1)
	return Move{Do: Stop, Wave: c.s.Opened - 1, Targets: c.o.Targets[from:], Why: c.s.Stopped}
}

// reasonToStop counts what did not succeed over all targets, however it failed.
func (c *conductor) reasonToStop() string {
	count := make(map[Outcome]int)
	bad := 0
	for _, p := range c.seen {
		count[p.Outcome]++
		if p.Outcome != "" && p.Outcome != OK && p.Outcome != Skipped {
			bad++
		}
	}
	if count[Cancelled] > 0 {
		return "it was cancelled"
	}
	if bad <= c.r.MaxFail {
		return ""
	}
	var parts []string
	for _, o := range []Outcome{Failed, TimedOut, Unreachable, Refused, Lost, TooLate} {
		if count[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[o], o))
		}
	}
	return fmt.Sprintf("%d of %d targets did not succeed (%s), more than %d", bad, len(c.seen), strings.Join(parts, ", "), c.r.MaxFail)
}

// running is how many targets of the waves that were opened have no outcome.
func (c *conductor) running() int {
	_, last := c.wave(c.s.Opened - 1)
	n := 0
	for _, p := range c.seen[:last] {
		if p.Outcome == "" {
			n++
		}
	}
	return n
}

// wave is where the targets of a wave begin and end; of wave -1 both are 0.
func (c *conductor) wave(n int) (first, last int) {
	for i, size := range slices.All(c.r.Waves) {
		if i > n {
			break
		}
		first, last = last, last+size
	}
	return first, last
}
