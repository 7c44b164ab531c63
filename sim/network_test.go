package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"
)

func mustNetwork(t testing.TB, cfg Config) *Network {
	t.Helper()
	n, err := NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// mustAdd gives endpoint number i the address 10.0.0.i.
func mustAdd(t testing.TB, n *Network, i int, places ...string) *Endpoint {
	t.Helper()
	e, err := n.Add(fmt.Sprintf("n%d", i), netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), places...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustTransport(t testing.TB, e *Endpoint) *Transport {
	t.Helper()
	transport, err := e.Transport(8301)
	if err != nil {
		t.Fatal(err)
	}
	return transport
}

func mustApply(t testing.TB, n *Network, f Fault) {
	t.Helper()
	if err := n.Apply(f); err != nil {
		t.Fatal(err)
	}
}

func send(t testing.TB, from, to *Transport, text string) {
	t.Helper()
	if _, err := from.WriteTo([]byte(text), to.listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
}

// got is what has arrived until now.
func got(to *Transport) (all []string) {
	synctest.Wait()
	for {
		select {
		case p := <-to.PacketCh():
			all = append(all, string(p.Buf))
		default:
			return all
		}
	}
}

func TestDatagramsTakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Latency: 10 * time.Millisecond})
		a, b := mustTransport(t, mustAdd(t, n, 1)), mustTransport(t, mustAdd(t, n, 2))
		buffer := []byte("hello")
		start := time.Now()
		if _, err := a.WriteTo(buffer, "10.0.0.2:8301"); err != nil {
			t.Fatal(err)
		}
		copy(buffer, "xxxxx") // the sender may use its buffer again
		p := <-b.PacketCh()
		if took := time.Since(start); took != 10*time.Millisecond {
			t.Errorf("took %v", took)
		}
		if string(p.Buf) != "hello" || p.From.String() != "10.0.0.1:8301" || !p.Timestamp.Equal(time.Now()) {
			t.Errorf("got %q from %v at %v", p.Buf, p.From, p.Timestamp)
		}
		for range packetQueue + 5 {
			send(t, a, b, "flood")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if s := b.endpoint.Stats(); s.PacketsIn != 1+packetQueue || s.Overflowed != 5 || s.BytesIn != 5*(1+packetQueue) {
			t.Errorf("a slow receiver: %+v", s)
		}
		if _, err := a.WriteTo(make([]byte, datagramMax+1), "10.0.0.2:8301"); !errors.Is(err, syscall.EMSGSIZE) {
			t.Errorf("too long a datagram: %v", err)
		}
		if _, err := a.WriteTo(make([]byte, packetMax+1), "10.0.0.2:8301"); err != nil || a.endpoint.Stats().Fragmented != 1 {
			t.Errorf("a datagram of two packets: %v, %+v", err, a.endpoint.Stats())
		}
		if _, err := a.WriteTo(nil, "10.9.9.9:8301"); err != nil || a.endpoint.Stats().Unreached != 1 {
			t.Errorf("to nobody: %v, %+v", err, a.endpoint.Stats())
		}
	})
}

func TestFaultsBendDatagrams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Seed: 1, Latency: time.Millisecond})
		a := mustTransport(t, mustAdd(t, n, 1, "dc1"))
		b := mustTransport(t, mustAdd(t, n, 2, "dc2"))
		const count = 500
		exchange := func(from, to *Transport) (number, inversions int) {
			for i := range count {
				send(t, from, to, fmt.Sprintf("%04d", i))
			}
			time.Sleep(time.Second)
			all := got(to)
			for i := 1; i < len(all); i++ {
				if all[i] < all[i-1] {
					inversions++
				}
			}
			return len(all), inversions
		}
		within := func(got, want, slack int) bool { return got >= want-slack && got <= want+slack }
		for _, c := range []struct {
			fault       Fault
			there, back int
			disorder    bool
		}{
			{Cut{A: "n1", B: "n2"}, 0, 0, false},
			{Cut{A: "dc1", B: "dc2", OneWay: true}, 0, count, false},
			{Cut{A: "dc2", B: "dc1", OneWay: true}, count, 0, false},
			{Cut{A: "dc2"}, 0, 0, false},
			{Down{"n2"}, 0, 0, false},
			{Loss{Rate: 0.3}, 350, 350, false},
			{Loss{A: "dc1", B: "dc1", Rate: 1}, count, count, false},
			{Duplicate{A: "n1", Rate: 0.5}, 750, 750, false},
			{Reorder{Rate: 0.1, Late: 5 * time.Millisecond}, count, count, true},
			{Latency{Mean: time.Millisecond, Jitter: time.Millisecond}, count, count, true},
		} {
			mustApply(t, n, c.fault)
			there, disorder := exchange(a, b)
			back, _ := exchange(b, a)
			slack := 40
			if c.there%count == 0 && c.back%count == 0 {
				slack = 0
			}
			if !within(there, c.there, slack) || !within(back, c.back, slack) || c.disorder != (disorder > 0) {
				t.Errorf("%v: %d there, %d back, %d out of order; want %d, %d, %v", c.fault, there, back, disorder, c.there, c.back, c.disorder)
			}
			if !n.Lift(c.fault) || n.Lift(c.fault) || len(n.Faults()) != 0 {
				t.Errorf("%v does not lift", c.fault)
			}
		}
		mustApply(t, n, Loss{Rate: 0.5})
		mustApply(t, n, Loss{A: "n1", Rate: 0.5})
		if got, _ := exchange(a, b); !within(got, 125, 40) {
			t.Errorf("two losses of a half leave %d of %d", got, count)
		}
		n.Heal()
		if got, _ := exchange(a, b); got != count {
			t.Errorf("after healing: %d of %d", got, count)
		}
	})
}

