package sim

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/serf/serf"
)

func cpuTime(tb testing.TB) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// A hundred real Serf nodes: the CPU time to join, and of a minute in which
// nothing happens.
func BenchmarkHundredSerfNodes(b *testing.B) {
	var joined, idle time.Duration
	for b.Loop() {
		// A benchmark has no bubble of its own.
		synctest.Test(new(testing.T), func(*testing.T) {
			n, err := NewNetwork(Config{Seed: 1, Latency: 500 * time.Microsecond, Jitter: 100 * time.Microsecond})
			if err != nil {
				b.Fatal(err)
			}
			defer n.Close()
			start := cpuTime(b)
			nodes, _ := mesh(b, n, 100)
			for !all(nodes, func(s *serf.Serf) bool { return count(s, serf.StatusAlive) == 100 })() {
				time.Sleep(time.Second)
			}
			joined += cpuTime(b) - start
			start = cpuTime(b)
			time.Sleep(time.Minute)
			idle += cpuTime(b) - start
			shutdown(nodes)
		})
	}
	b.ReportMetric(float64(joined.Milliseconds())/float64(b.N), "join-cpu-ms")
	b.ReportMetric(float64(idle.Milliseconds())/float64(b.N), "idle-minute-cpu-ms")
}

// One datagram from one endpoint to another, in virtual time.
func BenchmarkDatagram(b *testing.B) {
	synctest.Test(new(testing.T), func(*testing.T) {
		n, err := NewNetwork(Config{Latency: time.Millisecond})
		if err != nil {
			b.Fatal(err)
		}
		defer n.Close()
		from, to := mustTransport(b, mustAdd(b, n, 1)), mustTransport(b, mustAdd(b, n, 2))
		message := make([]byte, 100)
		b.ReportAllocs()
		start := cpuTime(b)
		for range b.N {
			if _, err := from.WriteTo(message, "10.0.0.2:8301"); err != nil {
				b.Fatal(err)
			}
			<-to.PacketCh()
		}
		b.ReportMetric(float64((cpuTime(b)-start).Nanoseconds())/float64(b.N), "cpu-ns/op")
		b.ReportMetric(0, "ns/op") // the benchmark's clock is outside the bubble
	})
}
