package world

import (
	"errors"
	"fmt"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

// healBudget is how long a mesh has, once all is well, until every host
// believes what is true: a healed partition 15 s, a wiped host 10.
const healBudget = 30 * time.Second

// converge is the invariant of what a mesh is for.
const converge = "catalogs converge"

// Outcome is how a run went.
type Outcome struct {
	Seed   uint64        `json:"seed"`
	Nodes  int           `json:"nodes"`
	Plan   string        `json:"plan"`
	Took   time.Duration `json:"took_ns"`   // of virtual time
	Healed time.Duration `json:"healed_ns"` // from the end of the plan until all believed what is true
	False  int           `json:"false"`     // how often somebody took for failed who was up and could be reached
}

// Run makes a world, boots it, carries out a plan, and looks all the while, and
// once more after healing, whether the invariants hold. The error is a
// *Violation if one did not. It must be called in a bubble.
func Run(c Config, plan Step) (out Outcome, err error) {
	w, err := New(c)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	out = Outcome{Seed: c.Seed, Nodes: c.Nodes, Plan: plan.String()}
	if err := plan.check(w); err != nil {
		return out, fmt.Errorf("run %v: %w", plan, err)
	}
	if err := w.Boot(); err != nil {
		return out, &Violation{Invariant: converge, At: w.Elapsed(), What: fmt.Sprintf("at boot: %v", err), Seed: c.Seed, Plan: plan.String()}
	}
	return out, w.run(plan, &out)
}

// judge is the invariants of a run and the first that broke.
type judge struct {
	w     *World
	plan  Step
	all   []invariant
	first *Violation // under w.mu
}

func (w *World) run(plan Step, out *Outcome) error {
	j := &judge{w: w, plan: plan, all: w.invariants()}
	defer w.watch(j.news)()
	defer w.watch(w.countFalse(&out.False))()
	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- plan.do(w) }()
	var err error
	for running := true; running && j.verdict() == nil; {
		select {
		case err = <-done:
			running = false
		case <-time.After(lookEvery):
			j.look()
		}
	}
	out.Took = time.Since(began)
	if v := j.verdict(); v != nil {
		<-done // nobody uses the world any more
		return v
	}
	if err != nil {
		return fmt.Errorf("run %v: %w", plan, err)
	}
	ended := time.Now()
	for w.agree() != nil && time.Since(ended) < healBudget && j.verdict() == nil {
		time.Sleep(lookEvery)
		j.look()
	}
	out.Healed = time.Since(ended)
	time.Sleep(time.Second)
	j.healed()
	if v := j.verdict(); v != nil {
		return v
	}
	return nil
}

// news is called with w.mu held.
func (j *judge) news(at *Host, life int, n catalog.News) {
	for _, i := range j.all {
		if i.news != nil && j.first == nil {
			j.broken(i, i.news(at, life, n))
		}
	}
}

func (j *judge) look() {
	for _, i := range j.all {
		if i.look != nil {
			j.report(i, i.look())
		}
	}
}

func (j *judge) healed() {
	for _, i := range j.all {
		if i.healed != nil {
			j.report(i, i.healed())
		}
	}
}

func (j *judge) report(i invariant, b *breach) {
	j.w.mu.Lock()
	defer j.w.mu.Unlock()
	j.broken(i, b)
}

// broken keeps the first breach. The caller holds w.mu.
func (j *judge) broken(i invariant, b *breach) {
	if b == nil || j.first != nil {
		return
	}
	j.first = &Violation{
		Invariant: i.name, At: j.w.Elapsed(), What: b.what, Seed: j.w.cfg.Seed, Plan: j.plan.String(),
		Timeline: j.w.beliefs.lines(b),
	}
}

func (j *judge) verdict() *Violation {
	j.w.mu.Lock()
	defer j.w.mu.Unlock()
	return j.first
}

// converged is the invariant after healing.
func (w *World) converged() *breach {
	if err := w.agree(); err != nil {
		return &breach{nil, nil, fmt.Sprintf("%v after everything had been well: %v", healBudget, err)}
	}
	return nil
}

// countFalse counts how often a host that could be reached was taken for
// failed by one that could reach it.
func (w *World) countFalse(count *int) watcher {
	return func(at *Host, _ int, n catalog.News) {
		if n.Before == nil || n.After == nil || !n.Before.Status.Here() || n.After.Status != catalog.Failed {
			return
		}
		for _, h := range w.hosts {
			if h.Name != n.After.Name {
				continue
			}
			if o, up := h.origin(); up && o == n.Origin && time.Since(w.calm) > settleMax {
				*count++
			}
		}
	}
}
