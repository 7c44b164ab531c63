package sim

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// arrivals receives for a time, and says when each datagram came.
func arrivals(to *Transport, wait time.Duration) (texts []string, at []time.Duration) {
	start, over := time.Now(), time.After(wait)
	for {
		select {
		case p := <-to.PacketCh():
			texts, at = append(texts, string(p.Buf)), append(at, p.Timestamp.Sub(start))
		case <-over:
			return texts, at
		}
	}
}

func TestMuteStopsDatagramsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Latency: time.Millisecond})
		a, b := mustAdd(t, n, 1), mustAdd(t, n, 2)
		ta, tb := mustTransport(t, a), mustTransport(t, b)
		mustApply(t, n, Mute{A: "n1"})
		send(t, ta, tb, "x")
		send(t, tb, ta, "x")
		near, far := mustStream(t, a, b)
		near.Write([]byte("x"))
		if _, err := io.ReadFull(far, make([]byte, 1)); err != nil {
			t.Error(err)
		}
		if len(got(ta))+len(got(tb)) > 0 || a.Stats().Cut != 1 || b.Stats().Cut != 1 {
			t.Errorf("a datagram passed: %+v, %+v", a.Stats(), b.Stats())
		}
	})
}

// Packets wait for each other, those of one direction only; what would wait
// longer than the queue is dropped; a lifted line is forgotten.
func TestBandwidthIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Latency: time.Millisecond})
		var all []*Transport
		for i := range 4 {
			all = append(all, mustTransport(t, mustAdd(t, n, i+1, fmt.Sprintf("dc%d", i%2))))
		}
		// 100 bytes each with the header: 10 ms.
		fault := Bandwidth{A: "dc0", B: "dc1", Rate: 10_000, Queue: 50 * time.Millisecond}
		text := strings.Repeat("x", 100-datagramHeader)
		mustApply(t, n, fault)
		for range 5 {
			send(t, all[0], all[1], text)
			send(t, all[2], all[3], text)
		}
		send(t, all[1], all[0], text) // the other way
		send(t, all[0], all[2], text) // inside
		time.Sleep(11 * time.Millisecond)
		if len(got(all[0])) != 1 || len(got(all[2])) != 1 || len(got(all[1])) != 1 || len(got(all[3])) != 0 {
			t.Error("after 11 ms: want the first one there, and those that go elsewhere")
		}
		time.Sleep(10 * time.Millisecond)
		if len(got(all[3])) != 1 {
			t.Error("after 21 ms: want the second one of the line")
		}
		time.Sleep(time.Second)
		// The seventh would wait for 60 ms.
		if there := 2 + len(got(all[1])) + len(got(all[3])); there != 6 {
			t.Errorf("%d arrived, want 6: one on the line, five in the queue", there)
		}
		if c := all[0].endpoint.Stats().Congested + all[2].endpoint.Stats().Congested; c != 4 {
			t.Errorf("%d dropped, want 4", c)
		}
		for range 3 {
			send(t, all[0], all[1], text)
		}
		n.Lift(fault)
		mustApply(t, n, fault)
		send(t, all[2], all[3], text)
		time.Sleep(11 * time.Millisecond)
		if len(got(all[3])) != 1 {
			t.Error("a line that was lifted is still taken")
		}
	})
}

// A stream uses a line in full, loses nothing, and leaves datagrams their share.
func TestStreamSharesALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Seed: 1, Latency: time.Millisecond})
		a, b := mustAdd(t, n, 1), mustAdd(t, n, 2)
		ta, tb := mustTransport(t, a), mustTransport(t, b)
		near, far := mustStream(t, a, b)
		const rate, size = 100_000, 1_000_000
		mustApply(t, n, Bandwidth{A: "n1", Rate: rate})
		var wg sync.WaitGroup
		wg.Go(func() {
			near.Write(make([]byte, size))
			near.Close()
		})
		var came []time.Duration
		wg.Go(func() { _, came = arrivals(tb, 12*time.Second) })
		start := time.Now()
		wg.Go(func() {
			for range 100 {
				send(t, ta, tb, fmt.Sprint(time.Since(start)))
				time.Sleep(50 * time.Millisecond)
			}
		})
		if all, err := io.ReadAll(far); len(all) != size || err != nil {
			t.Errorf("read %d, %v", len(all), err)
		}
		took := time.Since(start)
		wg.Wait()
		if took < 10*time.Second || took > 11*time.Second {
			t.Errorf("1 MB at 100 kB/s took %v", took)
		}
		if len(came) != 100 {
			t.Errorf("%d of 100 datagrams passed beside a stream: %+v", len(came), a.Stats())
		}
	})
}

