package checks

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A thousand idle checks: memory each, and what it costs to start and end them.
func BenchmarkThousandChecks(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		r := NewRunner(Config{Report: func(string, Result) {}})
		r.probe = always(Passing)
		for i := range 1000 {
			mustPut(b, r, tcpCheck(fmt.Sprint(i), time.Hour))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc+after.StackInuse-before.HeapAlloc-before.StackInuse)/1000, "B/check")
		r.Close()
	}
}

// One look, from the wake to the report, without the probe.
func BenchmarkLook(b *testing.B) {
	r := NewRunner(Config{Report: func(string, Result) {}})
	defer r.Close()
	c := newCheck(r, tcpCheck("a", time.Hour).settled(), func() {})
	probe := func(context.Context) (Status, string) { return Passing, "fine" }
	b.ReportAllocs()
	for b.Loop() {
		c.look(b.Context(), probe)
	}
}

// CPU time of this process and its children for one real look.
func benchmarkProbe(b *testing.B, d Definition) {
	probe := newProbe(d.settled())
	begin := cpu()
	for b.Loop() {
		if s, out := probe(b.Context()); s != Passing {
			b.Fatal(out)
		}
	}
	b.ReportMetric(float64(cpu()-begin)/float64(b.N)/1000, "cpu-µs/op")
}

func cpu() time.Duration {
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		syscall.Getrusage(who, &u)
		total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return total
}

func BenchmarkScript(b *testing.B) { benchmarkProbe(b, shell("exit 0")) }
func BenchmarkTCP(b *testing.B)    { benchmarkProbe(b, Definition{TCP: silent(b)}) }
func BenchmarkHTTP(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	benchmarkProbe(b, webCheck(s.URL))
}

// Five hundred scripts that fall due at once: how long until all have reported.
func BenchmarkScriptStorm(b *testing.B) {
	for b.Loop() {
		var left atomic.Int64
		left.Store(500)
		all := make(chan struct{})
		r := NewRunner(Config{AllowScripts: true, Report: func(string, Result) {
			if left.Add(-1) == 0 {
				close(all)
			}
		}})
		for i := range 500 {
			d := shell("exit 0")
			d.ID, d.Interval = fmt.Sprint(i), time.Hour
			mustPut(b, r, d)
			r.Run(d.ID)
		}
		<-all
		r.Close()
	}
}
