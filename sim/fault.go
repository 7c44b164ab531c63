package sim

import (
	"fmt"
	"slices"
	"time"
)

// A Fault is what is wrong between two sides of the world. A side is the name
// of an endpoint, a place, or empty for everyone. Faults are plain values:
// Apply one, print it, Lift an equal one.
//
// All that last hold together, however wide their sides are. Cuts add up, and so
// do rates of loss and duplication, with each other and with the link's; lines
// are passed one after the other. Where only one can hold, which is Latency and
// Reorder, it is the one applied most recently, and it replaces the link's.
//
// A datagram and a piece of a stream meet the same when they leave: what is
// under way when a fault comes is not touched, except by a host that dies or
// stalls.
type Fault interface {
	fmt.Stringer
	check() error
	sides() (a, b string)
	bend(p *path, from, to *Endpoint, l *lasting)
}

// A lasting fault is one that has been applied, and what it keeps.
type lasting struct {
	fault       Fault
	since       time.Duration
	there, back *line // of a Bandwidth
}

// Cut lets nothing pass. Streams wait for it to end, as TCP does. One way, none
// can be opened in either direction; one that is open still carries a piece
// against the cut, but the acknowledgement does not come back, and the sender
// waits as well.
type Cut struct {
	A, B   string
	OneWay bool // only from A to B
}

// Mute lets streams pass and no datagrams: a firewall that forgot UDP. With it
// between everyone, a large mesh is joined for a fraction of the time, since
// its nodes tell each other nothing but what they are asked.
type Mute struct{ A, B string }

// Down takes the link of an endpoint, or of a whole place, from everyone else.
type Down struct{ A string }

// Latency replaces the link's.
type Latency struct {
	A, B   string
	Mean   time.Duration // one way
	Jitter time.Duration // added: uniform, from 0 to this
}

// Loss drops packets. On a stream it costs the time of a retransmission.
type Loss struct {
	A, B string
	Rate float64 // 0 to 1
}

// Duplicate delivers some datagrams twice. TCP sorts out what comes twice.
type Duplicate struct {
	A, B string
	Rate float64 // 0 to 1
}

// Reorder delivers some packets late. Datagrams overtake them; in a stream, the
// bytes behind wait too.
type Reorder struct {
	A, B string
	Rate float64 // 0 to 1
	Late time.Duration
}

// Bandwidth lets all that passes between two sides share a line in each
// direction, or a single one between a side and itself. A packet waits for
// those before it, and takes its size, headers included, divided by Rate. A
// datagram that would wait for longer than Queue is dropped. A stream waits at
// its writer while the queue is half full. TCP's acknowledgements weigh nothing.
// What is on the line when the fault is lifted arrives as it would have.
type Bandwidth struct {
	A, B  string
	Rate  int           // bytes a second
	Queue time.Duration // 0: 100 ms
}

// Stall starves a host of CPU, or each host of a place: for For of every Every
// it takes nothing in and gives nothing out. A host that is named itself begins
// with it, those of a place are out of step. Datagrams wait in the socket's
// buffer, as far as they fit, and so do the bytes of streams; all arrive at once
// when the host runs again, and what it has sent meanwhile leaves.
//
// Its timers fire all the same, since it shares a process with the others: it
// can think, but hears and says nothing. On a real host they would fire late,
// in the same burst in which it reads its socket. So one that times out while
// it is stalled does so although the answer may lie in its buffer, where a real
// one would sometimes have read that first: this one suspects others a little
// sooner. What the others see of it is the same, silence and then a burst, and
// it is they whom a mesh has to protect.
type Stall struct {
	A          string
	Every, For time.Duration
}

func (f Cut) sides() (a, b string)       { return f.A, f.B }
func (f Mute) sides() (a, b string)      { return f.A, f.B }
func (f Down) sides() (a, b string)      { return f.A, "" }
func (f Latency) sides() (a, b string)   { return f.A, f.B }
func (f Loss) sides() (a, b string)      { return f.A, f.B }
func (f Duplicate) sides() (a, b string) { return f.A, f.B }
func (f Reorder) sides() (a, b string)   { return f.A, f.B }
func (f Bandwidth) sides() (a, b string) { return f.A, f.B }
func (f Stall) sides() (a, b string)     { return f.A, "" }

func (f Cut) bend(p *path, from, to *Endpoint, _ *lasting) {
	if from.in(f.A) && to.in(f.B) || !f.OneWay && to.in(f.A) && from.in(f.B) {
		p.cut = true
	}
}

func (f Mute) bend(p *path, from, to *Endpoint, _ *lasting) {
	p.mute = p.mute || between(f, from, to)
}

func (f Down) bend(p *path, from, to *Endpoint, _ *lasting) {
	if from.in(f.A) || to.in(f.A) {
		p.cut = true
	}
}

func (f Latency) bend(p *path, from, to *Endpoint, _ *lasting) {
	if between(f, from, to) {
		p.Latency, p.Jitter = f.Mean, f.Jitter
	}
}