// What comes to a stalled host comes at once when it runs again, and what it
// says leaves then; of its buffers no more than they hold.
func TestStallHoldsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Latency: time.Millisecond})
		a, b := mustAdd(t, n, 1), mustAdd(t, n, 2)
		ta, tb := mustTransport(t, a), mustTransport(t, b)
		near, far := mustStream(t, a, b)
		mustApply(t, n, Stall{A: "n2", Every: 10 * time.Second, For: 4 * time.Second})
		start := time.Now()
		near.Write([]byte("there"))
		time.AfterFunc(time.Second, func() { far.Write([]byte("back")) })
		time.AfterFunc(time.Second, func() { send(t, tb, ta, "out") })
		for i := range 40 {
			time.AfterFunc(time.Duration(i)*100*time.Millisecond, func() { send(t, ta, tb, fmt.Sprintf("%02d", i)) })
		}
		var in, out []time.Duration
		var texts []string
		var wg sync.WaitGroup
		wg.Go(func() { texts, in = arrivals(tb, 9*time.Second) })
		wg.Go(func() { _, out = arrivals(ta, 9*time.Second) })
		for c, want := range map[net.Conn]time.Duration{near: 4*time.Second + time.Millisecond, far: 4 * time.Second} {
			wg.Go(func() {
				if _, err := io.ReadFull(c, make([]byte, 4)); err != nil || time.Since(start) != want {
					t.Errorf("stream from %v: %v after %v, want %v", c.RemoteAddr(), err, time.Since(start), want)
				}
			})
		}
		wg.Go(func() {
			time.Sleep(time.Second)
			c, err := a.Dial(t.Context(), "10.0.0.2:8301")
			if took := time.Since(start); err != nil || took != 4*time.Second+time.Millisecond {
				t.Errorf("dialled a stalled host: %v after %v", err, took)
				return
			}
			c.Close()
		})
		wg.Wait()
		for i, at := range in {
			if texts[i] != fmt.Sprintf("%02d", i) || at != max(4*time.Second, time.Duration(i)*100*time.Millisecond+time.Millisecond) {
				t.Errorf("datagram %s came as number %d after %v", texts[i], i, at)
			}
		}
		if len(in) != 40 || len(out) != 1 || out[0] != 4*time.Second+time.Millisecond {
			t.Errorf("got %d in, out after %v", len(in), out)
		}
		time.Sleep(2 * time.Second) // the next one begins after 10 s
		for range packetQueue + 5 {
			send(t, ta, tb, "x")
			send(t, tb, ta, "x")
		}
		time.Sleep(time.Second)
		if b.Stats().Overflowed != 10 || len(got(tb)) > 0 {
			t.Errorf("held too much: %+v", b.Stats())
		}
		n.Heal()
		if held, sent := len(got(tb)), b.Stats().PacketsOut; held != packetQueue || sent != packetQueue+6 {
			t.Errorf("lifted, and got %d, sent %d", held, sent)
		}
		time.Sleep(time.Millisecond)
		if left := len(got(ta)); left != packetQueue {
			t.Errorf("%d left when it was lifted", left)
		}
	})
}

func TestStalledPlaceIsOutOfStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Seed: 1})
		observer := mustTransport(t, mustAdd(t, n, 1))
		var all []*Transport
		for i := range 100 {
			all = append(all, mustTransport(t, mustAdd(t, n, i+2, "slow")))
		}
		mustApply(t, n, Stall{A: "slow", Every: time.Second, For: 250 * time.Millisecond})
		for range 3 {
			for _, to := range all {
				send(t, observer, to, "x")
			}
			stalled := 0
			for _, to := range all {
				stalled += 1 - len(got(to))
			}
			if stalled < 10 || stalled > 40 {
				t.Errorf("%d of 100 hosts are stalled, want about 25", stalled)
			}
			time.Sleep(time.Second)
			for _, to := range all {
				got(to)
			}
		}
		// Two that leave it no time are not looked at for ever.
		mustApply(t, n, Stall{A: "n2", Every: 2 * time.Second, For: time.Second})
		time.Sleep(time.Second)
		mustApply(t, n, Stall{A: "n2", Every: 4 * time.Second, For: 3*time.Second + 500*time.Millisecond})
		mustApply(t, n, Stall{A: "n2", Every: 2 * time.Second, For: 1999 * time.Millisecond})
		send(t, observer, all[0], "x")
		time.Sleep(time.Hour)
		all[0].endpoint.Crash()
		send(t, observer, all[0], "x")
		time.Sleep(time.Minute)
	})
}

func TestKilledWhileStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{})
		a, b := mustTransport(t, mustAdd(t, n, 1)), mustTransport(t, mustAdd(t, n, 2))
		for _, end := range []func(){b.endpoint.Kill, b.endpoint.Crash, func() { b.Shutdown() }} {
			fault := Stall{A: "n2", Every: time.Minute, For: time.Second}
			mustApply(t, n, fault)
			send(t, a, b, "to the old one")
			send(t, b, a, "from the old one")
			synctest.Wait()
			end()
			b.endpoint.Boot()
			b.Shutdown()
			b = mustTransport(t, b.endpoint)
			time.Sleep(2 * time.Second)
			if there, back := got(b), got(a); len(there)+len(back) > 0 {
				t.Errorf("got %q and %q", there, back)
			}
			n.Lift(fault)
		}
	})
}

