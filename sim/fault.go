package sim

import (
	"fmt"
	"slices"
	"time"
)

// A Fault is what is wrong between two sides of the world. A side is the name
// of an endpoint, a place, or empty for everyone. Faults are plain values:
// Apply one, print it, Lift an equal one.
type Fault interface {
	fmt.Stringer
	check() error
	sides() (a, b string)
	bend(p *path, from, to *Endpoint)
}

// A path is what happens to a packet on its way.
type path struct {
	mean, jitter             time.Duration
	loss, duplicate, reorder float64
	late                     time.Duration // added to a reordered packet
	cut, mute                bool
}

// Cut lets nothing pass. Streams wait for it to end, as TCP does.
type Cut struct {
	A, B   string
	OneWay bool // only from A to B
}

// Down takes the link of an endpoint, or of a whole place, from everyone else.
type Down struct{ A string }

// Latency replaces the world's.
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

// Duplicate delivers some datagrams twice.
type Duplicate struct {
	A, B string
	Rate float64 // 0 to 1
}

// Reorder delivers some datagrams late, so that others overtake them.
type Reorder struct {
	A, B string
	Rate float64 // 0 to 1
	Late time.Duration
}

func (f Cut) sides() (a, b string)       { return f.A, f.B }
func (f Down) sides() (a, b string)      { return f.A, "" }
func (f Latency) sides() (a, b string)   { return f.A, f.B }
func (f Loss) sides() (a, b string)      { return f.A, f.B }
func (f Duplicate) sides() (a, b string) { return f.A, f.B }
func (f Reorder) sides() (a, b string)   { return f.A, f.B }

func (f Cut) bend(p *path, from, to *Endpoint) {
	if from.in(f.A) && to.in(f.B) || !f.OneWay && to.in(f.A) && from.in(f.B) {
		p.cut = true
	}
}

func (f Down) bend(p *path, from, to *Endpoint) {
	if from.in(f.A) || to.in(f.A) {
		p.cut = true
	}
}

func (f Latency) bend(p *path, from, to *Endpoint) {
	if between(f, from, to) {
		p.mean, p.jitter = f.Mean, f.Jitter
	}
}

func (f Loss) bend(p *path, from, to *Endpoint) {
	if between(f, from, to) {
		p.loss = 1 - (1-p.loss)*(1-f.Rate)
	}
}

func (f Duplicate) bend(p *path, from, to *Endpoint) {
	if between(f, from, to) {
		p.duplicate = 1 - (1-p.duplicate)*(1-f.Rate)
	}
}

func (f Reorder) bend(p *path, from, to *Endpoint) {
	if between(f, from, to) {
		p.reorder, p.late = f.Rate, f.Late
	}
}

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

func (f Down) String() string      { return "down " + f.A }
func (f Latency) String() string   { return fmt.Sprintf("latency %v+%v %s", f.Mean, f.Jitter, pair(f)) }
func (f Loss) String() string      { return fmt.Sprintf("loss %v%% %s", 100*f.Rate, pair(f)) }
func (f Duplicate) String() string { return fmt.Sprintf("duplicate %v%% %s", 100*f.Rate, pair(f)) }
func (f Reorder) String() string {
	return fmt.Sprintf("reorder %v%% by %v %s", 100*f.Rate, f.Late, pair(f))
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
