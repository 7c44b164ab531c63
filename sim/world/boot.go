package world

import (
	"fmt"
	"sync"
	"time"

	"github.com/yodel-mesh/yodel/sim"
)

const (
	bootStep   = 10 * time.Millisecond // between two starts of a warm boot
	bootBudget = 2 * time.Minute       // of virtual time, until all know all
	coldSpread = 10 * time.Second      // a cold boot starts all hosts within it
	gossipDone = 40 * time.Second      // until what a warm boot has in its queues is gossiped to nobody
)

// Boot starts all hosts and waits until they know each other.
//
// A mesh that grows host by host costs CPU time by the cube of its size, which
// is real and measured by an experiment of its own (Start). All others begin
// warm: no datagrams while the hosts start, so that they know of each other by
// streams alone, through the first of them.
func (w *World) Boot() error {
	if w.cfg.Cold {
		return w.bootCold()
	}
	if err := w.net.Apply(sim.Mute{}); err != nil {
		return err
	}
	for i, h := range w.hosts {
		time.Sleep(bootStep + w.net.Random(bootStep)) // tickers out of step
		if err := h.begin(); err != nil {
			return err
		}
		if i%100 == 99 {
			w.cfg.Progress(fmt.Sprintf("%d of %d hosts started", i+1, len(w.hosts)))
		}
	}
	first := []string{w.hosts[0].Address.String()}
	for _, h := range w.hosts[1:] {
		if _, err := h.Node().Join(first); err != nil {
			return fmt.Errorf("boot %s: %w", h.Name, err)
		}
	}
	time.Sleep(gossipDone)
	w.net.Lift(sim.Mute{})
	return w.whole(bootBudget)
}

// bootCold starts all hosts within coldSpread, each at a moment of its own.
func (w *World) bootCold() error {
	var starting sync.WaitGroup
	errs := make([]error, len(w.hosts))
	for i, h := range w.hosts {
		at := w.net.Random(coldSpread)
		starting.Go(func() {
			time.Sleep(at)
			errs[i] = h.begin()
		})
	}
	starting.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return w.whole(bootBudget)
}

// lookEvery is how often the world is looked at.
const lookEvery = 100 * time.Millisecond

// whole waits until every host that is up believes what is true.
func (w *World) whole(budget time.Duration) error {
	start := time.Now()
	for {
		err := w.agree()
		if err == nil {
			return nil
		}
		if time.Since(start) >= budget {
			return fmt.Errorf("not whole after %v: %w", budget, err)
		}
		time.Sleep(lookEvery)
	}
}
