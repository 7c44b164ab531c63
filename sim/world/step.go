package world

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/yodel-mesh/yodel/checks"
	"github.com/yodel-mesh/yodel/sim"
)

// During is a fault of the network that lasts for a time.
type During struct {
	Fault sim.Fault
	For   time.Duration
}

// Flap is a fault that comes and goes: a flapping link, a switch that reboots.
type Flap struct {
	Fault   sim.Fault
	On, Off time.Duration
	Times   int
}

// Crash is a power cut of a host, a rack or a data centre, and its return.
type Crash struct {
	A    string
	For  time.Duration
	Wipe bool // the disks are new when the hosts return
}

// Restart stops and starts each host of a side, one after the other, as an
// upgrade does.
type Restart struct {
	A     string
	Pause time.Duration // between two hosts
}

// Leave takes hosts out of the mesh with a word to the others, and brings them
// back.
type Leave struct {
	A   string
	For time.Duration
}

// Flip makes the check of every host of a side critical and passing again.
type Flip struct {
	A     string
	Every time.Duration
	Times int
}

// Skew puts the clocks of a side wrong, and lets them drift.
type Skew struct {
	A     string
	By    time.Duration
	Drift float64 // seconds gained per second
	For   time.Duration
}

func (s During) do(w *World) error {
	if err := w.net.Apply(s.Fault); err != nil {
		return err
	}
	time.Sleep(s.For)
	w.net.Lift(s.Fault)
	return nil
}

func (s Flap) do(w *World) error {
	for range s.Times {
		if err := (During{s.Fault, s.On}).do(w); err != nil {
			return err
		}
		time.Sleep(s.Off)
	}
	return nil
}

func (s Crash) do(w *World) error {
	return w.each(s.A, func(h *Host) error {
		if h.Node() == nil {
			return nil
		}
		err := h.crash(s.Wipe)
		time.Sleep(s.For)
		return errors.Join(err, h.begin())
	})
}

func (s Restart) do(w *World) error {
	for _, h := range w.side(s.A) {
		if !h.busy.TryLock() {
			continue
		}
		err := h.stop()
		err = errors.Join(err, h.begin())
		h.busy.Unlock()
		if err != nil {
			return err
		}
		time.Sleep(s.Pause)
	}
	return nil
}

func (s Leave) do(w *World) error {
	return w.each(s.A, func(h *Host) error {
		if h.Node() == nil {
			return nil
		}
		err := h.leave(context.Background())
		time.Sleep(s.For)
		return errors.Join(err, h.begin())
	})
}

func (s Flip) do(w *World) error {
	return w.each(s.A, func(h *Host) error {
		for range s.Times {
			if err := h.set(checks.Critical); err != nil {
				return err
			}
			time.Sleep(s.Every)
			if err := h.set(checks.Passing); err != nil {
				return err
			}
			time.Sleep(s.Every)
		}
		return nil
	})
}

func (s Skew) do(w *World) error {
	for _, h := range w.side(s.A) {
		h.skew.set(s.By, s.Drift)
	}
	time.Sleep(s.For)
	for _, h := range w.side(s.A) {
		h.skew.set(0, 0)
	}
	return nil
}

// each does something to all hosts of a side at once, as far as nobody else
// has them in hand.
func (w *World) each(side string, f func(*Host) error) error {
	hosts := w.side(side)
	errs := make([]error, len(hosts))
	var running sync.WaitGroup
	for i, h := range hosts {
		running.Go(func() {
			if h.busy.TryLock() {
				defer h.busy.Unlock()
				time.Sleep(w.net.Random(time.Millisecond)) // no two at the very same instant
				errs[i] = f(h)
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

func (s During) check(w *World) error {
	return errors.Join(w.checkFault("During.Fault", s.Fault), checkTime("During.For", s.For))
}

func (s Flap) check(w *World) error {
	return errors.Join(w.checkFault("Flap.Fault", s.Fault), checkTime("Flap.On", s.On), checkTime("Flap.Off", s.Off), checkTimes("Flap.Times", s.Times))
}

func (s Crash) check(w *World) error {
	if s.A == "" || len(w.side(s.A)) == len(w.hosts) {
		return fmt.Errorf("Crash.A: %q would crash all hosts: nobody is left to see it", s.A)
	}
	return errors.Join(w.checkSide("Crash.A", s.A), checkTime("Crash.For", s.For))
}

func (s Restart) check(w *World) error {
	return errors.Join(w.checkSide("Restart.A", s.A), checkTime("Restart.Pause", s.Pause))
}

func (s Leave) check(w *World) error {
	return errors.Join(w.checkSide("Leave.A", s.A), checkTime("Leave.For", s.For))
}

func (s Flip) check(w *World) error {
	return errors.Join(w.checkSide("Flip.A", s.A), checkTime("Flip.Every", s.Every), checkTimes("Flip.Times", s.Times))
}

func (s Skew) check(w *World) error {
	if math.Abs(s.Drift) > 1 || math.IsNaN(s.Drift) {
		return fmt.Errorf("Skew.Drift: %v, want -1 to 1 seconds per second", s.Drift)
	}
	return errors.Join(w.checkSide("Skew.A", s.A), checkTime("Skew.For", s.For))
}

// checkFault has the network judge a fault, without anybody noticing.
func (w *World) checkFault(field string, f sim.Fault) error {
	if f == nil {
		return fmt.Errorf("%s: none", field)
	}
	if err := w.net.Apply(f); err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	w.net.Lift(f)
	return nil
}

// timesMax: what is to happen more often is a slip of the hand.
const timesMax = 10_000

func checkTimes(field string, n int) error {
	if n < 1 || n > timesMax {
		return fmt.Errorf("%s: %d, want 1 to %d", field, n, timesMax)
	}
	return nil
}

func (s During) String() string { return fmt.Sprintf("%v for %v", s.Fault, s.For) }
func (s Flap) String() string {
	return fmt.Sprintf("%v for %v, %d times every %v", s.Fault, s.On, s.Times, s.On+s.Off)
}
func (s Crash) String() string {
	disk := "disk kept"
	if s.Wipe {
		disk = "disk wiped"
	}
	return fmt.Sprintf("crash %s for %v, %s", s.A, s.For, disk)
}
func (s Restart) String() string { return fmt.Sprintf("restart %s every %v", all(s.A), s.Pause) }
func (s Leave) String() string   { return fmt.Sprintf("%s leaves for %v", all(s.A), s.For) }
func (s Flip) String() string {
	return fmt.Sprintf("check of %s flips %d times every %v", all(s.A), s.Times, s.Every)
}
func (s Skew) String() string {
	return fmt.Sprintf("clock of %s off by %v and drifting %v s/s for %v", all(s.A), s.By, s.Drift, s.For)
}

func all(side string) string {
	if side == "" {
		return "everyone"
	}
	return side
}