func (f Loss) bend(p *path, from, to *Endpoint, _ *lasting) {
	if between(f, from, to) {
		p.Loss = 1 - (1-p.Loss)*(1-f.Rate)
	}
}

func (f Duplicate) bend(p *path, from, to *Endpoint, _ *lasting) {
	if between(f, from, to) {
		p.Duplicate = 1 - (1-p.Duplicate)*(1-f.Rate)
	}
}

func (f Reorder) bend(p *path, from, to *Endpoint, _ *lasting) {
	if between(f, from, to) {
		p.Reorder, p.Late = f.Rate, f.Late
	}
}

func (f Bandwidth) bend(p *path, from, to *Endpoint, l *lasting) {
	if l.there == nil {
		l.there, l.back = newLine(f.Rate, f.Queue), newLine(f.Rate, f.Queue)
	}
	switch {
	case from.in(f.A) && to.in(f.B):
		p.lines = append(p.lines, l.there)
	case from.in(f.B) && to.in(f.A):
		p.lines = append(p.lines, l.back)
	}
}

// bend does nothing: it is the host that stalls, not what lies between.
func (f Stall) bend(*path, *Endpoint, *Endpoint, *lasting) {}

func between(f Fault, from, to *Endpoint) bool {
	a, b := f.sides()
	return from.in(a) && to.in(b) || from.in(b) && to.in(a)
}

// in says whether an endpoint belongs to a side.
func (e *Endpoint) in(side string) bool {
	return side == "" || side == e.name || slices.Contains(e.places, side)
}

func (f Cut) check() error {
	if f.A == "" && f.B == "" {
		return fmt.Errorf("Cut.A and Cut.B are empty: that would be everyone from everyone")
	}
	return nil
}

func (f Mute) check() error { return nil }

func (f Down) check() error {
	if f.A == "" {
		return fmt.Errorf("Down.A is empty: that would be everyone")
	}
	return nil
}

func (f Latency) check() error {
	if f.Mean < 0 {
		return fmt.Errorf("Latency.Mean: %v is negative", f.Mean)
	}
	if f.Jitter < 0 {
		return fmt.Errorf("Latency.Jitter: %v is negative", f.Jitter)
	}
	return nil
}

func (f Loss) check() error      { return checkRate("Loss.Rate", f.Rate) }
func (f Duplicate) check() error { return checkRate("Duplicate.Rate", f.Rate) }

func (f Reorder) check() error {
	if f.Late < 0 {
		return fmt.Errorf("Reorder.Late: %v is negative", f.Late)
	}
	return checkRate("Reorder.Rate", f.Rate)
}

func (f Bandwidth) check() error {
	if f.Rate < 1 {
		return fmt.Errorf("Bandwidth.Rate: %d, want at least 1 byte a second", f.Rate)
	}
	if f.Queue < 0 {
		return fmt.Errorf("Bandwidth.Queue: %v is negative", f.Queue)
	}
	return nil
}

func (f Stall) check() error {
	if f.A == "" {
		return fmt.Errorf("Stall.A is empty: name a host or a place")
	}
	if f.For <= 0 {
		return fmt.Errorf("Stall.For: %v, want more than 0", f.For)
	}
	if f.Every <= f.For {
		return fmt.Errorf("Stall.Every: %v, want more than For, which is %v", f.Every, f.For)
	}
	return nil
}

// checkRate refuses NaN too, which compares with nothing.
func checkRate(field string, rate float64) error {
	if rate >= 0 && rate <= 1 {
		return nil
	}
	return fmt.Errorf("%s: %v, want 0 to 1", field, rate)
}

func (f Cut) String() string {
	if f.OneWay {
		return fmt.Sprintf("cut %s -> %s", side(f.A), side(f.B))
	}
	return "cut " + pair(f)
}

func (f Mute) String() string      { return "mute " + pair(f) }
func (f Stall) String() string     { return fmt.Sprintf("stall %v of every %v %s", f.For, f.Every, f.A) }
func (f Down) String() string      { return "down " + f.A }
func (f Latency) String() string   { return fmt.Sprintf("latency %v+%v %s", f.Mean, f.Jitter, pair(f)) }
func (f Loss) String() string      { return fmt.Sprintf("loss %v%% %s", 100*f.Rate, pair(f)) }
func (f Duplicate) String() string { return fmt.Sprintf("duplicate %v%% %s", 100*f.Rate, pair(f)) }
func (f Reorder) String() string {
	return fmt.Sprintf("reorder %v%% by %v %s", 100*f.Rate, f.Late, pair(f))
}

func (f Bandwidth) String() string {
	return fmt.Sprintf("bandwidth %d B/s, queue %v, %s", f.Rate, newLine(f.Rate, f.Queue).queue, pair(f))
}

func pair(f Fault) string {
	a, b := f.sides()
	return side(a) + " <-> " + side(b)
}

func side(name string) string {
	if name == "" {
		return "everyone"
	}
	return name
}
