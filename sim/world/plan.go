package world

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// A Step is something that happens in a world. Steps are plain values that
// compose and print themselves.
type Step interface {
	fmt.Stringer
	check(*World) error // names the field that makes it impossible
	do(*World) error    // returns when it is over
}

// Sequence is one step after the other.
type Sequence []Step

// Parallel is all steps at once, until the last is over. A host that two of
// them want to take down is the first one's.
type Parallel []Step

// Wait is nothing happening for a while.
type Wait time.Duration

func (s Sequence) do(w *World) error {
	for _, step := range s {
		if err := step.do(w); err != nil {
			return fmt.Errorf("%v: %w", step, err)
		}
	}
	return nil
}

func (p Parallel) do(w *World) error {
	errs := make([]error, len(p))
	var running sync.WaitGroup
	for i, step := range p {
		running.Go(func() {
			if err := step.do(w); err != nil {
				errs[i] = fmt.Errorf("%v: %w", step, err)
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

func (d Wait) do(*World) error {
	time.Sleep(time.Duration(d))
	return nil
}

func (s Sequence) check(w *World) error { return checkAll(w, s) }
func (p Parallel) check(w *World) error { return checkAll(w, p) }
func (d Wait) check(*World) error       { return checkTime("Wait", time.Duration(d)) }

func checkAll(w *World, steps []Step) error {
	var errs []error
	for _, step := range steps {
		errs = append(errs, step.check(w))
	}
	return errors.Join(errs...)
}

// stepMax: what lasts longer than a day is a slip of the hand.
const stepMax = 24 * time.Hour

func checkTime(field string, d time.Duration) error {
	if d < 0 || d > stepMax {
		return fmt.Errorf("%s: %v, want 0 to %v", field, d, stepMax)
	}
	return nil
}

// checkSide refuses a side that no host is on.
func (w *World) checkSide(field, name string) error {
	if len(w.side(name)) == 0 {
		return fmt.Errorf("%s: no host, rack or data centre %q", field, name)
	}
	return nil
}

func (s Sequence) String() string { return join(s, "; ") }
func (p Parallel) String() string { return "{" + join(p, " | ") + "}" }
func (d Wait) String() string     { return "wait " + time.Duration(d).String() }

func join(steps []Step, by string) string {
	text := make([]string, len(steps))
	for i, s := range steps {
		text[i] = s.String()
	}
	return strings.Join(text, by)
}
