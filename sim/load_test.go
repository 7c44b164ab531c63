package sim

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// The packets of an idle mesh of 1,000 nodes, without the nodes: ten datagrams
// a second from each to another, in racks of 20 in two data centres.
func BenchmarkThousandEndpoints(b *testing.B) {
	for _, faults := range []int{0, 50} {
		b.Run(fmt.Sprintf("faults=%d", faults), func(b *testing.B) {
			synctest.Test(new(testing.T), func(*testing.T) { benchmarkLoad(b, faults) })
		})
	}
}

func benchmarkLoad(b *testing.B, faults int) {
	const size = 1000
	n, err := NewNetwork(Config{Seed: 1, Latency: 500 * time.Microsecond, Jitter: 100 * time.Microsecond})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	done := make(chan struct{})
	defer time.Sleep(time.Second)
	defer close(done)
	var all []*Transport
	var addrs []string
	for i := range size {
		t := mustTransport(b, mustAdd(b, n, i+1, fmt.Sprintf("dc%d", i%2), fmt.Sprintf("rack%d", i/20)))
		all, addrs = append(all, t), append(addrs, t.listener.Addr().String())
	}
	for i := range faults {
		mustApply(b, n, Loss{A: fmt.Sprintf("rack%d", i), B: fmt.Sprintf("n%d", 1+i*7), Rate: 0.001})
	}
	message := make([]byte, 100)
	for i, t := range all {
		go func() {
			for {
				select {
				case <-t.PacketCh():
				case <-done:
					return
				}
			}
		}()
		go func() {
			time.Sleep(n.Random(100 * time.Millisecond))
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for k := i; ; k++ {
				select {
				case <-tick.C:
					t.WriteTo(message, addrs[(k*7919+1)%size])
				case <-done:
					return
				}
			}
		}()
	}
	time.Sleep(time.Second)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, packets := cpuTime(b), all[0].endpoint.Stats().PacketsOut
	for range b.N {
		time.Sleep(10 * time.Second)
	}
	packets = all[0].endpoint.Stats().PacketsOut - packets
	took := cpuTime(b) - start
	runtime.ReadMemStats(&after)
	packets *= size
	b.ReportMetric(float64(took.Nanoseconds())/float64(packets), "cpu-ns/packet")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(packets), "allocs/packet")
	b.ReportMetric(0, "ns/op")
}