// Against a cut of one way a stream carries a piece, and no acknowledgement.
func TestStreamsMeetAOneWayCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Latency: time.Millisecond})
		a, b := mustAdd(t, n, 1), mustAdd(t, n, 2)
		near, far := mustStream(t, a, b)
		cut := Cut{A: "n2", B: "n1", OneWay: true}
		mustApply(t, n, cut)
		near.Write([]byte("one"))
		near.Write([]byte("two"))
		piece := make([]byte, 6)
		far.SetReadDeadline(time.Now().Add(5 * time.Second))
		if k, err := io.ReadFull(far, piece); k != 3 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("without acknowledgements: %q, %v", piece[:k], err)
		}
		far.SetReadDeadline(time.Time{})
		n.Lift(cut)
		if _, err := io.ReadFull(far, piece[3:]); err != nil || string(piece) != "onetwo" {
			t.Errorf("mended: %q, %v", piece, err)
		}
		mustApply(t, n, cut)
		near.Write([]byte("three"))
		if _, err := near.Read(piece); !errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("a one-way cut that lasts: %v", err)
		}
	})
}

func TestReorderDelaysAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Latency: time.Millisecond})
		near, far := mustStream(t, mustAdd(t, n, 1), mustAdd(t, n, 2))
		mustApply(t, n, Reorder{Rate: 1, Late: 30 * time.Millisecond})
		start := time.Now()
		near.Write([]byte("x"))
		far.Read(make([]byte, 1))
		if took := time.Since(start); took != 31*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

func TestTheMostRecentHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Latency: time.Millisecond})
		a, b := mustTransport(t, mustAdd(t, n, 1, "dc1")), mustTransport(t, mustAdd(t, n, 2, "dc2"))
		takes := func(want time.Duration) {
			t.Helper()
			send(t, a, b, "x")
			if _, at := arrivals(b, time.Second); len(at) != 1 || at[0] != want {
				t.Errorf("took %v, want %v, with %v", at, want, n.Faults())
			}
		}
		narrow, wide := Latency{A: "n1", B: "n2", Mean: 5 * time.Millisecond}, Latency{Mean: 7 * time.Millisecond}
		takes(time.Millisecond)
		mustApply(t, n, narrow)
		takes(5 * time.Millisecond)
		mustApply(t, n, wide)
		takes(7 * time.Millisecond)
		mustApply(t, n, narrow)
		takes(5 * time.Millisecond)
		if len(n.Faults()) != 2 {
			t.Errorf("%v last", n.Faults())
		}
		n.Lift(narrow)
		takes(7 * time.Millisecond)
		n.Heal()
		takes(time.Millisecond)
	})
}

// Paths that endpoints share are those that each would have for itself.
func TestPathsAreThoseOfTheFaults(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	n := mustNetwork(t, Config{
		Links:   []Link{{Latency: 3, Bandwidth: 100}, {Latency: 2}, {Latency: 1, Bandwidth: 1000}},
		Between: map[Pair]Link{{"dc0", "dc2"}: {Latency: 9}, {"rack1", "rack2"}: {Latency: 8, Bandwidth: 10}},
	})
	var all []*Endpoint
	sides := []string{"", "dc0", "dc1", "dc2", "rack0", "rack1", "rack2", "rack3", "rack4"}
	add := func() {
		i := len(all)
		places := []string{fmt.Sprintf("dc%d", i%3), fmt.Sprintf("rack%d", i%5)}
		all = append(all, mustAdd(t, n, i+1, places[:min(i, 2)]...))
		sides = append(sides, all[i].name)
	}
	for range 20 {
		add()
	}
	side := func() string { return sides[random.IntN(len(sides))] }
	for round := range 300 {
		switch round % 5 {
		case 0:
			if faults := n.Faults(); len(faults) > 8 {
				n.Lift(faults[random.IntN(len(faults))])
			}
		case 1:
			add()
		default:
			mean := time.Duration(round)
			mustApply(t, n, []Fault{
				Cut{side(), all[3].name, true}, Mute{side(), side()}, Down{all[random.IntN(20)].name},
				Latency{side(), side(), mean, 1}, Loss{side(), side(), 0.5}, Bandwidth{side(), side(), 1 + round, 0}, Stall{all[5].name, 9, 3},
			}[random.IntN(7)])
		}
		for range 50 {
			from, to := all[random.IntN(len(all))], all[random.IntN(len(all))]
			if from == to {
				continue
			}
			if got, want := n.path(from, to), n.explore(from, to); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s -> %s with %v: %+v, want %+v", from.name, to.name, n.Faults(), got, want)
			}
		}
	}
}

func TestDeliveriesAreInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var q deliveries
	var last time.Duration
	for i := range 10_000 {
		if len(q) == 0 || i < 5_000 && random.IntN(3) > 0 {
			q.push(delivery{at: last + time.Duration(random.IntN(50)), sequence: uint64(i)})
			continue
		}
		d := q.pop()
		for j := range q {
			if q[j].at < d.at || q[j].at == d.at && q[j].sequence < d.sequence {
				t.Fatalf("%v, %d came before %v, %d", d.at, d.sequence, q[j].at, q[j].sequence)
			}
		}
		last = d.at
	}
}
