package checks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A book holds what a runner reported.
type book struct {
	mu      sync.Mutex
	results map[string][]Result
	closed  bool
	late    int
}

func (b *book) report(id string, r Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		b.late++
	}
	if b.results == nil {
		b.results = make(map[string][]Result)
	}
	b.results[id] = append(b.results[id], r)
}

func (b *book) of(id string) []Result {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.results[id])
}

// probing is a runner whose probes are all f.
func probing(cfg Config, f func(Definition) Probe) (*Runner, *book) {
	b := &book{}
	cfg.Report, cfg.AllowScripts = b.report, true
	r := NewRunner(cfg)
	r.probe = f
	return r, b
}

func always(s Status) func(Definition) Probe {
	return func(Definition) Probe { return func(context.Context) (Status, string) { return s, string(s) } }
}

func tcpCheck(id string, interval time.Duration) Definition {
	return Definition{ID: id, TCP: "127.0.0.1:1", Interval: interval, Timeout: 2 * time.Second}
}

func mustPut(t testing.TB, r *Runner, d Definition) {
	t.Helper()
	if err := r.Put(d); err != nil {
		t.Fatal(err)
	}
}

func TestFirstRunsAreSpreadAndThenRegular(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, b := probing(Config{}, always(Passing))
		start := time.Now()
		const n = 200
		for i := range n {
			mustPut(t, r, tcpCheck(fmt.Sprint(i), 10*time.Second))
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		var quarters [4]int
		for i := range n {
			all := b.of(fmt.Sprint(i))
			if len(all) != 3 {
				t.Fatalf("check %d: %d results in three intervals", i, len(all))
			}
			first := all[0].At.Sub(start)
			quarters[first*4/(10*time.Second)]++
			for j, res := range all {
				if want := first + time.Duration(j)*10*time.Second; res.At.Sub(start) != want {
					t.Fatalf("check %d run %d at %s, want %s", i, j, res.At.Sub(start), want)
				}
			}
		}
		for q, k := range quarters {
			if k < n/4/2 {
				t.Errorf("quarter %d of the interval saw %d first runs of %d", q, k, n)
			}
		}
		r.Close()
	})
}

func TestSlowCheckNeverOverlapsAndKeepsItsBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, runs atomic.Int32
		r, b := probing(Config{}, func(Definition) Probe {
			return func(context.Context) (Status, string) {
				if running.Add(1) > 1 {
					t.Error("two at once")
				}
				time.Sleep(1500 * time.Millisecond)
				running.Add(-1)
				runs.Add(1)
				return Passing, ""
			}
		})
		mustPut(t, r, tcpCheck("a", time.Second))
		time.Sleep(21 * time.Second)
		if n := runs.Load(); n != 10 && n != 9 {
			t.Errorf("%d runs in 21 s, want one every 2 s", n)
		}
		if took := b.of("a")[0].Took; took != 1500*time.Millisecond {
			t.Errorf("took %s", took)
		}
		r.Close()
	})
}

func TestTimeoutAndThresholdAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := atomic.Bool{}
		r, b := probing(Config{}, func(Definition) Probe {
			return func(ctx context.Context) (Status, string) {
				if slow.Load() {
					<-ctx.Done()
					return Critical, "dial: " + ctx.Err().Error()
				}
				return Passing, "fine"
			}
		})
		d := tcpCheck("a", 5*time.Second)
		d.FailuresBeforeCritical = 2
		mustPut(t, r, d)
		time.Sleep(5 * time.Second)
		slow.Store(true)
		time.Sleep(15 * time.Second)
		r.Close()
		got := b.of("a")
		if got[0].Status != Passing || got[0].Output != "fine" {
			t.Errorf("first: %+v", got[0])
		}
		if got[1].Status != Passing || got[1].Seen != Critical {
			t.Errorf("first failure: %+v", got[1])
		}
		if want := "timed out after 2s: dial: context deadline exceeded"; got[2].Status != Critical || got[2].Output != want || got[2].Took != 2*time.Second {
			t.Errorf("second failure: %+v", got[2])
		}
	})
}

func TestHungProbeIsReportedAndNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var runs atomic.Int32
		r, b := probing(Config{}, func(Definition) Probe {
			return func(context.Context) (Status, string) { // does not know of ctx
				if runs.Add(1) == 1 {
					<-release
				}
				return Passing, "back"
			}
		})
		mustPut(t, r, tcpCheck("a", 10*time.Second))
		time.Sleep(40 * time.Second)
		got := b.of("a")
		if len(got) < 3 || runs.Load() != 1 {
			t.Fatalf("%d results of %d runs", len(got), runs.Load())
		}
		if want := "timed out after 2s: and does not end"; got[0].Output != want || got[0].Status != Critical {
			t.Errorf("got %+v, want %q", got[0], want)
		}
		if !strings.Contains(got[1].Output, "previous run has still not ended") {
			t.Errorf("got %q", got[1].Output)
		}
		close(release)
		time.Sleep(10 * time.Second)
		if last, _ := r.Last("a"); last.Output != "back" || last.Status != Passing {
			t.Errorf("after it ended: %+v", last)
		}
		r.Close()
	})
}

func TestPanicIsACriticalResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, b := probing(Config{}, func(Definition) Probe {
			return func(context.Context) (Status, string) { panic("oops") }
		})
		mustPut(t, r, tcpCheck("a", time.Second))
		time.Sleep(3 * time.Second)
		r.Close()
		if got := b.of("a"); len(got) < 2 || got[0].Status != Critical || got[0].Output != "panic: oops" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestScriptsWaitForASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		r, b := probing(Config{}, func(Definition) Probe {
			return func(context.Context) (Status, string) {
				most.Store(max(most.Load(), running.Add(1)))
				time.Sleep(100 * time.Millisecond)
				running.Add(-1)
				return Passing, ""
			}
		})
		for i := range 500 {
			mustPut(t, r, Definition{ID: fmt.Sprint(i), Args: []string{"x"}, Interval: time.Second})
			r.Run(fmt.Sprint(i))
		}
		time.Sleep(2 * time.Second)
		if most.Load() != scriptsMax {
			t.Errorf("%d at once, want %d", most.Load(), scriptsMax)
		}
		for i := range 500 {
			if len(b.of(fmt.Sprint(i))) == 0 {
				t.Errorf("check %d never ran", i)
			}
		}
		r.Close()
	})
}

func TestPutReplacesRemoveEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made, running atomic.Int32
		r, b := probing(Config{}, func(Definition) Probe {
			made.Add(1)
			return func(ctx context.Context) (Status, string) {
				if running.Add(1) > 1 {
					t.Error("old and new at once")
				}
				select {
				case <-ctx.Done():
					time.Sleep(300 * time.Millisecond) // a script that is being ended
				case <-time.After(time.Second):
				}
				running.Add(-1)
				return Warning, "w"
			}
		})
		d := tcpCheck("a", 5*time.Second)
		mustPut(t, r, d)
		if last, ok := r.Last("a"); !ok || last.Status != Critical || !last.At.IsZero() {
			t.Errorf("before the first run: %+v", last)
		}
		time.Sleep(6 * time.Second)
		mustPut(t, r, d)
		synctest.Wait()
		if made.Load() != 1 {
			t.Error("an unchanged definition was started again")
		}
		r.Run("a")
		time.Sleep(100 * time.Millisecond)
		d.Notes = "changed"
		mustPut(t, r, d) // while it runs
		r.Run("a")
		if last, _ := r.Last("a"); last.Status != Warning {
			t.Errorf("the status did not carry over: %+v", last)
		}
		time.Sleep(2 * time.Second)
		if made.Load() != 2 {
			t.Errorf("%d probes made, want 2", made.Load())
		}
		r.Run("a")
		time.Sleep(100 * time.Millisecond)
		n := len(b.of("a"))
		r.Remove("a")
		if running.Load() != 0 {
			t.Error("Remove did not wait")
		}
		r.Remove("a")
		time.Sleep(20 * time.Second)
		if got := len(b.of("a")); got != n {
			t.Errorf("%d results after Remove", got-n)
		}
		if _, ok := r.Last("a"); ok {
			t.Error("still there")
		}
		if err := r.Run("a"); !errors.Is(err, ErrUnknown) {
			t.Errorf("run: %v", err)
		}
		r.Close()
	})
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble fails if a goroutine is left
		r, b := probing(Config{}, func(Definition) Probe {
			return func(ctx context.Context) (Status, string) { <-ctx.Done(); return Critical, "" }
		})
		for i := range 100 {
			mustPut(t, r, tcpCheck(fmt.Sprint(i), 10*time.Second))
			mustPut(t, r, Definition{ID: fmt.Sprint("ttl", i), TTL: time.Second})
		}
		time.Sleep(5 * time.Second)
		r.Close()
		b.mu.Lock()
		b.closed = true
		b.mu.Unlock()
		time.Sleep(time.Minute)
		if b.late > 0 {
			t.Errorf("%d reports after Close", b.late)
		}
		if err := r.Put(tcpCheck("x", time.Second)); err == nil {
			t.Error("put after close")
		}
		if err := r.SetTTL("ttl1", Passing, ""); err == nil {
			t.Error("beat after close")
		}
		r.Close()
	})
}

