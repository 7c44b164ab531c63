package checks

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"
)

// How long after its timeout a probe may take to end: a script gets termGrace
// after SIGTERM, pipeGrace for its pipes, and the rest is a busy machine.
// After that its check reports without it.
const overrun = 5 * time.Second

// A check is a definition at work: one goroutine that waits, looks and tells.
type check struct {
	runner *Runner
	def    Definition
	stop   context.CancelFunc
	done   chan struct{}
	ask    chan struct{} // capacity 1: many requests are one look
	beats  chan beat     // TTL checks only; unbuffered, the sender waits to be told

	mu   sync.Mutex
	last Result

	// Only the check's goroutine uses these.
	threshold threshold
	watch     deathwatch
	overdue   <-chan sight // a look that did not end; nil: none
}

// A beat is what a TTL check is told.
type beat struct {
	status Status
	output string
	told   chan struct{}
}

// A sight is what a probe returns.
type sight struct {
	status Status
	output string
}

func newCheck(r *Runner, d Definition, stop context.CancelFunc) *check {
	c := &check{
		runner: r, def: d, stop: stop,
		done: make(chan struct{}), ask: make(chan struct{}, 1),
		last:      Result{Status: d.Status},
		threshold: newThreshold(d),
	}
	if d.Kind() == "ttl" {
		c.beats = make(chan beat)
	}
	if d.ServiceID != "" && r.cfg.Deregister != nil {
		c.watch.after = d.DeregisterCriticalServiceAfter
	}
	return c
}

// carry takes over the result of a predecessor, if it has a status.
func (c *check) carry(was Result) {
	if was.Status == "" {
		return
	}
	c.mu.Lock()
	c.last = was
	c.mu.Unlock()
}

func (c *check) Last() Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

func (c *check) run(ctx context.Context) {
	switch c.def.Kind() {
	case "ttl":
		c.runTTL(ctx)
	case "alias":
		c.runAlias(ctx)
	default:
		c.runProbe(ctx)
	}
}

// runProbe looks once per interval, first after a random part of it: a fleet
// that starts together must not look together.
func (c *check) runProbe(ctx context.Context) {
	probe := c.runner.probe(c.def)
	due := time.Now().Add(rand.N(c.def.Interval))
	for {
		if w, _ := c.wait(ctx, due); w == stopped {
			return
		}
		if !c.look(ctx, probe) {
			return
		}
		due = next(due, time.Now(), c.def.Interval)
	}
}

// A wake is why a wait ended.
type wake int

const (
	stopped wake = iota
	timeUp
	asked
	beaten
)

// wait sleeps until t, or for ever when t is zero, unless something comes
// first. It also keeps the deathwatch.
func (c *check) wait(ctx context.Context, t time.Time) (wake, beat) {
	for {
		sleep := durationMax
		if !t.IsZero() {
			sleep = time.Until(t)
		}
		if death, ok := c.watch.Due(); ok {
			sleep = min(sleep, time.Until(death))
		}
		timer := time.NewTimer(max(0, sleep))
		select {
		case <-ctx.Done():
			timer.Stop()
			return stopped, beat{}
		case b := <-c.beats:
			timer.Stop()
			return beaten, b
		case <-c.ask:
			timer.Stop()
			return asked, beat{}
		case <-timer.C:
		}
		now := time.Now()
		if c.watch.Fire(now) {
			c.deregister()
		}
		if !t.IsZero() && !now.Before(t) {
			return timeUp, beat{}
		}
	}
}

func (c *check) deregister() {
	r, d := c.runner, c.def
	r.cfg.Logger.Warn("instance critical for too long", "service", d.ServiceID, "check", d.ID, "after", d.DeregisterCriticalServiceAfter)
	r.wg.Go(func() { r.cfg.Deregister(d.ServiceID, d.ID) })
}

// look runs the probe once and tells what it saw. It is false when the check
// has been stopped, and then nothing is told.
func (c *check) look(ctx context.Context, probe Probe) bool {
	if c.overdue != nil {
		select {
		case <-c.overdue: // ended at last; what it saw is history
			c.overdue = nil
		default:
			c.judge(Result{Seen: Critical, Output: "the previous run has still not ended; not starting another", At: time.Now()})
			return true
		}
	}
	slots := c.runner.probes
	if kind := c.def.Kind(); kind == "script" || kind == "docker" {
		slots = c.runner.scripts
	}
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	begin := time.Now()
	s := c.see(ctx, probe)
	<-slots
	if ctx.Err() != nil {
		return false
	}
	at := time.Now()
	if took := at.Sub(begin); took >= c.def.Timeout && s.status == Critical {
		s.output = timedOut(c.def.Timeout, s.output)
	}
	c.judge(Result{Seen: s.status, Output: s.output, At: at, Took: at.Sub(begin)})
	return true
}

func timedOut(after time.Duration, output string) string {
	if output == "" {
		return fmt.Sprintf("timed out after %s", after)
	}
	return fmt.Sprintf("timed out after %s: %s", after, output)
}

// see runs the probe under its timeout. A probe that ends neither then nor
// shortly after (a process that the kernel does not let die) is left behind:
// the check goes on reporting, and looks again only when it has ended.
func (c *check) see(ctx context.Context, probe Probe) sight {
	probing, cancel := context.WithTimeout(ctx, c.def.Timeout)
	defer cancel()
	seen := make(chan sight, 1) // 1: the probe may end when nobody listens any more
	go func() { seen <- c.safely(probing, probe) }()
	patience := time.NewTimer(c.def.Timeout + overrun)
	defer patience.Stop()
	done := ctx.Done()
	for {
		select {
		case s := <-seen:
			return s
		case <-done:
			done = nil
			patience.Reset(overrun)
		case <-patience.C:
			c.overdue = seen
			return sight{Critical, "and does not end"}
		}
	}
}

// safely turns a panic into a critical result: one bad probe is not the end of
// the agent.
func (c *check) safely(ctx context.Context, probe Probe) (s sight) {
	defer func() {
		if p := recover(); p != nil {
			c.runner.cfg.Logger.Error("probe panicked", "check", c.def.ID, "panic", p, "stack", string(debug.Stack()))
			s = sight{Critical, head(fmt.Sprintf("panic: %v", p), outputDefault)}
		}
	}()
	s.status, s.output = probe(ctx)
	return s
}

// judge applies the thresholds to a look and tells the result.
func (c *check) judge(r Result) {
	r.Status = c.threshold.Step(r.Seen, c.Last().Status)
	c.tell(r)
}

// tell is the one place where a result leaves the check.
func (c *check) tell(r Result) {
	c.mu.Lock()
	was := c.last.Status
	c.last = r
	c.mu.Unlock()
	if was != r.Status {
		c.runner.cfg.Logger.Info("check changed", "check", c.def.ID, "service", c.def.ServiceID, "from", was, "to", r.Status)
	}
	c.watch.Step(r.Status, time.Now())
	c.runner.cfg.Report(c.def.ID, r)
}
