package sim

import (
	"fmt"
	"strings"
	"time"
)

// A Link is what two places are to each other while nothing is wrong.
type Link struct {
	Latency   time.Duration // one way
	Jitter    time.Duration // added to it: uniform, from 0 to this
	Loss      float64       // of packets, 0 to 1
	Duplicate float64       // of datagrams, 0 to 1
	Reorder   float64       // packets that come late, 0 to 1
	Late      time.Duration // how late

	// Bandwidth is in bytes a second; 0 is without limit. All that passes from
	// the one place to the other shares it, and again all that comes back; all
	// within one place shares it too. Queue is as in the fault Bandwidth.
	Bandwidth int
	Queue     time.Duration
}

// A Pair names two places.
type Pair struct{ A, B string }

func (l Link) check(field string) error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"Latency", l.Latency}, {"Jitter", l.Jitter}, {"Late", l.Late}, {"Queue", l.Queue}} {
		if d.value < 0 {
			return fmt.Errorf("%s%s: %v is negative", field, d.name, d.value)
		}
	}
	for _, r := range []struct {
		name  string
		value float64
	}{{"Loss", l.Loss}, {"Duplicate", l.Duplicate}, {"Reorder", l.Reorder}} {
		if err := checkRate(field+r.name, r.value); err != nil {
			return err
		}
	}
	if l.Bandwidth < 0 {
		return fmt.Errorf("%sBandwidth: %d is negative", field, l.Bandwidth)
	}
	return nil
}

func (c Config) check() error {
	if err := (Link{Latency: c.Latency, Jitter: c.Jitter}).check(""); err != nil {
		return err
	}
	if len(c.Links) > 0 && (c.Latency != 0 || c.Jitter != 0) {
		return fmt.Errorf("Config.Latency, Config.Jitter: with Links they are those of Links[0]")
	}
	for i, l := range c.Links {
		if err := l.check(fmt.Sprintf("Links[%d].", i)); err != nil {
			return err
		}
	}
	for pair, l := range c.Between {
		field := fmt.Sprintf("Between[%q, %q]", pair.A, pair.B)
		if pair.A == "" || pair.B == "" {
			return fmt.Errorf("%s: a place without a name", field)
		}
		if err := l.check(field + "."); err != nil {
			return err
		}
	}
	return nil
}

// link is what joins two endpoints of these places: the narrowest that is
// given, one of Between before one of Links. depth is that of the places which
// share its bandwidth.
func (c Config) link(from, to []string) (l Link, depth int) {
	least := min(len(from), len(to))
	common := 0
	for common < least && from[common] == to[common] {
		common++
	}
	for depth := least; depth >= 0; depth-- {
		if depth > 0 {
			if l, ok := c.between(from[depth-1], to[depth-1]); ok {
				return l, depth - 1
			}
		}
		if depth <= common && depth < len(c.Links) {
			return c.Links[depth], depth
		}
	}
	return Link{Latency: c.Latency, Jitter: c.Jitter}, 0
}

func (c Config) between(from, to string) (Link, bool) {
	l, ok := c.Between[Pair{from, to}]
	if !ok {
		l, ok = c.Between[Pair{to, from}]
	}
	return l, ok
}

// line is the one direction of a link that has a bandwidth. The caller holds
// n.mu.
func (n *Network) line(l Link, depth int, from, to *Endpoint) *line {
	key := Pair{from.within(depth), to.within(depth)}
	if n.lines[key] == nil {
		n.lines[key] = newLine(l.Bandwidth, l.Queue)
	}
	return n.lines[key]
}

// within is the endpoint's place of a depth with those around it, or its
// narrowest.
func (e *Endpoint) within(depth int) string {
	return strings.Join(e.places[:min(depth+1, len(e.places))], "\x00")
}