func TestPutRefuses(t *testing.T) {
	r := NewRunner(Config{Report: func(string, Result) {}})
	defer r.Close()
	script := Definition{ID: "s", Args: []string{"true"}, Interval: time.Second}
	if err := r.Put(script); !errors.Is(err, ErrScripts) {
		t.Errorf("script: %v", err)
	}
	script.DockerContainerID = "c"
	if err := r.Put(script); !errors.Is(err, ErrScripts) {
		t.Errorf("docker: %v", err)
	}
	if err := r.Put(Definition{ID: "a", AliasNode: "n"}); err == nil {
		t.Error("alias without a view")
	}
	if err := r.Put(Definition{Name: "bad", Interval: -1}); err == nil || !strings.HasPrefix(err.Error(), "check bad: check: no kind") {
		t.Errorf("bad: %v", err)
	}
}

func TestTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		r := NewRunner(Config{Report: b.report})
		start := time.Now()
		mustPut(t, r, Definition{ID: "a", TTL: 10 * time.Second, OutputMaxSize: 8})
		time.Sleep(8 * time.Second)
		if err := r.SetTTL("a", Passing, "all is well"); err != nil {
			t.Fatal(err)
		}
		if last, _ := r.Last("a"); last.Status != Passing || last.Output != "all is w ... (captured 8 of 11 bytes)" {
			t.Errorf("after a beat: %+v", last)
		}
		time.Sleep(9 * time.Second)
		r.SetTTL("a", Warning, "hm")
		time.Sleep(time.Minute)
		got := b.of("a")
		if len(got) != 3 {
			t.Fatalf("got %d results: %+v", len(got), got)
		}
		if got[1].Status != Warning || got[2].Status != Critical || got[2].At.Sub(start) != 27*time.Second ||
			got[2].Output != "TTL expired (last output before timeout follows): hm" {
			t.Errorf("got %+v", got)
		}
		r.SetTTL("a", Passing, "back")
		if last, _ := r.Last("a"); last.Status != Passing {
			t.Errorf("after the return: %+v", last)
		}
		if err := r.SetTTL("a", "good", ""); err == nil {
			t.Error("took a status that is none")
		}
		if err := r.SetTTL("b", Passing, ""); !errors.Is(err, ErrUnknown) {
			t.Errorf("unknown: %v", err)
		}
		mustPut(t, r, tcpCheck("tcp", time.Second))
		if err := r.SetTTL("tcp", Passing, ""); err == nil || errors.Is(err, ErrUnknown) {
			t.Errorf("tcp: %v", err)
		}
		r.Close()
	})
}

func TestTTLSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := Definition{ID: "a", TTL: 10 * time.Second}
		restart := func(was Result) (*Runner, *book) {
			b := &book{}
			r := NewRunner(Config{Report: b.report})
			if err := r.PutWith(d, was); err != nil {
				t.Fatal(err)
			}
			return r, b
		}
		r, _ := restart(Result{})
		r.SetTTL("a", Passing, "fine")
		last, _ := r.Last("a")
		r.Close()

		time.Sleep(7 * time.Second) // the agent is down
		r, b := restart(last)
		if got, _ := r.Last("a"); got.Status != Passing || got.Output != "fine" {
			t.Errorf("restored: %+v", got)
		}
		time.Sleep(4 * time.Second)
		got := b.of("a")
		if len(got) != 1 || got[0].Status != Critical || got[0].At.Sub(last.At) != 10*time.Second {
			t.Errorf("must expire when it would have: %+v", got)
		}
		expired, _ := r.Last("a")
		r.Close()

		r, b = restart(expired)
		time.Sleep(time.Minute)
		if got := b.of("a"); len(got) != 0 {
			t.Errorf("expired twice: %+v", got)
		}
		r.Close()

		r, b = restart(last) // down for longer than the TTL
		synctest.Wait()
		if got := b.of("a"); len(got) != 1 || got[0].Status != Critical {
			t.Errorf("must expire at once: %+v", got)
		}
		r.Close()

		last.At = time.Now().Add(time.Hour) // the clock was set back
		r, b = restart(last)
		time.Sleep(11 * time.Second)
		if got := b.of("a"); len(got) != 1 {
			t.Errorf("a beat of the future must not last: %+v", got)
		}
		d.Notes = "changed" // a reload: the beat carries over
		r.SetTTL("a", Passing, "fine")
		time.Sleep(9 * time.Second)
		mustPut(t, r, d)
		time.Sleep(2 * time.Second)
		if last, _ := r.Last("a"); last.Status != Critical {
			t.Errorf("a reload is no beat: %+v", last)
		}
		r.Close()
	})
}

