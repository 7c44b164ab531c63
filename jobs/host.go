package jobs

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"
)

const (
	// pendingMax bounds the orders that wait for their time, and cancels that
	// came before their job; each may hold an order of OrderMax.
	pendingMax = 256
	// runningMax bounds the runs at once: each has a supervisor of 10 MB.
	runningMax = 32
	// unsignedMax refusals of orders that nobody signed are audited at once, and
	// one each unsignedEvery: a hundred thousand lines a year.
	unsignedMax   = 60
	unsignedEvery = 5 * time.Minute
)

// deed is what a job is called in an audit line or a list.
func (o Order) deed() string {
	if o.Script != nil {
		return strings.Join(append([]string{o.Script.Name + " (sha256:" + o.Script.Hash.String() + ")"}, o.Command...), " ")
	}
	return strings.Join(o.Command, " ")
}

// Delay is the part of the order's splay that a host waits: always the same.
func (o Order) Delay(host Origin) time.Duration {
	if o.Splay <= 0 {
		return 0
	}
	h := fnv.New64a()
	h.Write(o.ID[:])
	h.Write(host[:])
	return time.Duration(h.Sum64() % uint64(o.Splay))
}

// HostConfig is what a Host needs. All but Permits and Logger is required; the
// functions may be called at any time, from any goroutine.
type HostConfig struct {
	Self    func() Self
	Policy  func() Policy
	Signers func() *Signers // nil: nobody may sign
	Journal *Journal
	Runner  Runner
	Audit   *Audit
	// Content opens what an order names by its hash, from wherever it is, for
	// as long as ctx lasts.
	Content func(ctx context.Context, h Hash) (io.ReadCloser, error)
	// Permits says whether the wave of a rollout is open; nil: none ever is.
	Permits func(o Order, wave int) bool
	// Report gets every change of a run: that it was started, and how it ended;
	// after a restart that may be a second time. A refusal for want of a good
	// signature is not the last word on an ID: who did not sign an order can
	// send another with its ID.
	Report func(id ID, p Progress, r Result)
	Logger *slog.Logger
}

// A Host obeys orders: it is the target's side of a job, from the signed bytes
// to the outcome.
type Host struct {
	cfg  HostConfig
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup
	room chan struct{} // one for each run at once

	mu      sync.Mutex
	waiting map[ID]*order
	cancels map[ID]Signed   // of jobs that have not come yet
	keys    map[string]*key // concurrency keys in use
	poke    chan struct{}   // closed when a wave may have opened

	unsigned     float64 // refusals of unsigned orders that may be audited now
	lastUnsigned time.Time
	unwritten    int
}

// order is one that was accepted and has no outcome yet.
type order struct {
	Order
	signed Signed
	ctx    context.Context // ended by a cancel
	cancel context.CancelCauseFunc
}

type key struct {
	held  chan struct{}
	users int
}

// errCancelled is why the context of an order ended, if not with the host.
var errCancelled = errors.New("cancelled")

// NewHost goes on with what the journal holds: jobs that were received are
// started in their time, those that were started are waited for, or are lost.
func NewHost(cfg HostConfig) *Host {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	h := &Host{
		cfg: cfg, ctx: ctx, stop: stop, room: make(chan struct{}, runningMax),
		waiting: make(map[ID]*order), cancels: make(map[ID]Signed), keys: make(map[string]*key), poke: make(chan struct{}),
		unsigned: unsignedMax, lastUnsigned: time.Now(),
	}
	for _, r := range cfg.Journal.Unended() {
		h.resume(r)
	}
	return h
}

// Close stops starting and waiting. What runs goes on.
func (h *Host) Close() {
	h.stop()
	h.wg.Wait()
}

// resume takes a job up where an earlier process left it.
func (h *Host) resume(r Record) {
	s, err := DecodeSigned(r.Signed)
	if err == nil {
		var o Order
		if o, err = DecodeOrder(s.Body); err == nil {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.begin(o, s, r.State == Started)
			return
		}
	}
	h.end(Order{ID: r.ID}, end(Lost, fmt.Sprintf("this version of yodel cannot read its order: %v", err)))
}

// Take is given every order and cancel that comes, from anybody, as often as
// it comes. The error is why this host does not obey; its outcome was reported.
// That of an order which was here before is a *Refusal too, and is no outcome.
func (h *Host) Take(s Signed) error {
	if s.IsCancel() {
		return h.takeCancel(s)
	}
	v, err := h.cfg.Policy().Accept(s, h.cfg.Signers(), h.cfg.Self(), time.Now())
	if r := h.cfg.Journal.Find(v.Order.ID); r.State != Unknown {
		return refuse(Replayed, "it was here before, and is %s %s", r.State, r.Result.Outcome)
	}
	line := Line{Time: time.Now(), Job: v.Order.ID, What: v.Order.deed(), Who: v.Order.Author, Key: v.Signer, User: v.Order.User, Decision: "accepted"}
	if err == nil {
		if v.Ahead > 0 {
			h.cfg.Logger.Warn("the clock of an order's author is ahead of ours", "job", v.Order.ID, "by", v.Ahead)
		}
		err = h.admit(v.Order, s, line)
	}
	if err == nil {
		return nil
	}
	line.Decision, line.Why = "refused", err.Error()
	if !causeIs(err, Replayed) && !causeIs(err, NotTarget) {
		h.auditRefusal(line, err)
	}
	h.refused(v.Order, s, err)
	return err
}