func TestImpossibleWorldsAreRefused(t *testing.T) {
	for want, cfg := range map[string]Config{
		"make network: Latency: -1ns is negative": {Latency: -1},
		"make network: Jitter: -1s is negative":   {Jitter: -time.Second},
	} {
		if _, err := NewNetwork(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	n := mustNetwork(t, Config{})
	mustAdd(t, n, 1, "dc1")
	for want, fault := range map[string]Fault{
		"Loss.Rate: 1.1, want 0 to 1":                        Loss{Rate: 1.1},
		"Loss.Rate: NaN, want 0 to 1":                        Loss{Rate: math.NaN()},
		"Duplicate.Rate: -1, want 0 to 1":                    Duplicate{Rate: -1},
		"Reorder.Late: -1ns is negative":                     Reorder{Late: -1},
		"Reorder.Rate: 2, want 0 to 1":                       Reorder{Rate: 2},
		"Latency.Jitter: -1ns is negative":                   Latency{Jitter: -1},
		`Loss.B: no endpoint or place "n9"`:                  Loss{A: "n1", B: "n9"},
		`Cut.A: no endpoint or place "nowhere"`:              Cut{A: "nowhere"},
		`Down.A: no endpoint or place "nowhere"`:             Down{"nowhere"},
		"Cut.A and Cut.B are empty":                          Cut{},
		"Stall.A is empty":                                   Stall{Every: 2, For: 1},
		"Stall.For: -1ns, want more than 0":                  Stall{A: "n1", Every: 1, For: -1},
		"Stall.Every: 1ns, want more than For, which is 2ns": Stall{A: "n1", Every: 1, For: 2},
		"Bandwidth.Rate: 0, want at least 1 byte a second":   Bandwidth{},
		"Bandwidth.Queue: -1ns is negative":                  Bandwidth{Rate: 1, Queue: -1},
		`Mute.B: no endpoint or place "n9"`:                  Mute{B: "n9"},
		"apply down : Down.A is empty":                       Down{},
		"apply cut dc2 -> everyone: sim.Cut.A: no":           Cut{A: "dc2", OneWay: true},
	} {
		if err := n.Apply(fault); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for want, add := range map[string]func() (*Endpoint, error){
		"the name is taken": func() (*Endpoint, error) { return n.Add("dc1", netip.MustParseAddr("10.0.0.9")) },
		"10.0.0.1 is n1's":  func() (*Endpoint, error) { return n.Add("n2", netip.MustParseAddr("10.0.0.1")) },
		"address 0.0.0.0":   func() (*Endpoint, error) { return n.Add("n2", netip.MustParseAddr("0.0.0.0")) },
		"stands for all":    func() (*Endpoint, error) { return n.Add("", netip.MustParseAddr("10.0.0.9")) },
	} {
		if _, err := add(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestFaultsPrintThemselves(t *testing.T) {
	for want, fault := range map[string]Fault{
		"cut n1 <-> dc2":                Cut{A: "n1", B: "dc2"},
		"cut n1 -> everyone":            Cut{A: "n1", OneWay: true},
		"down n3":                       Down{"n3"},
		"mute dc1 <-> everyone":         Mute{A: "dc1"},
		"stall 200ms of every 1s rack7": Stall{"rack7", time.Second, 200 * time.Millisecond},
		"bandwidth 1000 B/s, queue 100ms, dc1 <-> dc2": Bandwidth{"dc1", "dc2", 1000, 0},
		"loss 10% everyone <-> everyone":               Loss{Rate: 0.1},
		"latency 20ms+5ms dc1 <-> dc2":                 Latency{"dc1", "dc2", 20 * time.Millisecond, 5 * time.Millisecond},
		"duplicate 1% n1 <-> everyone":                 Duplicate{A: "n1", Rate: 0.01},
		"reorder 5% by 3ms n1 <-> n2":                  Reorder{"n1", "n2", 0.05, 3 * time.Millisecond},
	} {
		if got := fault.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// mustStream opens a stream from a to port 8300 of b.
func mustStream(t testing.TB, a, b *Endpoint) (near, far net.Conn) {
	t.Helper()
	l, err := b.Listen(8300)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err = a.Dial(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return near, far
}

func TestStreamsTakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Latency: 10 * time.Millisecond})
		a, b := mustAdd(t, n, 1), mustAdd(t, n, 2)
		l, err := b.Listen(8300)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if _, err := b.Listen(8300); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("a port opened twice: %v", err)
		}
		start := time.Now()
		near, err := a.Dial(t.Context(), "10.0.0.2:8300")
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 20*time.Millisecond {
			t.Errorf("dial took %v, want a round trip", took)
		}
		near.Write([]byte("one"))
		near.Write([]byte("two"))
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if far.RemoteAddr().String() != near.LocalAddr().String() || near.RemoteAddr().String() != "10.0.0.2:8300" {
			t.Error("the ends do not agree on their addresses")
		}
		near.Close()
		all, err := io.ReadAll(far)
		if string(all) != "onetwo" || err != nil {
			t.Errorf("got %q, %v", all, err)
		}
		if took := time.Since(start); took != 40*time.Millisecond {
			t.Errorf("all took %v, want the end 10ms after Accept", took)
		}
		if _, err := near.Read(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after Close: %v", err)
		}
		if err := near.SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("deadline after Close: %v", err)
		}
		if s := a.Stats(); s.Dials != 1 || s.StreamBytesOut != 6 || b.Stats().StreamBytesIn != 6 {
			t.Errorf("counted %+v and %+v", s, b.Stats())
		}
	})
}

// What goes in comes out, in order, whatever happens to the packets; both ways
// at once, in pieces of any size.
func TestStreamsAreReliable(t *testing.T) {
	for _, fault := range []Fault{nil, Loss{Rate: 0.2}, Latency{Mean: time.Millisecond, Jitter: 50 * time.Millisecond}, Reorder{Rate: 0.5, Late: time.Second}} {
		t.Run(fmt.Sprint(fault), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := mustNetwork(t, Config{Seed: 7})
				near, far := mustStream(t, mustAdd(t, n, 1), mustAdd(t, n, 2))
				if fault != nil {
					mustApply(t, n, fault)
				}
				random := rand.New(rand.NewPCG(3, 4))
				want := make([]byte, 3*windowMax)
				for i := range want {
					want[i] = byte(random.Uint32())
				}
				var wg sync.WaitGroup
				check := func(c net.Conn) {
					got := make([]byte, len(want))
					if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
						t.Errorf("got other bytes, %v", err)
					}
				}
				talk := func(c net.Conn) {
					for rest := want; len(rest) > 0; {
						size := min(len(rest), 1+random.IntN(100_000))
						if _, err := c.Write(rest[:size]); err != nil {
							t.Error(err)
							return
						}
						rest = rest[size:]
					}
				}
				wg.Go(func() { check(near) })
				wg.Go(func() { check(far) })
				talk(near)
				talk(far)
				wg.Wait()
				near.Close()
				if k, err := far.Read(make([]byte, 1)); k != 0 || err != io.EOF {
					t.Errorf("after the end: %d, %v", k, err)
				}
				far.Close()
			})
		})
	}
}

func TestLossCostsAStreamTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Seed: 1})
		near, far := mustStream(t, mustAdd(t, n, 1), mustAdd(t, n, 2))
		hundred := func() time.Duration {
			start := time.Now()
			b := []byte("x")
			for range 100 {
				near.Write(b)
				if _, err := io.ReadFull(far, b); err != nil {
					t.Fatal(err)
				}
			}
			return time.Since(start)
		}
		if took := hundred(); took != 0 {
			t.Errorf("100 bytes over a perfect link took %v", took)
		}
		mustApply(t, n, Loss{Rate: 0.25})
		// A third of a retransmission each, of 200 ms and more.
		if took := hundred(); took < 4*time.Second || took > 30*time.Second {
			t.Errorf("100 bytes at 25 %% loss took %v", took)
		}
	})
}

func TestDialMeetsWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Latency: time.Millisecond})
		a, b := mustAdd(t, n, 1), mustAdd(t, n, 2)
		dial := func(addr string, limit time.Duration) (time.Duration, error) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			start := time.Now()
			c, err := a.Dial(ctx, addr)
			if c != nil {
				c.Close()
			}
			return time.Since(start), err
		}
		if took, err := dial("10.0.0.2:8300", time.Minute); !errors.Is(err, syscall.ECONNREFUSED) || took != 2*time.Millisecond {
			t.Errorf("no listener: %v after %v", err, took)
		}
		var timeout net.Error
		if took, err := dial("10.0.0.99:8300", 5*time.Second); !errors.As(err, &timeout) || !timeout.Timeout() || took != 5*time.Second {
			t.Errorf("nobody: %v after %v", err, took)
		}
		if took, err := dial("10.0.0.99:8300", time.Hour); !errors.Is(err, syscall.ETIMEDOUT) || took != synMax {
			t.Errorf("nobody, patiently: %v after %v", err, took)
		}
		if _, err := dial("elsewhere", time.Second); err == nil {
			t.Error("dialled a name")
		}
		l, err := b.Listen(8300)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		cut := Cut{A: "n2", B: "n1", OneWay: true}
		mustApply(t, n, cut)
		time.AfterFunc(1500*time.Millisecond, func() { n.Lift(cut) })
		if took, err := dial("10.0.0.2:8300", time.Minute); err != nil || took != 3*time.Second+2*time.Millisecond {
			t.Errorf("answers lost for 1.5 s: %v after %v, want the third SYN to pass", err, took)
		}
		b.Crash()
		if _, err := dial("10.0.0.2:8300", 3*time.Second); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("crashed host: %v", err)
		}
	})
}