func TestAlias(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var status atomic.Value
		status.Store(Passing)
		b := &book{}
		r := NewRunner(Config{Report: b.report, Alias: func(node, service string) (Status, string, bool) {
			s := status.Load().(Status)
			return s, node + "/" + service, s != ""
		}})
		mustPut(t, r, Definition{ID: "a", AliasNode: "n1", AliasService: "web", FailuresBeforeCritical: 5})
		synctest.Wait()
		if got := b.of("a"); len(got) != 1 || got[0].Status != Passing || got[0].Output != "n1/web" {
			t.Fatalf("at once: %+v", got)
		}
		time.Sleep(30 * time.Second)
		status.Store(Warning)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := b.of("a"); len(got) != 2 || got[1].Status != Warning {
			t.Errorf("within a second: %+v", got)
		}
		status.Store(Status(""))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		got := b.of("a")
		if len(got) != 5 && len(got) != 4 || got[2].Status != Critical || got[2].Output != "Service web could not be found on node n1" {
			t.Errorf("gone, then once a minute: %+v", got)
		}
		r.Close()
	})
}

func TestDeregister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type gone struct {
			service string
			at      time.Time
		}
		var status atomic.Value
		status.Store(Critical)
		out := make(chan gone, 10)
		var r *Runner
		r, b := probing(Config{Deregister: func(service, check string) {
			out <- gone{service, time.Now()}
			if service == "dies" {
				r.Remove(check)
			}
		}}, func(Definition) Probe {
			return func(context.Context) (Status, string) { return status.Load().(Status), "" }
		})
		d := tcpCheck("long", time.Hour) // its time comes between two looks
		d.ServiceID, d.DeregisterCriticalServiceAfter = "dies", 90*time.Second
		mustPut(t, r, d)
		r.Run("long")
		d.ID, d.ServiceID = "node", ""
		mustPut(t, r, d)
		r.Run("node")
		time.Sleep(10 * time.Minute)
		if len(out) != 1 {
			t.Fatalf("%d were removed, want 1", len(out))
		}
		if g := <-out; g.service != "dies" || g.at.Sub(b.of("long")[0].At) != 90*time.Second {
			t.Errorf("%+v, critical since %s", g, b.of("long")[0].At)
		}
		if _, ok := r.Last("long"); ok {
			t.Error("not removed")
		}

		d = tcpCheck("b", time.Second)
		d.ServiceID, d.DeregisterCriticalServiceAfter = "b", time.Second // raised to a minute
		mustPut(t, r, d)
		time.Sleep(50 * time.Second)
		status.Store(Passing)
		time.Sleep(2 * time.Second)
		status.Store(Critical)
		time.Sleep(50 * time.Second)
		if len(out) != 0 {
			t.Error("removed although it had recovered")
		}
		time.Sleep(10 * time.Minute)
		if len(out) != 1 {
			t.Errorf("%d calls, want one per spell", len(out))
		}
		r.Close()
	})
}

func TestNext(t *testing.T) {
	t0 := time.Unix(1e9, 0)
	for _, tt := range []struct{ late, want time.Duration }{
		{-time.Second, 10 * time.Second}, {0, 10 * time.Second}, {9 * time.Second, 10 * time.Second},
		{10 * time.Second, 20 * time.Second}, {34 * time.Second, 40 * time.Second},
	} {
		if got := next(t0, t0.Add(tt.late), 10*time.Second).Sub(t0); got != tt.want {
			t.Errorf("late %s: got %s, want %s", tt.late, got, tt.want)
		}
	}
}
