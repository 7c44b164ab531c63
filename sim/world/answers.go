package world

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/yodel-mesh/yodel/sim"
)

const (
	// sickMax is how long an instance that is dead or critical may be answered
	// by a host that could know: the promise is 5 s in 99 of 100 cases.
	sickMax = 15 * time.Second

	// settleMax is how long a host that was started, or could not hear the
	// others, needs until it knows what they know.
	settleMax = 20 * time.Second

	// lossMild is a loss of packets that keeps nobody from hearing the others.
	lossMild = 0.10
)

// answers asks DNS on every host, and compares with the truth.
func (w *World) answers() *breach {
	now := time.Now()
	calm := w.calmSince(now)
	for _, at := range w.Up() {
		n, self := at.Node(), at.truth()
		if n == nil || now.Sub(self.since) < settleMax || now.Sub(calm) < settleMax {
			continue
		}
		for i := 1; i <= w.cfg.Datacenters; i++ {
			got, err := n.Lookup(service, fmt.Sprintf("dc%d", i))
			if err != nil {
				return &breach{at, nil, fmt.Sprintf("%s: %v", at.Name, err)}
			}
			if b := w.stale(at, got, now); b != nil {
				return b
			}
		}
	}
	return nil
}

// stale finds an instance in an answer that should have gone from it.
func (w *World) stale(at *Host, answer []netip.AddrPort, now time.Time) *breach {
	for _, a := range answer {
		about := w.byIP[a.Addr()]
		if about == nil {
			return &breach{at, nil, fmt.Sprintf("%s answers with %v, which is nobody's", at.Name, a)}
		}
		if sick := about.truth().sick; !sick.IsZero() && now.Sub(sick) > sickMax {
			return &breach{at, about, fmt.Sprintf("%s still answers with the instance on %s, which has been dead or critical for %v", at.Name, about.Name, now.Sub(sick))}
		}
	}
	return nil
}

// calmSince is since when no fault keeps hosts from hearing each other.
func (w *World) calmSince(now time.Time) time.Time {
	severe := false
	for _, f := range w.net.Faults() {
		switch f := f.(type) {
		case sim.Latency, sim.Duplicate, sim.Reorder:
		case sim.Loss:
			severe = severe || f.Rate > lossMild
		default:
			severe = true
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if severe {
		w.calm = now
	}
	return w.calm
}
