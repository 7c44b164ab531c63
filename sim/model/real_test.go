package model

import (
	"context"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/hashicorp/memberlist"

	"github.com/yodel-mesh/yodel/gossip"
	"github.com/yodel-mesh/yodel/sim"
)

// mesh is one of the real code, in virtual time: package gossip with Serf
// and memberlist in it, over package sim's network.
type mesh struct {
	t       testing.TB
	net     *sim.Network
	members []*realMember
	dark    atomic.Bool // datagrams are lost: only streams are left
	started time.Time

	listening atomic.Bool  // to the library's log, which costs more than all else
	doubted   atomic.Int64 // probes that failed

	mu    sync.Mutex
	heard map[string][]time.Duration // by word: when each member heard it
	gone  []departure
	sizes map[int]int // of datagrams, how many; nil: not counted
}

// A departure is a member that gives another up.
type departure struct {
	by, of string
	at     time.Time
}

type realMember struct {
	*gossip.Mesh
	id   string
	end  *sim.Endpoint
	dead bool
}

// realID is as long as an origin's text.
func realID(i int) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(i)*0x9e3779b97f4a7c15)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// inReal runs f with a mesh of size members that know each other and have
// nothing left to say.
func inReal(t *testing.T, size int, s gossip.Settings, seed uint64, f func(*mesh)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network, err := sim.NewNetwork(sim.Config{Seed: seed, Latency: 500 * time.Microsecond, Jitter: 100 * time.Microsecond})
		if err != nil {
			t.Fatal(err)
		}
		r := &mesh{t: t, net: network, heard: make(map[string][]time.Duration)}
		r.dark.Store(true)
		for i := range size {
			time.Sleep(network.Random(s.ProbeInterval)) // tickers out of step
			r.start(i, s)
		}
		for range 2 { // the second time, the first one knows all
			for i := 1; i < size; i++ {
				if _, err := r.members[i].Join([]string{"10.0.0.1:8301"}); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, m := range r.members {
			m.hush()
		}
		r.dark.Store(false)
		time.Sleep(5 * time.Second) // probes that failed in the dark are forgotten
		r.reset()
		f(r)
		for _, m := range r.members {
			if m.dead {
				continue
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
		network.Close()
		time.Sleep(30 * time.Second) // Serf's own goroutines end late
	})
}

func (r *mesh) start(i int, s gossip.Settings) {
	r.t.Helper()
	a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).Next()
	end, err := r.net.Add(fmt.Sprint("e", i), a)
	if err != nil {
		r.t.Fatal(err)
	}
	transport, err := end.Transport(8301)
	if err != nil {
		r.t.Fatal(err)
	}
	m := &realMember{id: realID(i), end: end}
	m.Mesh, err = gossip.Start(gossip.Config{
		ID: m.id, Name: fmt.Sprintf("host%04d.example.net", i), Datacenter: "dc1", PeerPort: 8300,
		BindAddress: a.String(), BindPort: 8301, AdvertiseAddress: a.String(), AdvertisePort: 8301,
		Forget: time.Hour, Settings: s,
		Transport: &wire{transport, r},
		Logger:    slog.New(doubts{slog.DiscardHandler, r}),
		Member: func(mm gossip.Member) {
			if mm.Status == gossip.Failed {
				r.mu.Lock()
				r.gone = append(r.gone, departure{m.id, mm.ID, time.Now()})
				r.mu.Unlock()
			}
		},
		Heard: func(_ string, word []byte) bool {
			r.mu.Lock()
			r.heard[string(word)] = append(r.heard[string(word)], time.Since(r.started))
			r.mu.Unlock()
			return true
		},
		Summary: func() []byte { return make([]byte, 16) },
		Compare: func(string, []byte, time.Duration) {},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.members = append(r.members, m)
}

// reset forgets what was written down.
func (r *mesh) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.heard)
	r.gone = nil
	r.doubted.Store(0)
	r.started = time.Now()
}

// traffic is what all members have sent so far.
func (r *mesh) traffic() (packets, bytes, streamed uint64) {
	for _, m := range r.members {
		s := m.end.Stats()
		packets, bytes, streamed = packets+s.PacketsOut, bytes+s.BytesOut, streamed+s.StreamBytesOut
	}
	return packets, bytes, streamed
}

// say has a member say a word of a size, waits, and answers when each member
// heard it after that.
func (r *mesh) say(from int, word string, size int, wait time.Duration) []time.Duration {
	r.t.Helper()
	word += strings.Repeat(".", size-len(word))
	start := time.Since(r.started)
	if err := r.members[from].Say("news", []byte(word)); err != nil {
		r.t.Fatal(err)
	}
	time.Sleep(wait)
	r.mu.Lock()
	defer r.mu.Unlock()
	var delays []time.Duration
	for _, at := range r.heard[word] {
		delays = append(delays, at-start)
	}
	slices.Sort(delays)
	return delays
}

// hush empties what a member has to tell: a mesh that has just been joined
// speaks of nothing else for a minute. The queues are private, hence this.
func (m *realMember) hush() {
	s := private(reflect.ValueOf(m.Mesh), "serf")
	for _, queue := range []string{"broadcasts", "eventBroadcasts", "queryBroadcasts"} {
		private(s, queue).Interface().(*memberlist.TransmitLimitedQueue).Reset()
	}
	private(private(s, "memberlist"), "broadcasts").Interface().(*memberlist.TransmitLimitedQueue).Reset()
}

// private is a field of what v points to.
func private(v reflect.Value, field string) reflect.Value {
	f := v.Elem().FieldByName(field)
	return reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem()
}

// wire is a transport whose datagrams can be lost, and are counted by kind.
type wire struct {
	*sim.Transport
	real *mesh
}

func (w *wire) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	if w.real.dark.Load() {
		return time.Now(), nil
	}
	w.real.mu.Lock()
	if w.real.sizes != nil {
		w.real.sizes[len(b)]++
	}
	w.real.mu.Unlock()
	return w.Transport.WriteToAddress(b, addr)
}

