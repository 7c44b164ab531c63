package world

import (
	"fmt"
	"strings"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

// An invariant is something that holds in every run, whatever happens to the
// hosts. It has a name, and one or more of three ways to look; each answers
// with a broken promise, or nil. Whoever brings jobs, history or alerts into
// the mesh adds theirs to invariants, each in a file of its own.
type invariant struct {
	name string
	// news sees all that changes the belief of a host, in order. It is called
	// at one time only, and must not wait.
	news func(at *Host, life int, n catalog.News) *breach
	// look sees the world now and then while things happen.
	look func() *breach
	// healed sees the world once all faults are over and it had healBudget.
	healed func() *breach
}

// invariants are all that is checked, made new for a run.
func (w *World) invariants() []invariant {
	return []invariant{
		{name: converge, healed: w.converged},
		{name: "an entry never changes under its number", news: newNumbers().look},
		{name: "nothing deleted returns", news: newDeletions().look},
		{name: "no answer holds a dead or critical instance", look: w.answers},
		{name: "queues stay short", look: w.queues, healed: w.drained},
	}
}

// A breach is what broke a promise: on which host, about which.
type breach struct {
	at, about *Host // nil: not one host's matter
	what      string
}

// Violation is a promise that did not hold, with what a person needs to see
// why: the run again, and what each host believed.
type Violation struct {
	Invariant string
	At        time.Duration // since the world began
	What      string
	Seed      uint64
	Plan      string
	Timeline  []string
}

// Error is the whole story.
func (v *Violation) Error() string {
	return fmt.Sprintf("%s: broken at %v: %s\nseed %d\nplan %s\n%s",
		v.Invariant, v.At.Round(time.Millisecond), v.What, v.Seed, v.Plan, strings.Join(v.Timeline, "\n"))
}

// watcher passes a host's news to an invariant.
type watcher func(at *Host, life int, n catalog.News)

// learned is called by every node for all that changes its belief.
func (w *World) learned(h *Host, life int, n catalog.News) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beliefs.note(w.Elapsed(), h, n.Changes)
	for _, watch := range w.watchers {
		watch(h, life, n)
	}
}

// watch adds a watcher; unwatch takes it away again.
func (w *World) watch(f watcher) (unwatch func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.watched
	w.watched++
	w.watchers[at] = f
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.watchers, at)
	}
}