func TestStreamWaitsOutACut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{})
		near, far := mustStream(t, mustAdd(t, n, 1), mustAdd(t, n, 2))
		cut := Cut{A: "n1", B: "n2"}
		mustApply(t, n, cut)
		near.Write([]byte("late"))
		far.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := far.Read(make([]byte, 4)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read across a cut: %v", err)
		}
		n.Lift(cut)
		far.SetReadDeadline(time.Time{})
		b := make([]byte, 4)
		if _, err := io.ReadFull(far, b); err != nil || string(b) != "late" {
			t.Errorf("after the cut: %q, %v", b, err)
		}
		mustApply(t, n, cut)
		near.Write([]byte("never"))
		start := time.Now()
		if _, err := near.Read(b); !errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("a cut that lasts: %v", err)
		}
		if took := time.Since(start); took < 15*time.Minute || took > 20*time.Minute {
			t.Errorf("gave up after %v", took)
		}
		if _, err := near.Write(b); !errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("write after that: %v", err)
		}
	})
}

func TestDeadlinesMoveWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{})
		near, _ := mustStream(t, mustAdd(t, n, 1), mustAdd(t, n, 2))
		start := time.Now()
		near.SetDeadline(start.Add(time.Second))
		time.AfterFunc(500*time.Millisecond, func() { near.SetDeadline(start.Add(3 * time.Second)) })
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("read: %v after %v, want 3s", err, time.Since(start))
		}
		near.SetWriteDeadline(time.Now().Add(time.Second))
		written, err := near.Write(make([]byte, 2*windowMax)) // nobody reads
		if written != windowMax || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d, %v; want %d and a deadline", written, err, windowMax)
		}
		near.SetDeadline(time.Now().Add(-1))
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read after the deadline: %v", err)
		}
		time.AfterFunc(time.Second, func() { near.Close() })
		near.SetDeadline(time.Time{})
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed while reading: %v", err)
		}
	})
}

func TestKillCrashAndReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Latency: time.Millisecond})
		a, b := mustAdd(t, n, 1), mustAdd(t, n, 2)
		one := make([]byte, 1)

		near, far := mustStream(t, a, b)
		b.Kill()
		if _, err := near.Read(one); err != io.EOF {
			t.Errorf("other side killed: %v, want EOF", err)
		}
		if _, err := far.Read(one); !errors.Is(err, net.ErrClosed) {
			t.Errorf("own side killed: %v", err)
		}

		near, far = mustStream(t, a, b) // ports are free again
		near.Write([]byte("unread"))
		time.Sleep(time.Second)
		far.Close()
		if _, err := near.Read(one); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("closed on unread bytes: %v, want a reset", err)
		}
		if _, err := near.Write(one); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write after a reset: %v", err)
		}

		near, far = mustStream(t, a, b)
		far.Close()
		time.Sleep(time.Second)
		near.Write(one) // into a closed socket: answered by a reset
		time.Sleep(time.Second)
		if _, err := near.Write(one); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("second write to a closed side: %v", err)
		}

		near, far = mustStream(t, a, b)
		transport := mustTransport(t, b)
		b.Crash()
		near.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := near.Read(one); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("other side crashed: %v, want silence", err)
		}
		if _, err := far.Write(one); !errors.Is(err, net.ErrClosed) {
			t.Errorf("own side crashed: %v", err)
		}
		if _, err := b.Listen(8300); !errors.Is(err, syscall.ENETDOWN) {
			t.Errorf("listen on a crashed host: %v", err)
		}
		b.Boot()
		near.Write(one)
		near.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := near.Read(one); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("other side booted: %v, want a reset", err)
		}
		if err := transport.Shutdown(); err != nil {
			t.Error(err)
		}
		mustTransport(t, b).Shutdown()
	})
}

// Nothing comes from a process that was killed, and nothing reaches it; the
// next one on the same port is another.
func TestKilledTransportIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Latency: time.Millisecond})
		ea, eb := mustAdd(t, n, 1), mustAdd(t, n, 2)
		a, b := mustTransport(t, ea), mustTransport(t, eb)
		for _, end := range []func(){eb.Kill, eb.Crash, func() { b.Shutdown() }} {
			send(t, a, b, "on its way")
			end()
			send(t, a, b, "too late")
			send(t, b, a, "from the dead")
			if _, err := b.DialTimeout("10.0.0.1:8301", time.Second); !errors.Is(err, net.ErrClosed) {
				t.Errorf("dialled from the dead: %v", err)
			}
			time.Sleep(time.Second)
			if to, from := got(b), got(a); len(to)+len(from) > 0 {
				t.Errorf("got %q and %q", to, from)
			}
			eb.Boot()
			if err := b.Shutdown(); err != nil {
				t.Error(err)
			}
			b = mustTransport(t, eb)
			send(t, a, b, "to the new one")
			send(t, b, a, "from the new one")
			time.Sleep(time.Second)
			if to, from := got(b), got(a); len(to) != 1 || len(from) != 1 {
				t.Errorf("got %q and %q", to, from)
			}
		}
	})
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mustNetwork(t, Config{Latency: time.Second})
		a, b := mustAdd(t, n, 1), mustAdd(t, n, 2)
		near, far := mustStream(t, a, b)
		l, err := b.Listen(8300)
		if err != nil {
			t.Fatal(err)
		}
		transport := mustTransport(t, a)
		var wg sync.WaitGroup
		for what, do := range map[string]func() error{
			"read":   func() error { _, err := near.Read(make([]byte, 1)); return err },
			"write":  func() error { _, err := far.Write(make([]byte, 2*windowMax)); return err },
			"accept": func() error { _, err := l.Accept(); return err },
			"dial":   func() error { _, err := a.Dial(context.Background(), "10.0.0.77:1"); return err },
		} {
			wg.Go(func() {
				if err := do(); !errors.Is(err, net.ErrClosed) {
					t.Errorf("%s ended with %v", what, err)
				}
			})
		}
		synctest.Wait()
		n.Close()
		wg.Wait()
		n.Close()
		if _, err := transport.WriteToAddress([]byte("x"), memberlist.Address{Addr: "10.0.0.2:8301"}); err != nil {
			t.Errorf("a datagram into the void: %v", err)
		}
		if _, err := transport.DialTimeout("10.0.0.2:8301", time.Second); !errors.Is(err, net.ErrClosed) {
			t.Errorf("dial after Close: %v", err)
		}
		if _, err := n.Add("late", netip.MustParseAddr("10.0.0.9")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("add after Close: %v", err)
		}
	})
}