func (w *wire) WriteTo(b []byte, addr string) (time.Time, error) {
	return w.WriteToAddress(b, memberlist.Address{Addr: addr})
}

// doubts reads the library's log, which alone tells of a probe that failed.
type doubts struct {
	slog.Handler
	real *mesh
}

func (d doubts) Enabled(context.Context, slog.Level) bool { return d.real.listening.Load() }

func (d doubts) Handle(_ context.Context, record slog.Record) error {
	record.Attrs(func(a slog.Attr) bool {
		if strings.Contains(a.Value.String(), "memberlist: Suspect ") {
			d.real.doubted.Add(1)
		}
		return true
	})
	return nil
}

// kill ends count members from number first on without a word, and answers when
// each of the others gave each of them up.
func (r *mesh) kill(first, count int, wait time.Duration) [][]time.Duration {
	r.t.Helper()
	time.Sleep(r.net.Random(time.Second))
	r.reset()
	at := make(map[string]int)
	for i := range count {
		m := r.members[first+i]
		m.end.Crash()
		at[m.id] = i
	}
	for i := range count {
		if err := r.members[first+i].Close(); err != nil { // its process is gone: it shall not use the processor
			r.t.Error(err)
		}
		r.members[first+i].dead = true
	}
	time.Sleep(wait)
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := make([][]time.Duration, count)
	for _, d := range r.gone {
		i, killed := at[d.of]
		if _, also := at[d.by]; also {
			continue
		}
		if !killed {
			r.t.Errorf("%s gave %s up, which lives", d.by, d.of)
			continue
		}
		seen[i] = append(seen[i], d.at.Sub(r.started))
	}
	alive := 0
	for _, m := range r.members {
		if !m.dead {
			alive++
		}
	}
	for i := range seen {
		slices.Sort(seen[i])
		if len(seen[i]) != alive {
			r.t.Fatalf("%d of %d have seen a death within %v", len(seen[i]), alive, wait)
		}
	}
	return seen
}
