package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// A DialConfig is what a client needs.
type DialConfig struct {
	Identity Identity
	Dial     func(ctx context.Context, addr string) (net.Conn, error) // nil: TCP
}

// A Dialer opens streams to servers. It keeps no connection.
type Dialer struct {
	identity Identity
	dial     func(ctx context.Context, addr string) (net.Conn, error)
	tls      *tls.Config
	pace     pace
}

// NewDialer makes the client's certificate, once.
func NewDialer(cfg DialConfig) (*Dialer, error) {
	config, err := cfg.Identity.tlsConfig(nil)
	if err != nil {
		return nil, fmt.Errorf("make dialer: %w", err)
	}
	if cfg.Dial == nil {
		cfg.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}
	}
	return &Dialer{cfg.Identity, cfg.Dial, config, defaultPace()}, nil
}

// Dial opens a stream to the host that want names, at addr, for one verb. A
// host that is another one gets nothing. Whether the server trusts us shows at
// the first Receive: waiting for it here would cost each stream a round trip.
// The end of ctx ends the stream.
func (d *Dialer) Dial(ctx context.Context, addr string, want [16]byte, verb string) (*Stream, error) {
	s, err := d.open(ctx, addr, want, verb)
	if err != nil {
		return nil, fmt.Errorf("open stream to %s (%s): %w", addr, nameOf(want), err)
	}
	return s, nil
}

func (d *Dialer) open(ctx context.Context, addr string, want [16]byte, verb string) (*Stream, error) {
	if want == ([16]byte{}) {
		return nil, errors.New("no origin given to expect there")
	}
	if verb == "" || len(verb) > verbMax {
		return nil, fmt.Errorf("verb of %d bytes, limit 1 to %d", len(verb), verbMax)
	}
	conn, err := d.connect(ctx, addr, want)
	if err != nil {
		return nil, err
	}
	s := newStream(ctx, conn, want, d.pace)
	s.hint = " before its first answer (it may not know this host yet, or be at a limit)"
	if err := s.write(kindVerb, []byte(verb)); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// connect ends with the handshake done, within its time.
func (d *Dialer) connect(ctx context.Context, addr string, want [16]byte) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.pace.handshake)
	defer cancel()
	raw, err := d.dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	config := d.tls.Clone()
	config.VerifyConnection = func(state tls.ConnectionState) error {
		return verify(state, func(origin [16]byte) error {
			if origin != want {
				return errors.New("another host answers there")
			}
			return nil
		})
	}
	conn, err := handshake(ctx, raw, config, tls.Client)
	if err != nil {
		raw.Close()
		return nil, err
	}
	return conn, nil
}

// handshake reads at most handshakeBytesMax and ends with ctx. The caller
// closes raw if it fails.
func handshake(ctx context.Context, raw net.Conn, config *tls.Config, side func(net.Conn, *tls.Config) *tls.Conn) (*tls.Conn, error) {
	capped := &cappedConn{Conn: raw, left: handshakeBytesMax}
	conn := side(capped, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("prove identity: %w", err)
	}
	capped.lift()
	return conn, nil
}

// A cappedConn reads only so much until the cap is lifted. Handshake and later
// reads are in one goroutine after the other.
type cappedConn struct {
	net.Conn
	left   int
	lifted bool
}

func (c *cappedConn) lift() { c.lifted = true }

func (c *cappedConn) Read(b []byte) (int, error) {
	if c.lifted {
		return c.Conn.Read(b)
	}
	if c.left == 0 {
		return 0, fmt.Errorf("more than %d bytes of handshake", handshakeBytesMax)
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}