// auditRefusal writes lines about orders that nobody signed at a bounded rate:
// who only has the gossip key cannot fill the disk with them.
func (h *Host) auditRefusal(l Line, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !signed(err) {
		now := time.Now()
		h.unsigned = min(unsignedMax, h.unsigned+now.Sub(h.lastUnsigned).Seconds()/unsignedEvery.Seconds())
		h.lastUnsigned = now
		if h.unsigned < 1 {
			h.unwritten++
			return
		}
		h.unsigned--
	}
	if h.unwritten > 0 {
		l.Why = fmt.Sprintf("%s (and %d refusals before it that are not written down one by one)", l.Why, h.unwritten)
		h.unwritten = 0
	}
	h.audit(l)
}

// signed says that the order's author is who it says.
func signed(refusal error) bool {
	var why *Refusal
	if !errors.As(refusal, &why) {
		return false
	}
	switch why.Cause {
	case BadOrder, BadSignature, WrongNamespace, UnknownSigner, KeyTime, Altered:
		return false
	}
	return true
}

// refused tells the outcome, if the order is one of this host's: a refusal of
// somebody else's order, or of what nobody signed, is no outcome.
func (h *Host) refused(o Order, s Signed, err error) {
	var why *Refusal
	if !errors.As(err, &why) {
		return
	}
	outcome := Refused
	switch why.Cause {
	case Expired:
		outcome = TooLate
	case NotTarget, Replayed, BadOrder:
		return
	}
	result := end(outcome, why.Why)
	result.Ended = time.Now()
	if signed(why) && why.Cause != Expired && h.cfg.Journal.Receive(o, s) == nil {
		result, _ = h.cfg.Journal.End(o.ID, result) // a policy that changes does not change it
	}
	h.cfg.Report(o.ID, Progress{Outcome: result.Outcome}, result)
}

// admit takes an order in: journal, audit, and a goroutine for it.
func (h *Host) admit(o Order, s Signed, line Line) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return refuse(Replayed, "this host is stopping")
	}
	if h.cfg.Journal.Find(o.ID).State != Unknown {
		return refuse(Replayed, "it was here before")
	}
	if len(h.waiting) >= pendingMax {
		return refuse(Impossible, "%d jobs wait or run on this host, the limit", pendingMax)
	}
	if err := h.cfg.Audit.Append(line); err != nil {
		return refuse(Impossible, "%v", err)
	}
	if err := h.cfg.Journal.Receive(o, s); err != nil {
		return err
	}
	h.begin(o, s, false)
	if c, ok := h.cancels[o.ID]; ok {
		delete(h.cancels, o.ID)
		h.cancel(h.waiting[o.ID], c)
	}
	return nil
}

// begin follows one order to its end. Caller holds h.mu.
func (h *Host) begin(o Order, s Signed, started bool) {
	ctx, cancel := context.WithCancelCause(h.ctx)
	w := &order{Order: o, signed: s, ctx: ctx, cancel: cancel}
	h.waiting[o.ID] = w
	h.wg.Go(func() {
		defer cancel(nil)
		result, err := h.follow(w, started)
		h.mu.Lock()
		delete(h.waiting, o.ID)
		h.mu.Unlock()
		if err == nil {
			h.end(o, result)
		} // else this host is stopping, and the next one goes on
	})
}

// end writes and tells an outcome.
func (h *Host) end(o Order, result Result) {
	if result.Ended.IsZero() {
		result.Ended = time.Now()
	}
	result, err := h.cfg.Journal.End(o.ID, result)
	if err != nil {
		h.cfg.Logger.Error("the outcome of a job is not on disk yet", "job", o.ID, "error", err)
	}
	h.audit(Line{Time: time.Now(), Job: o.ID, What: o.deed(), Who: o.Author, User: o.User, Decision: "ended", Why: result.Why, Outcome: result.Outcome, Code: result.Code})
	h.cfg.Report(o.ID, Progress{Started: !result.Started.IsZero(), Outcome: result.Outcome}, result)
}

func (h *Host) audit(l Line) {
	if err := h.cfg.Audit.Append(l); err != nil {
		h.cfg.Logger.Error("a decision is not in the audit", "job", l.Job, "error", err)
	}
}

// Poke says that a wave may have opened.
func (h *Host) Poke() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.poke)
	h.poke = make(chan struct{})
}

// Trim forgets what is long over, spools included. Call it now and then.
func (h *Host) Trim() error {
	h.mu.Lock()
	maps.DeleteFunc(h.cancels, func(job ID, _ Signed) bool { return time.Since(job.Time()) > LifetimeMax+Skew })
	h.mu.Unlock()
	old, err := h.cfg.Journal.Trim(time.Now())
	for _, id := range old {
		err = errors.Join(err, h.cfg.Runner.Remove(id))
	}
	return err
}

// takeCancel ends the job, or waits for it.
func (h *Host) takeCancel(s Signed) error {
	c, err := DecodeCancel(s.Body)
	if err != nil {
		return refuse(BadOrder, "%v", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if w, ok := h.waiting[c.Job]; ok {
		return h.cancel(w, s)
	}
	if h.cfg.Journal.Find(c.Job).State != Unknown {
		return nil // it is over
	}
	if len(h.cancels) >= pendingMax {
		return refuse(Impossible, "%d cancels wait for their jobs, the limit", pendingMax)
	}
	if _, err := h.cfg.Signers().Verify(s, c.Author, time.Now()); err != nil {
		return err
	}
	h.cancels[c.Job] = s
	return nil
}

// cancel decides about a cancel. Caller holds h.mu.
func (h *Host) cancel(w *order, s Signed) error {
	c, err := h.cfg.Policy().AcceptCancel(s, w.Order, h.cfg.Signers(), h.cfg.Self(), time.Now())
	line := Line{Time: time.Now(), Job: w.ID, What: "cancel", Who: c.Author, Decision: "accepted"}
	if err != nil {
		line.Decision, line.Why = "refused", err.Error()
	} else {
		w.cancel(errCancelled)
	}
	h.audit(line)
	return err
}
