package sim

import (
	"math"
	"strings"
	"time"
)

// A path is what happens to a packet on its way: the link, and what the faults
// make of it.
type path struct {
	Link
	cut   bool
	mute  bool
	lines []*line
}

// A chart holds the paths, until the faults change. Endpoints that no fault can
// tell apart are of one class, so that there are few.
type chart struct {
	named   map[string]bool // by a fault
	classes map[class]*territory
	loop    path // from an endpoint to itself
}

// A class is all that faults and links ask of an endpoint.
type class struct{ places, name string }

// A territory is a class on a chart.
type territory struct {
	chart  *chart
	number int
	paths  []*path // to others by their number; nil: nobody has gone there
	stalls []stall
}

// redraw forgets all paths. The caller holds n.mu.
func (n *Network) redraw() {
	n.chart = &chart{named: make(map[string]bool), classes: make(map[class]*territory)}
	for _, l := range n.faults {
		a, b := l.fault.sides()
		n.chart.named[a], n.chart.named[b] = true, true
	}
}

// territory is the endpoint's on the chart of now. The caller holds n.mu.
func (n *Network) territory(e *Endpoint) *territory {
	if e.territory != nil && e.territory.chart == n.chart {
		return e.territory
	}
	key := class{places: strings.Join(e.places, "\x00")}
	if n.chart.named[e.name] {
		key.name = e.name
	}
	t := n.chart.classes[key]
	if t == nil {
		t = &territory{chart: n.chart, number: len(n.chart.classes)}
		for _, l := range n.faults {
			if f, ok := l.fault.(Stall); ok && e.in(f.A) {
				t.stalls = append(t.stalls, stall{f.Every, f.For, l.since, f.A != e.name})
			}
		}
		n.chart.classes[key] = t
	}
	e.territory = t
	return t
}

// path is the way from one endpoint to another now. The caller holds n.mu.
func (n *Network) path(from, to *Endpoint) *path {
	if from == to {
		return &n.chart.loop
	}
	a, b := n.territory(from), n.territory(to)
	if b.number >= len(a.paths) {
		a.paths = append(a.paths, make([]*path, len(n.chart.classes)-len(a.paths))...)
	}
	if a.paths[b.number] == nil {
		a.paths[b.number] = n.explore(from, to)
	}
	return a.paths[b.number]
}

// explore asks every fault. The caller holds n.mu.
func (n *Network) explore(from, to *Endpoint) *path {
	link, depth := n.cfg.link(from.places, to.places)
	p := &path{Link: link}
	if link.Bandwidth > 0 {
		p.lines = append(p.lines, n.line(link, depth, from, to))
	}
	for _, l := range n.faults {
		l.fault.bend(p, from, to, l)
	}
	return p
}

// delay is how long something of so many packets takes, besides its lines. The
// caller holds n.mu.
func (n *Network) delay(p *path, packets int) time.Duration {
	d := p.Latency + n.upTo(p.Jitter)
	if n.chance(oneOf(packets, p.Reorder)) {
		d += p.Late
	}
	return d
}

// oneOf is the probability of an event that has a chance in each packet.
func oneOf(packets int, rate float64) float64 {
	if packets == 1 || rate == 0 {
		return rate
	}
	return 1 - math.Pow(1-rate, float64(packets))
}
