package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// A Handler serves one stream for one verb. The stream is closed when it
// returns; an error is told to the other side. It runs on a goroutine of its
// own and ends when ctx does, since the stream then fails.
type Handler func(ctx context.Context, from [16]byte, s *Stream) error

// A Config is what a server needs.
type Config struct {
	Identity Identity
	Listener net.Listener // the server closes it
	// Trust says whether an origin is a member of the mesh. It is asked in the
	// handshake, often and by strangers: it must not wait.
	Trust    func(origin [16]byte) error
	Handlers map[string]Handler // by verb; not to be changed afterwards
	Logger   *slog.Logger       // nil: none
}

// A Server answers streams until it is closed.
type Server struct {
	listener net.Listener
	handlers map[string]Handler
	tls      *tls.Config
	pace     pace
	log      *slog.Logger

	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup

	door  door
	count counters
}

// Listen starts a server.
func Listen(cfg Config) (*Server, error) {
	return listen(cfg, defaultPace())
}

func listen(cfg Config, pace pace) (*Server, error) {
	if cfg.Listener == nil || cfg.Trust == nil {
		return nil, errors.New("listen for peers: no listener or no trust function")
	}
	for verb := range cfg.Handlers {
		if verb == "" || len(verb) > verbMax {
			return nil, fmt.Errorf("listen for peers: verb %q of %d bytes, limit 1 to %d", verb, len(verb), verbMax)
		}
	}
	config, err := cfg.Identity.tlsConfig(cfg.Trust)
	if err != nil {
		return nil, fmt.Errorf("listen for peers: %w", err)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{listener: cfg.Listener, handlers: cfg.Handlers, tls: config, pace: pace, log: cfg.Logger.With("pkg", "peer")}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.wg.Go(s.accept)
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close stops listening, cuts every stream and waits for its handler.
func (s *Server) Close() error {
	s.stop()
	err := s.listener.Close()
	s.wg.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err == nil {
			s.admit(conn)
			continue
		}
		if s.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return
		}
		s.refuse(&s.count.acceptErrors, err, nil)
		select {
		case <-time.After(acceptPause):
		case <-s.ctx.Done():
			return
		}
	}
}

// admit starts a connection or, at a limit, closes it at once: a queue would
// let strangers make members wait.
func (s *Server) admit(conn net.Conn) {
	source := sourceOf(conn)
	if err := s.door.enter(source, time.Now()); err != nil {
		s.refuse(&s.count.crowded, err, conn)
		conn.Close()
		return
	}
	s.wg.Go(func() {
		s.serve(conn, source)
		conn.Close()
	})
}

// serve carries one connection: the handshake, the verb, the handler.
func (s *Server) serve(raw net.Conn, source netip.Addr) {
	conn, err := s.handshake(raw)
	s.door.leave(source)
	if err != nil {
		s.refuse(&s.count.unproven, err, raw)
		return
	}
	peer, err := originIn(conn.ConnectionState())
	if err != nil {
		s.refuse(&s.count.unproven, err, raw)
		return
	}
	stream := newStream(s.ctx, conn, peer, s.pace)
	defer stream.Close()
	if err := s.door.seat(peer); err != nil {
		s.refuse(&s.count.crowded, err, raw)
		stream.finish(err)
		return
	}
	defer s.door.rise(peer)
	s.count.streams.Add(1)
	err = s.handle(stream)
	if err != nil {
		s.count.failed.Add(1)
		s.log.Debug("stream failed", "from", nameOf(peer), "err", err)
	}
	stream.finish(err)
}

func (s *Server) handshake(raw net.Conn) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.pace.handshake)
	defer cancel()
	return handshake(ctx, raw, s.tls, tls.Server)
}

func (s *Server) handle(stream *Stream) error {
	k, verb, err := stream.read()
	if err != nil {
		return err
	}
	if k != kindVerb {
		return fmt.Errorf("first frame of kind %d, want a verb", k)
	}
	handler, ok := s.handlers[string(verb)]
	if !ok {
		return fmt.Errorf("no verb %q here", verb)
	}
	// A handler that waits for something else than its stream ends with it.
	ctx, cancel := context.WithDeadline(s.ctx, stream.ends)
	defer cancel()
	if err := handler(ctx, stream.peer, stream); err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}

func sourceOf(conn net.Conn) netip.Addr {
	source, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{} // not an IP network: all are one source
	}
	return source.Addr().Unmap()
}
