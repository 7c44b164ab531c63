package world

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/sim"
)

// Delays are how long something took at each of several hosts, sorted.
type Delays []time.Duration

// At is a quantile, 0 to 1, by nearest rank; 0 if there are none.
func (d Delays) At(q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	i := int(math.Ceil(q*float64(len(d)))) - 1
	return d[min(max(i, 0), len(d)-1)]
}

// Max is the slowest.
func (d Delays) Max() time.Duration { return d.At(1) }

// stopwatch takes the time at which each host first learns something.
type stopwatch struct {
	mu    sync.Mutex
	start time.Time
	at    map[*Host]time.Duration
	all   chan struct{} // closed when as many as wanted know
	want  int
}

func newStopwatch(want int) *stopwatch {
	return &stopwatch{start: time.Now(), at: make(map[*Host]time.Duration), all: make(chan struct{}), want: want}
}

func (s *stopwatch) stop(h *Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.at[h]; known {
		return
	}
	s.at[h] = time.Since(s.start)
	if len(s.at) == s.want {
		close(s.all)
	}
}

// wait answers when all know, or the time is up: how long it took those that
// do, and how many do not.
func (s *stopwatch) wait(limit time.Duration) (Delays, int) {
	select {
	case <-s.all:
	case <-time.After(limit):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var d Delays
	for _, at := range s.at {
		d = append(d, at)
	}
	slices.Sort(d)
	return d, s.want - len(d)
}

// Traffic is what a host sent in a time, the mean of all.
type Traffic struct {
	Packets float64 `json:"packets"` // datagrams
	Bytes   float64 `json:"bytes"`   // of datagrams, without headers
	Headers float64 `json:"headers"` // of IP and UDP
	Streams float64 `json:"streams"` // opened
	Stream  float64 `json:"stream"`  // bytes on streams, TLS included
}

// Payload is all bytes but the headers of IP, UDP and TCP.
func (t Traffic) Payload() float64 { return t.Bytes + t.Stream }

// Sub is the traffic since before.
func (t Traffic) Sub(before Traffic) Traffic {
	return Traffic{t.Packets - before.Packets, t.Bytes - before.Bytes, t.Headers - before.Headers, t.Streams - before.Streams, t.Stream - before.Stream}
}

// Per is the traffic of one of n equal parts.
func (t Traffic) Per(n float64) Traffic {
	return Traffic{t.Packets / n, t.Bytes / n, t.Headers / n, t.Streams / n, t.Stream / n}
}

// traffic is what all hosts have sent so far, per host.
func (w *World) traffic() Traffic {
	var t Traffic
	for _, h := range w.hosts {
		s := h.end.Stats()
		t.Packets += float64(s.PacketsOut)
		t.Bytes += float64(s.BytesOut)
		t.Headers += float64(s.HeadersOut)
		t.Streams += float64(s.Dials)
		t.Stream += float64(s.StreamBytesOut)
	}
	return t.Per(float64(len(w.hosts)))
}

// Apply makes a fault that lasts until Lift.
func (w *World) Apply(f sim.Fault) error { return w.net.Apply(f) }

// Lift ends it.
func (w *World) Lift(f sim.Fault) { w.net.Lift(f) }

// failed is a watcher that stops the watch at each host that comes to take
// one for failed.
func failed(s *stopwatch, o catalog.Origin) watcher {
	return func(at *Host, _ int, n catalog.News) {
		if n.Origin == o && n.After != nil && n.After.Status == catalog.Failed {
			s.stop(at)
		}
	}
}
