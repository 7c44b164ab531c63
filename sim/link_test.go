package sim

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheNearestLinkCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ms := time.Millisecond
		n := mustNetwork(t, Config{
			Links: []Link{{Latency: 100 * ms}, {Latency: 10 * ms}, {Latency: ms}},
			Between: map[Pair]Link{
				{"dc1", "dc2"}: {Latency: 20 * ms},
				{"dc2", "dc1"}: {Latency: 30 * ms}, // slower back
				{"dc3", "dc3"}: {Latency: 5 * ms},
				{"r31", "r32"}: {Latency: 4 * ms},
				{"r33", "r33"}: {Latency: 2 * ms},
			},
		})
		var all []*Transport
		at := func(places ...string) *Transport {
			all = append(all, mustTransport(t, mustAdd(t, n, len(all)+1, places...)))
			return all[len(all)-1]
		}
		for _, c := range []struct {
			from, to *Transport
			want     time.Duration
		}{
			{at("dc1", "r11"), at("dc1", "r11"), ms},
			{at("dc1", "r11"), at("dc1", "r12"), 10 * ms},
			{at("dc1", "r11"), at("dc2", "r21"), 20 * ms},
			{at("dc2", "r21"), at("dc1", "r11"), 30 * ms},
			{at("dc1", "r11"), at("dc3", "r11"), 100 * ms}, // another rack of that name
			{at("dc3", "r31"), at("dc3", "r33"), 5 * ms},
			{at("dc3", "r31"), at("dc3", "r31"), ms},
			{at("dc3", "r32"), at("dc3", "r31"), 4 * ms},
			{at("dc3", "r33"), at("dc3", "r33"), 2 * ms},
			{at("dc1"), at("dc1", "r11"), 10 * ms},
			{at(), at("dc1", "r11"), 100 * ms},
		} {
			send(t, c.from, c.to, "x")
			if _, took := arrivals(c.to, time.Second); len(took) != 1 || took[0] != c.want {
				t.Errorf("%v -> %v took %v, want %v", c.from.endpoint.places, c.to.endpoint.places, took, c.want)
			}
		}
	})
}

// The line of a link is that of its two places, in each direction, and stays
// when faults come and go.
func TestPlacesShareTheLineOfTheirLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Links: []Link{{Bandwidth: 10_000, Queue: time.Second}, {}}})
		var all []*Transport
		for i := range 6 {
			all = append(all, mustTransport(t, mustAdd(t, n, i+1, fmt.Sprintf("dc%d", i%3))))
		}
		text := string(make([]byte, 100-datagramHeader)) // 10 ms
		send(t, all[0], all[1], text)
		mustApply(t, n, Loss{A: "dc2", Rate: 0})
		send(t, all[3], all[4], text) // the same way
		send(t, all[1], all[0], text) // back
		send(t, all[0], all[2], text) // to another
		send(t, all[0], all[3], text) // at home
		for i, want := range []time.Duration{10 * time.Millisecond, 10 * time.Millisecond, 10 * time.Millisecond, 0, 20 * time.Millisecond} {
			if p := <-all[i].PacketCh(); p.Timestamp.Sub(n.start) != want {
				t.Errorf("n%d got it after %v, want %v", i+1, p.Timestamp.Sub(n.start), want)
			}
		}
	})
}

func TestLinksLoseAndDuplicate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Seed: 1, Links: []Link{{Loss: 0.5}, {Duplicate: 0.5}}})
		a, b, c := mustTransport(t, mustAdd(t, n, 1, "dc1")), mustTransport(t, mustAdd(t, n, 2, "dc1")), mustTransport(t, mustAdd(t, n, 3, "dc2"))
		for range 500 {
			send(t, a, b, "x")
			send(t, a, c, "x")
		}
		if twice, half := len(got(b)), len(got(c)); twice < 700 || twice > 800 || half < 200 || half > 300 {
			t.Errorf("got %d and %d of 500", twice, half)
		}
	})
}

func TestStatsSayWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{})
		a, b := mustTransport(t, mustAdd(t, n, 1)), mustTransport(t, mustAdd(t, n, 2))
		try := func(f Fault, want Stats) {
			t.Helper()
			before := a.endpoint.Stats()
			if f != nil {
				mustApply(t, n, f)
				defer n.Heal()
			}
			send(t, a, b, "12345678")
			synctest.Wait()
			after := a.endpoint.Stats()
			got := Stats{
				PacketsOut: after.PacketsOut - before.PacketsOut, BytesOut: after.BytesOut - before.BytesOut, HeadersOut: after.HeadersOut - before.HeadersOut,
				Cut: after.Cut - before.Cut, Lost: after.Lost - before.Lost, Congested: after.Congested - before.Congested, Unreached: after.Unreached - before.Unreached,
			}
			want.PacketsOut, want.BytesOut, want.HeadersOut = 1, 8, 28
			if got != want {
				t.Errorf("%v: counted %+v, want %+v", f, got, want)
			}
		}
		try(nil, Stats{})
		try(Cut{A: "n1"}, Stats{Cut: 1})
		try(Down{"n2"}, Stats{Cut: 1})
		try(Mute{}, Stats{Cut: 1})
		try(Loss{Rate: 1}, Stats{Lost: 1})
		narrow := Bandwidth{Rate: 10, Queue: time.Second}
		try(narrow, Stats{})
		mustApply(t, n, narrow)
		send(t, a, b, "12345678")
		try(nil, Stats{Congested: 1})
		n.Heal()
		a.WriteTo(make([]byte, packetMax+1), "10.0.0.2:8302")
		synctest.Wait()
		s := b.endpoint.Stats()
		if s.PacketsIn != 1 || s.HeadersIn != 28 || s.Unopened != 1 {
			t.Errorf("counted in: %+v", s)
		}
		b.Shutdown()
		a.Shutdown()
		try(nil, Stats{Unreached: 1})
		if s := a.endpoint.Stats(); s.Dropped() != 6 || s.HeadersOut != 28*(s.PacketsOut)+20 {
			t.Errorf("counted out: %+v", s)
		}
	})
}

// Anyone may know how much an endpoint has carried while it does.
func TestStreamsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{})
		a, b := mustAdd(t, n, 1), mustAdd(t, n, 2)
		near, _ := mustStream(t, a, b)
		near.Write(make([]byte, 1000))
		synctest.Wait()
		if s, r := a.Stats(), b.Stats(); s.Dials != 1 || s.StreamBytesOut != 1000 || r.Accepts != 1 || r.StreamBytesIn != 1000 {
			t.Errorf("counted %+v and %+v", s, r)
		}
		b.Crash()
		near.Write(make([]byte, 1000))
		time.Sleep(time.Minute)
		if s, r := a.Stats(), b.Stats(); s.Resent == 0 || s.StreamBytesOut != 2000 || r.StreamBytesIn != 1000 {
			t.Errorf("with the other side dead: %+v and %+v", s, r)
		}
	})
}

func TestEndpointsOfAnyFamily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{})
		a, err := n.Add("six", netip.MustParseAddr("fd00::1"))
		if err != nil {
			t.Fatal(err)
		}
		to := mustTransport(t, a)
		send(t, mustTransport(t, mustAdd(t, n, 1)), to, "x")
		if len(got(to)) != 1 {
			t.Error("nothing came")
		}
	})
}
