package jobs

import (
	"context"
	"errors"
	"io"
	"time"
)

// follow brings an order from "received" to its outcome. The error is that of
// a host that is stopping.
func (h *Host) follow(w *order, started bool) (Result, error) {
	if started {
		return h.collect(w)
	}
	release, err := h.await(w)
	if err != nil {
		return h.notStarted(w, err)
	}
	defer release()
	run, err := h.launch(w)
	if err != nil {
		return h.notStarted(w, err)
	}
	h.cfg.Report(w.ID, Progress{Started: true}, Result{Started: time.Now()})
	return h.watch(w, run)
}

// notStarted is the outcome of an order that never was.
func (h *Host) notStarted(w *order, err error) (Result, error) {
	var why *Refusal
	switch {
	case h.ctx.Err() != nil:
		return Result{}, h.ctx.Err()
	case errors.Is(err, errCancelled):
		return end(Cancelled, "before it was started"), nil
	case errors.As(err, &why) && why.Cause == Expired:
		return end(TooLate, why.Why), nil
	default:
		return end(Refused, err.Error()), nil
	}
}

// await waits until it is this order's turn: its splay, its wave, its key, and
// room for one more. All of it ends when the order expires.
func (h *Host) await(w *order) (release func(), err error) {
	ctx, stop := context.WithDeadlineCause(w.ctx, w.Expires().Add(Skew),
		refuse(Expired, "it expired at %s, before its turn came", stamp(w.Expires())))
	defer stop()
	splay := time.NewTimer(time.Until(w.ID.Time().Add(w.Delay(h.cfg.Self().Origin))))
	defer splay.Stop()
	select {
	case <-splay.C:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if err := h.awaitWave(ctx, w); err != nil {
		return nil, err
	}
	unlock, err := h.lock(ctx, w.ConcurrencyKey)
	if err != nil {
		return nil, err
	}
	select {
	case h.room <- struct{}{}:
		return func() { <-h.room; unlock() }, nil
	case <-ctx.Done():
		unlock()
		return nil, context.Cause(ctx)
	}
}

func (h *Host) awaitWave(ctx context.Context, w *order) error {
	for w.Rollout != nil {
		h.mu.Lock()
		poke := h.poke
		h.mu.Unlock()
		i, err := w.targetOf(h.cfg.Self())
		if err != nil {
			return err
		}
		if h.cfg.Permits != nil && h.cfg.Permits(w.Order, w.Wave(i)) {
			return nil
		}
		select {
		case <-poke:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// lock takes a concurrency key; the empty one is nobody's.
func (h *Host) lock(ctx context.Context, name string) (unlock func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	h.mu.Lock()
	k := h.keys[name]
	if k == nil {
		k = &key{held: make(chan struct{}, 1)}
		h.keys[name] = k
	}
	k.users++
	h.mu.Unlock()
	leave := func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if k.users--; k.users == 0 {
			delete(h.keys, name)
		}
	}
	select {
	case k.held <- struct{}{}:
		return func() { <-k.held; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}

// launch asks the policy again, for it may have waited long, prepares all, and
// only then writes down that it starts.
func (h *Host) launch(w *order) (*Run, error) {
	self := h.cfg.Self()
	if _, err := h.cfg.Policy().Accept(w.signed, h.cfg.Signers(), self, time.Now()); err != nil && !causeIs(err, Expired) {
		return nil, err // await has seen to its time, which it may have waited away
	}
	run, err := h.cfg.Runner.Prepare(w.Order, func(hash Hash) (io.ReadCloser, error) { return h.cfg.Content(w.ctx, hash) })
	if err != nil {
		if w.ctx.Err() != nil {
			return nil, context.Cause(w.ctx)
		}
		return nil, err
	}
	if w.ctx.Err() != nil {
		run.Abandon()
		return nil, context.Cause(w.ctx)
	}
	if err := h.cfg.Journal.Start(w.ID, time.Now()); err != nil {
		run.Abandon()
		return nil, err
	}
	if err := run.Go(); err != nil {
		run.Close()
		return nil, err
	}
	return run, nil
}

func causeIs(err error, c Cause) bool {
	var why *Refusal
	return errors.As(err, &why) && why.Cause == c
}

// collect finds a run that an earlier process started.
func (h *Host) collect(w *order) (Result, error) {
	run, err := h.cfg.Runner.Attach(w.ID)
	if err != nil {
		return end(Lost, err.Error()), nil
	}
	if unlock, err := h.lock(w.ctx, w.ConcurrencyKey); err == nil {
		defer unlock()
	}
	h.cfg.Report(w.ID, Progress{Started: true}, Result{})
	return h.watch(w, run)
}

// watch waits for the end of a run, and passes a cancel on to it.
func (h *Host) watch(w *order, run *Run) (Result, error) {
	defer run.Close()
	result, err := run.Wait(w.ctx)
	if err == nil {
		return result, nil
	}
	if h.ctx.Err() != nil {
		return Result{}, h.ctx.Err() // it goes on without us
	}
	if err := run.Cancel(); err != nil && !errors.Is(err, ErrGone) {
		h.cfg.Logger.Error("a job cannot be cancelled", "job", w.ID, "error", err)
	}
	return run.Wait(h.ctx)
}
