package peer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func mustIdentity(t testing.TB) Identity {
	t.Helper()
	identity, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

func logger(t testing.TB) *slog.Logger {
	if !testing.Verbose() {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// only trusts the identities given.
func only(members ...Identity) func([16]byte) error {
	return func(origin [16]byte) error {
		for _, m := range members {
			if m.Origin() == origin {
				return nil
			}
		}
		return errors.New("no member of the mesh")
	}
}

// echo answers each message with itself.
func echo(_ context.Context, _ [16]byte, s *Stream) error {
	for {
		message, err := s.Receive()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.Send(message); err != nil {
			return err
		}
	}
}

func mustListen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// serve starts a server on a real socket; pace is the default one unless given.
func serve(t testing.TB, cfg Config, pace pace) *Server {
	t.Helper()
	if cfg.Listener == nil {
		cfg.Listener = mustListen(t)
	}
	if cfg.Handlers == nil {
		cfg.Handlers = map[string]Handler{"echo": echo}
	}
	cfg.Logger = logger(t)
	s, err := listen(cfg, pace)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustDialer(t testing.TB, identity Identity) *Dialer {
	t.Helper()
	d, err := NewDialer(DialConfig{Identity: identity})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustDial(t testing.TB, d *Dialer, s *Server, want Identity, verb string) *Stream {
	t.Helper()
	stream, err := d.Dial(t.Context(), s.Addr().String(), want.Origin(), verb)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stream.Close)
	return stream
}

func wantError(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want one with %q", err, want)
	}
}

func TestMessagesGoBothWays(t *testing.T) {
	a, b := mustIdentity(t), mustIdentity(t)
	var from [16]byte
	server := serve(t, Config{Identity: a, Trust: only(b), Handlers: map[string]Handler{
		"echo": func(ctx context.Context, peer [16]byte, s *Stream) error {
			from = peer
			return echo(ctx, peer, s)
		},
	}}, defaultPace())
	stream := mustDial(t, mustDialer(t, b), server, a, "echo")

	sizes := []int{0, 1, 1000, exactMax - 1, exactMax, exactMax + 1, FrameMax - 1, FrameMax}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i, size := range sizes {
			if err := stream.Send([]byte(strings.Repeat(string(rune('a'+i)), size))); err != nil {
				t.Error(err)
			}
		}
		if err := stream.CloseWrite(); err != nil {
			t.Error(err)
		}
	})
	for i, size := range sizes {
		got, err := stream.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != strings.Repeat(string(rune('a'+i)), size) {
			t.Errorf("message %d of %d bytes came back as %d other ones", i, size, len(got))
		}
	}
	for range 2 {
		if _, err := stream.Receive(); err != io.EOF {
			t.Errorf("after the last message: %v, want EOF", err)
		}
	}
	wg.Wait()
	wantError(t, stream.Send(nil), "closed for writing")
	if from != b.Origin() || stream.Peer() != a.Origin() {
		t.Error("the sides do not know each other's origin")
	}
	stream.Close()
	server.Close()
	if s := server.Stats(); s.Streams != 1 || s.Failed != 0 || s.Open != 0 || s.Handshakes != 0 {
		t.Errorf("stats after one good stream: %+v", s)
	}
}

func TestMessageOverTheLimitIsTheSendersError(t *testing.T) {
	a := mustIdentity(t)
	server := serve(t, Config{Identity: a, Trust: only(a)}, defaultPace())
	stream := mustDial(t, mustDialer(t, a), server, a, "echo")
	wantError(t, stream.Send(make([]byte, FrameMax+1)), "message of 1048577 bytes, limit 1048576")
	if err := stream.Send([]byte("still fine")); err != nil {
		t.Error(err)
	}
	if got, err := stream.Receive(); string(got) != "still fine" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestHandlerErrorReachesTheClient(t *testing.T) {
	a := mustIdentity(t)
	server := serve(t, Config{Identity: a, Trust: only(a), Handlers: map[string]Handler{
		"fail": func(context.Context, [16]byte, *Stream) error { return errors.New("disk\x1b[31m is full") },
	}}, defaultPace())
	dialer := mustDialer(t, a)
	for verb, want := range map[string]string{
		"fail":  `fail: disk\x1b[31m is full`,
		"other": `no verb \"other\" here`,
	} {
		stream := mustDial(t, dialer, server, a, verb)
		// The client talks on, which must not cost it the reason.
		for range 20 {
			if stream.Send(make([]byte, 1000)) != nil {
				break
			}
		}
		_, err := stream.Receive()
		var refusal *RefusalError
		if !errors.As(err, &refusal) || refusal.Text != want {
			t.Errorf("%s: got %v, want refusal %q", verb, err, want)
		}
		stream.Close()
	}
}

func TestStreamsPerPeerAreBounded(t *testing.T) {
	a := mustIdentity(t)
	server := serve(t, Config{Identity: a, Trust: only(a)}, defaultPace())
	dialer := mustDialer(t, a)
	var open []*Stream
	for range streamsPerPeerMax {
		stream := mustDial(t, dialer, server, a, "echo")
		exchange(t, stream)
		open = append(open, stream)
	}
	stream := mustDial(t, dialer, server, a, "echo")
	_, err := stream.Receive()
	wantError(t, err, "busy: 8 streams from this host, limit 8")

	open[0].Close()
	waitUntil(t, func() bool { return server.Stats().Open < streamsPerPeerMax })
	exchange(t, mustDial(t, dialer, server, a, "echo"))
}

func exchange(t testing.TB, s *Stream) {
	t.Helper()
	if err := s.Send([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Receive(); string(got) != "ping" {
		t.Fatalf("got %q, %v", got, err)
	}
}

func waitUntil(t testing.TB, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited 10 s in vain")
		}
	}
}

func TestCloseEndsStreamsAndWaits(t *testing.T) {
	a := mustIdentity(t)
	var ended bool
	started := make(chan struct{})
	server := serve(t, Config{Identity: a, Trust: only(a), Handlers: map[string]Handler{
		"wait": func(ctx context.Context, _ [16]byte, s *Stream) error {
			close(started)
			_, err := s.Receive()
			<-ctx.Done() // a moment later, perhaps
			ended = errors.Is(err, context.Canceled)
			return err
		},
	}}, defaultPace())
	stream := mustDial(t, mustDialer(t, a), server, a, "wait")
	<-started
	start := time.Now()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if !ended {
		t.Error("Close came back before the handler, or without ending its context")
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("Close took %v", took)
	}
	if _, err := stream.Receive(); err == nil || err == io.EOF {
		t.Errorf("a stream that was cut ended with %v", err)
	}
	if err := server.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestContextEndsTheClientsStream(t *testing.T) {
	a := mustIdentity(t)
	server := serve(t, Config{Identity: a, Trust: only(a)}, defaultPace())
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := mustDialer(t, a).Dial(ctx, server.Addr().String(), a.Origin(), "echo")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	exchange(t, stream)
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := stream.Receive(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's end", err)
	}
}
