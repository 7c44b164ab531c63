package jobs

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// aHost is a Host with a signer, and what it reported.
type aHost struct {
	*Host
	t      *testing.T
	ann    person
	cfg    HostConfig
	disk   *memory
	mu     sync.Mutex
	policy Policy
	open   int // waves that are open
	told   map[ID][]Result
	news   chan struct{} // something was told
}

func newHost(t *testing.T) *aHost {
	t.Helper()
	h := &aHost{t: t, ann: newPerson(t, "ann@example.com"), disk: newMemory(), told: make(map[ID][]Result), news: make(chan struct{}, 1)}
	signers := allowed(t, h.ann)
	journal := open(t, h.disk)
	log, err := OpenAudit(filepath.Join(t.TempDir(), "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	h.cfg = HostConfig{
		Self: func() Self { return self("h0001") }, Policy: h.currentPolicy, Signers: func() *Signers { return signers },
		Journal: journal, Audit: log, Runner: newRunner(t),
		Content: func(context.Context, Hash) (io.ReadCloser, error) { return nil, os.ErrNotExist },
		Permits: h.permits, Report: h.report,
	}
	h.Host = NewHost(h.cfg)
	t.Cleanup(func() { h.Close() })
	return h
}

func (h *aHost) currentPolicy() Policy {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.policy
}

func (h *aHost) permits(_ Order, wave int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return wave == h.open-1
}

func (h *aHost) report(id ID, p Progress, r Result) {
	if p.Outcome == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told[id] = append(h.told[id], r)
	select {
	case h.news <- struct{}{}:
	default: // who waits has not looked yet
	}
}

// outcome waits for the one of a job.
func (h *aHost) outcome(id ID) Result {
	h.t.Helper()
	for {
		h.mu.Lock()
		told := h.told[id]
		h.mu.Unlock()
		if len(told) > 0 {
			return told[0]
		}
		select {
		case <-h.news:
		case <-time.After(time.Minute):
			h.t.Fatalf("no outcome of %s", id)
		}
	}
}

func (h *aHost) give(o Order) ID {
	h.t.Helper()
	if err := h.Take(h.ann.sign(h.t, o)); err != nil {
		h.t.Errorf("refused: %v", err)
	}
	return o.ID
}

func (h *aHost) giveCancel(job ID) {
	h.t.Helper()
	body, err := Cancel{ID: NewID(time.Now()), Author: "ann@example.com", Job: job}.Encode()
	if err != nil {
		h.t.Fatal(err)
	}
	s, err := h.ann.Sign(body)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.Take(s); err != nil {
		h.t.Errorf("cancel: %v", err)
	}
}

// started waits until a job is.
func (h *aHost) started(id ID) {
	h.t.Helper()
	for range 3000 {
		if h.cfg.Journal.Find(id).State == Started {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Fatalf("%s is %s", id, h.cfg.Journal.Find(id).State)
}

func TestHostObeysOnce(t *testing.T) {
	h := newHost(t)
	o := shell(t, "exit 3")
	signed := h.ann.sign(t, o)
	if err := h.Take(signed); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := h.Take(signed); causeOf(err) != Replayed {
			t.Errorf("taken again: %v", err)
		}
	}
	if r := h.outcome(o.ID); r.Outcome != Failed || r.Code != 3 {
		t.Errorf("%+v", r)
	}
	if err := h.Take(signed); causeOf(err) != Replayed || len(h.told[o.ID]) != 1 {
		t.Errorf("%v, told %v", err, h.told[o.ID])
	}
	lines := string(contentOf(t, h.cfg.Audit.path))
	for _, want := range []string{`"decision":"accepted"`, `"key":"SHA256:`, `"decision":"ended","outcome":"failed","code":3`} {
		if strings.Count(lines, want) != 1 {
			t.Errorf("%s in\n%s", want, lines)
		}
	}
}

func TestHostRefuses(t *testing.T) {
	h := newHost(t)
	eve := newPerson(t, "ann@example.com")
	forged := here(t, "true")
	if err := h.Take(eve.sign(t, forged)); causeOf(err) != UnknownSigner {
		t.Error(err)
	}
	if r := h.outcome(forged.ID); r.Outcome != Refused || !strings.Contains(r.Why, "not among the allowed signers") {
		t.Errorf("%+v", r)
	}
	// Who forged it has not used its ID up.
	if err := h.Take(h.ann.sign(t, forged)); err != nil {
		t.Error(err)
	}

	h.mu.Lock()
	h.policy.Off = true
	h.mu.Unlock()
	off := here(t, "true")
	signed := h.ann.sign(t, off)
	if err := h.Take(signed); causeOf(err) != Off {
		t.Error(err)
	}
	h.mu.Lock()
	h.policy.Off = false
	h.mu.Unlock()
	// It has its outcome, whatever the policy says later.
	if err := h.Take(signed); causeOf(err) != Replayed || h.outcome(off.ID).Outcome != Refused {
		t.Errorf("%v %+v", err, h.outcome(off.ID))
	}

	nobody := here(t, "true")
	nobody.User = "no-such-user"
	if r := h.outcome(h.give(nobody)); r.Outcome != Refused || !strings.Contains(r.Why, "no user no-such-user") {
		t.Errorf("%+v", r)
	}
	late := here(t, "true")
	late.ID, late.Lifetime = NewID(time.Now().Add(-time.Hour)), time.Minute
	if err := h.Take(h.ann.sign(t, late)); causeOf(err) != Expired || h.outcome(late.ID).Outcome != TooLate {
		t.Errorf("%v %+v", err, h.outcome(late.ID))
	}
}

// A thousand forged orders are not a thousand lines on disk.
func TestHostAuditsStrangersSparingly(t *testing.T) {
	h := newHost(t)
	eve := newPerson(t, "ann@example.com")
	o := here(t, "true")
	for range 1000 {
		h.Take(eve.sign(t, o))
	}
	_, n, err := VerifyAuditFile(h.cfg.Audit.path)
	if err != nil || n != unsignedMax {
		t.Errorf("%d lines, %v", n, err)
	}
	h.unsigned = 1
	h.Take(eve.sign(t, o))
	if lines := string(contentOf(t, h.cfg.Audit.path)); !strings.Contains(lines, "and 940 refusals before it") {
		t.Error(lines[len(lines)-600:])
	}
}

func TestHostCancels(t *testing.T) {
	h := newHost(t)
	running := shell(t, "exec sleep "+nap(t))
	h.give(running)
	h.started(running.ID)
	h.giveCancel(running.ID)
	if r := h.outcome(running.ID); r.Outcome != Cancelled || r.Started.IsZero() {
		t.Errorf("%+v", r)
	}
	waiting := here(t, "true")
	waiting.Splay, waiting.Lifetime = time.Hour, time.Hour
	h.give(waiting)
	h.giveCancel(waiting.ID)
	if r := h.outcome(waiting.ID); r.Outcome != Cancelled || !r.Started.IsZero() {
		t.Errorf("%+v", r)
	}
	later := here(t, "true")
	h.giveCancel(later.ID) // it overtook its job
	h.give(later)
	if r := h.outcome(later.ID); r.Outcome != Cancelled || !r.Started.IsZero() {
		t.Errorf("%+v", r)
	}
}

func TestHostWaitsForItsWave(t *testing.T) {
	h := newHost(t)
	o := here(t, "true")
	o.Targets = []Target{{Name: "h0002", Origin: originOf("h0002")}, {Name: "h0001", Origin: originOf("h0001")}}
	o.Rollout = &Rollout{Waves: []int{1, 1}, Conductors: []Origin{{1}}}
	h.give(o)
	for _, open := range []int{1, 2} {
		if s := h.cfg.Journal.Find(o.ID).State; s != Received {
			t.Errorf("%s before its wave", s)
		}
		h.mu.Lock()
		h.open = open
		h.mu.Unlock()
		h.Poke()
	}
	if r := h.outcome(o.ID); r.Outcome != OK {
		t.Errorf("%+v", r)
	}
}

// Two jobs of one key follow each other; one of another does not wait.
func TestHostKeepsConcurrencyKeys(t *testing.T) {
	h, dir := newHost(t), t.TempDir()
	var ids []ID
	for range 4 {
		o := shell(t, "mkdir "+dir+"/held || exit 1; sleep 0.05; rmdir "+dir+"/held")
		o.ConcurrencyKey = "hdfs"
		ids = append(ids, h.give(o))
	}
	other := here(t, "true")
	other.ConcurrencyKey = "yarn"
	ids = append(ids, h.give(other))
	for _, id := range ids {
		if r := h.outcome(id); r.Outcome != OK {
			t.Errorf("%+v", r)
		}
	}
	h.Close()
	if len(h.keys) != 0 || len(h.waiting) != 0 {
		t.Errorf("left %v %v", h.keys, h.waiting)
	}
}

// An agent that goes leaves its jobs to the next one.
func TestHostGoesOn(t *testing.T) {
	h := newHost(t)
	running := shell(t, "sleep 0.5; exit 6")
	h.give(running)
	h.started(running.ID)
	waiting := here(t, "true")
	waiting.ConcurrencyKey = "x"
	waiting.Splay = 2 * time.Second
	for waiting.Delay(originOf("h0001")) < time.Second {
		waiting.ID = NewID(time.Now())
	}
	h.give(waiting)
	h.Close()
	if err := h.Take(h.ann.sign(t, here(t, "true"))); err == nil {
		t.Error("taken by a host that is closed")
	}
	if len(h.told) != 0 {
		t.Errorf("told %v", h.told)
	}
	h.cfg.Journal = open(t, h.disk.after())
	h.Host = NewHost(h.cfg)
	if r := h.outcome(running.ID); r.Code != 6 {
		t.Errorf("%+v", r)
	}
	if r := h.outcome(waiting.ID); r.Outcome != OK {
		t.Errorf("%+v", r)
	}
	if err := h.Trim(); err != nil {
		t.Error(err)
	}
}

// A disk that is full refuses orders, with the reason, and nothing else.
func TestHostWithAFullDisk(t *testing.T) {
	h := newHost(t)
	h.disk.mu.Lock()
	h.disk.fail = func() (bool, bool) { return true, true }
	h.disk.mu.Unlock()
	o := here(t, "true")
	if err := h.Take(h.ann.sign(t, o)); causeOf(err) != Impossible || !strings.Contains(err.Error(), "no space left") {
		t.Error(err)
	}
	if r := h.outcome(o.ID); r.Outcome != Refused {
		t.Errorf("%+v", r)
	}
	h.disk.mu.Lock()
	h.disk.fail = nil
	h.disk.mu.Unlock()
	if r := h.outcome(h.give(here(t, "true"))); r.Outcome != OK {
		t.Errorf("%+v", r)
	}
}

func TestDelaySpreads(t *testing.T) {
	o := plain()
	o.Splay = time.Minute
	buckets := make([]int, 6)
	for _, target := range hosts(600) {
		d := o.Delay(target.Origin)
		if d < 0 || d >= o.Splay || d != o.Delay(target.Origin) {
			t.Fatal(d)
		}
		buckets[d/(10*time.Second)]++
	}
	for _, n := range buckets {
		if n < 50 {
			t.Errorf("%v", buckets)
		}
	}
}
