package peer

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yodel-mesh/yodel/sim"
)

// bubble is two hosts on a network in memory, with the real limits on time.
func bubble(t *testing.T, handlers map[string]Handler) (n *sim.Network, dial func(verb string) (*Stream, error), server *Server, raw func() net.Conn) {
	t.Helper()
	n, err := sim.NewNetwork(sim.Config{Latency: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	here, err := n.Add("here", netip.MustParseAddr("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	there, err := n.Add("there", netip.MustParseAddr("10.0.0.2"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := there.Listen(8300)
	if err != nil {
		t.Fatal(err)
	}
	a, b := mustIdentity(t), mustIdentity(t)
	server = serve(t, Config{Identity: a, Listener: l, Trust: only(b), Handlers: handlers}, defaultPace())
	dialer, err := NewDialer(DialConfig{Identity: b, Dial: here.Dial})
	if err != nil {
		t.Fatal(err)
	}
	dial = func(verb string) (*Stream, error) {
		return dialer.Dial(t.Context(), "10.0.0.2:8300", a.Origin(), verb)
	}
	raw = func() net.Conn {
		conn, err := here.Dial(t.Context(), "10.0.0.2:8300")
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	return n, dial, server, raw
}

func TestExchangeInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, dial, _, _ := bubble(t, nil)
		start := time.Now()
		stream, err := dial("echo")
		if err != nil {
			t.Fatal(err)
		}
		exchange(t, stream)
		if took := time.Since(start); took != 60*time.Millisecond {
			t.Errorf("took %v, want three round trips: connect, prove, ask", took)
		}
		stream.CloseWrite()
		if _, err := stream.Receive(); err != io.EOF {
			t.Errorf("got %v", err)
		}
		stream.Close()
	})
}

// near allows for the way there and back.
func near(got, want time.Duration) bool { return got >= want && got < want+time.Second }

func TestStreamsKeepTheirTimes(t *testing.T) {
	silent := func(ctx context.Context, _ [16]byte, _ *Stream) error { <-ctx.Done(); return ctx.Err() }
	drip := func(_ context.Context, _ [16]byte, s *Stream) error {
		for {
			if err := s.Send([]byte("drop")); err != nil {
				return err
			}
			time.Sleep(9 * time.Second)
		}
	}
	deaf := func(context.Context, [16]byte, *Stream) error { time.Sleep(50 * time.Second); return nil }

	synctest.Test(t, func(t *testing.T) {
		_, dial, server, _ := bubble(t, map[string]Handler{"silent": silent, "drip": drip, "deaf": deaf})
		open := func(verb string) (*Stream, time.Time) {
			stream, err := dial(verb)
			if err != nil {
				t.Fatal(err)
			}
			return stream, time.Now()
		}

		stream, start := open("silent")
		atStart := start
		if _, err := stream.Receive(); !errors.Is(err, os.ErrDeadlineExceeded) || !near(time.Since(start), idleTimeout) {
			t.Errorf("a silent peer: %v after %v", err, time.Since(start))
		}
		stream.Close()

		stream, start = open("drip")
		var err error
		for err == nil {
			_, err = stream.Receive()
		}
		if !near(time.Since(start), streamTimeout) {
			t.Errorf("a dripping peer: %v after %v", err, time.Since(start))
		}
		stream.Close()
		time.Sleep(10 * time.Second) // the dripping handler's own
		if n := server.Stats().Open; n > 0 {
			t.Errorf("%d streams still open after %v", n, time.Since(atStart))
		}

		stream, start = open("deaf")
		for err = nil; err == nil; {
			err = stream.Send(make([]byte, FrameMax))
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || !near(time.Since(start), idleTimeout) {
			t.Errorf("a peer that does not read: %v after %v", err, time.Since(start))
		}
		stream.Close()
	})
}

func TestHandshakesKeepTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, dial, _, raw := bubble(t, nil)
		conn := raw()
		start := time.Now()
		if _, err := conn.Read(make([]byte, 1)); err == nil || !near(time.Since(start), handshakeTimeout) {
			t.Errorf("a connection that says nothing: %v after %v", err, time.Since(start))
		}
		conn.Close()

		if err := n.Apply(sim.Cut{A: "here", B: "there"}); err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		_, err := dial("echo")
		if err == nil || !near(time.Since(start), handshakeTimeout) {
			t.Errorf("dial across a cut: %v after %v", err, time.Since(start))
		}
		wantError(t, err, "open stream to 10.0.0.2:8300 (")
	})
}

// Who is refused while it still talks can finish its sentence, and then hear
// why.
func TestRefusalWaitsForTheOtherSide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, dial, server, _ := bubble(t, map[string]Handler{
			"no": func(context.Context, [16]byte, *Stream) error { return errors.New("not today") },
		})
		stream, err := dial("no")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if err := stream.Send(make([]byte, 100)); err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
		_, err = stream.Receive()
		wantError(t, err, "refused: no: not today")
		time.Sleep(2 * lingerTimeout)
		if server.Stats().Open != 0 {
			t.Error("it waits for ever")
		}
		stream.Close()
	})
}
