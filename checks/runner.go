package checks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"time"
)

const (
	// A host runs tens of checks; this many is a program that registers in a loop.
	checksMax = 10_000
	// Scripts at once: five hundred that fall due together must not fork
	// together, and an interpreter takes 10 MB or more.
	scriptsMax = 32
	// Other probes at once. Each is a goroutine and a socket, and waits more
	// than it works: a thousand hung targets must not delay the healthy ones.
	probesMax = 1024
)

var (
	// ErrUnknown: no check of that ID runs here.
	ErrUnknown = errors.New("no such check")
	// ErrScripts: the definition runs a program, and programs are off.
	ErrScripts = errors.New("script checks are off; set enable_local_script_checks for those in configuration files, or enable_script_checks")
)

// Config is what a Runner needs from its host. Only Report is required.
type Config struct {
	Logger *slog.Logger

	// Report gets every result, in order for each check, from the check's own
	// goroutine; never after Close, and never for a check after its Remove has
	// returned. It must not call Remove or SetTTL for the same check, nor Close.
	// An alias check reports when it changes, and once a minute.
	Report func(id string, r Result)

	// Deregister is called, from a goroutine of its own, once per critical spell
	// that has lasted for deregister_critical_service_after. Never for a check
	// of the node. It may call Remove, and must not call Close.
	Deregister func(serviceID, checkID string)

	// Alias says how an aliased node or instance is: the worst status of its
	// checks, what to print, and whether it exists. It is asked every second
	// and must not wait.
	Alias func(node, service string) (Status, string, bool)

	// AllowScripts permits the kinds script and docker.
	AllowScripts bool
}

// A Runner runs checks, one goroutine each, until Close.
type Runner struct {
	cfg  Config
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup

	scripts chan struct{} // one slot per script that may run
	probes  chan struct{}

	probe func(Definition) Probe // newProbe, save in tests

	mu     sync.Mutex
	checks map[string]*check
	closed bool
}

// NewRunner makes a Runner without checks.
func NewRunner(cfg Config) *Runner {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Runner{
		cfg: cfg, ctx: ctx, stop: stop,
		scripts: make(chan struct{}, scriptsMax),
		probes:  make(chan struct{}, probesMax),
		probe:   newProbe,
		checks:  make(map[string]*check),
	}
}

// Put starts a check, or replaces the one of the same ID: the status carries
// over and the thresholds start anew. An unchanged definition is left running.
// The definition's maps and slices must not change afterwards.
func (r *Runner) Put(d Definition) error { return r.PutWith(d, Result{}) }

// PutWith is Put with the last result of an earlier process. It gives the
// status to begin with and, for a TTL check, the time of the last beat: the
// check expires when it would have, had the process not ended. It is ignored
// when a check of that ID already runs.
func (r *Runner) PutWith(d Definition, was Result) error {
	if err := r.permit(d); err != nil {
		return fmt.Errorf("check %s: %w", d.settled().ID, err)
	}
	asked := d
	d = d.settled()
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.checks[d.ID]
	switch {
	case r.closed:
		return fmt.Errorf("check %s: the runner is closed", d.ID)
	case old != nil && reflect.DeepEqual(old.def, d):
		return nil
	case old == nil && len(r.checks) >= checksMax:
		return fmt.Errorf("check %s: %d checks already, the limit", d.ID, checksMax)
	}
	if d.Interval != asked.Interval || asked.DeregisterCriticalServiceAfter != d.DeregisterCriticalServiceAfter {
		r.cfg.Logger.Warn("check raised to the shortest times allowed", "check", d.ID,
			"interval", d.Interval, "deregister_critical_service_after", d.DeregisterCriticalServiceAfter)
	}
	r.start(d, was, old)
	return nil
}

func (r *Runner) permit(d Definition) error {
	if err := d.Validate(); err != nil {
		return err
	}
	switch d.Kind() {
	case "script", "docker":
		if !r.cfg.AllowScripts {
			return ErrScripts
		}
	case "alias":
		if r.cfg.Alias == nil {
			return errors.New("alias checks need a view of the other checks, and none is set")
		}
	}
	return nil
}

// start replaces old, if any, by a check of d. Caller holds r.mu.
func (r *Runner) start(d Definition, was Result, old *check) {
	ctx, stop := context.WithCancel(r.ctx)
	c := newCheck(r, d, stop)
	if old != nil {
		old.stop()
		was = old.Last()
	}
	c.carry(was)
	r.checks[d.ID] = c
	r.wg.Go(func() {
		defer close(c.done)
		defer stop()
		if old != nil {
			<-old.done // so that the two never overlap
			c.carry(old.Last())
		}
		c.run(ctx)
	})
}

// Remove ends a check, a probe that is under way included, and waits for it.
// An unknown ID is fine.
func (r *Runner) Remove(id string) {
	r.mu.Lock()
	c := r.checks[id]
	delete(r.checks, id)
	r.mu.Unlock()
	if c != nil {
		c.stop()
		<-c.done
	}
}

// SetTTL is the beat of a TTL check: it sets the status and starts the TTL
// anew. It returns when the result has been reported. A check that has just been
// replaced gets the beat in its new form.
func (r *Runner) SetTTL(id string, s Status, output string) error {
	switch s {
	case Passing, Warning, Critical:
	default:
		return fmt.Errorf("check %s: status %q; must be passing, warning or critical", id, s)
	}
	b := beat{status: s, output: output, told: make(chan struct{})}
	for {
		c, err := r.find(id)
		if err != nil {
			return err
		}
		if c.def.Kind() != "ttl" {
			return fmt.Errorf("check %s: a %s check sets its own status; only ttl checks are told theirs", id, c.def.Kind())
		}
		select {
		case c.beats <- b:
			<-b.told
			return nil
		case <-r.ctx.Done():
			return fmt.Errorf("check %s: the runner is closed", id)
		case <-c.done: // removed, or replaced: ask again
		}
	}
}

// Run makes a check look soon, without waiting for its interval nor for the
// result. Several requests before the look are one. TTL checks have nothing to
// look at.
func (r *Runner) Run(id string) error {
	c, err := r.find(id)
	if err != nil {
		return err
	}
	select {
	case c.ask <- struct{}{}:
	default: // already asked
	}
	return nil
}

// Last is the last result of a check. Before the first one it has the status
// to begin with, and a zero time.
func (r *Runner) Last(id string) (Result, bool) {
	c, err := r.find(id)
	if err != nil {
		return Result{}, false
	}
	return c.Last(), true
}

func (r *Runner) find(id string) (*check, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.checks[id]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("check %s: %w", id, ErrUnknown)
}

// Close ends all checks and what they run, and waits for them: a little longer
// than it takes to end a script that ignores SIGTERM.
func (r *Runner) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.stop()
	r.wg.Wait()
}

// next is when a check that fell due at prev falls due again: on its own beat,
// leaving out those that a slow look has missed.
func next(prev, now time.Time, interval time.Duration) time.Time {
	late := max(0, now.Sub(prev))
	return prev.Add((late/interval + 1) * interval)
}
