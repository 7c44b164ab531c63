package checks

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"golang.org/x/net/http2"
)

const (
	// What a client must accept without having said otherwise (RFC 9113 section 4.2).
	h2FrameMax = 16 << 10
	// Frames read before the echo; a server sends its settings and little else
	// to a connection without requests.
	h2FramesMax = 100
)

// h2pingProbe sends an HTTP/2 PING (RFC 9113 section 6.7) and waits for its
// echo.
func h2pingProbe(d Definition) Probe {
	return func(ctx context.Context) (Status, string) {
		conn, err := dialH2(ctx, d)
		if err == nil {
			release := context.AfterFunc(ctx, func() { conn.Close() })
			err = h2ping(conn)
			release()
			conn.Close()
		}
		if ctx.Err() != nil { // more to the point than what it did to conn
			err = ctx.Err()
		}
		if err != nil {
			return Critical, head("HTTP2 ping failed: "+err.Error(), d.OutputMaxSize)
		}
		return Passing, "HTTP2 ping was successful"
	}
}

// h2ping speaks as much HTTP/2 as one PING takes: the preface, settings both
// ways, and the ping.
func h2ping(conn net.Conn) error {
	var data [8]byte
	rand.Read(data[:])
	framer := http2.NewFramer(conn, conn)
	framer.SetMaxReadFrameSize(h2FrameMax)
	_, err := conn.Write([]byte(http2.ClientPreface))
	err = errors.Join(err, framer.WriteSettings(), framer.WritePing(false, data))
	for range h2FramesMax {
		if err != nil {
			return err
		}
		var frame http2.Frame
		if frame, err = framer.ReadFrame(); err != nil {
			return err
		}
		switch f := frame.(type) {
		case *http2.PingFrame:
			if f.IsAck() && f.Data == data {
				return nil
			}
		case *http2.SettingsFrame:
			if !f.IsAck() {
				err = framer.WriteSettingsAck()
			}
		case *http2.GoAwayFrame:
			return fmt.Errorf("the server goes away: %s %q", f.ErrCode, clean(string(f.DebugData())))
		}
	}
	return fmt.Errorf("no echo within %d frames", h2FramesMax)
}

func dialH2(ctx context.Context, d Definition) (net.Conn, error) {
	if !d.H2PingUseTLS {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "tcp", d.H2Ping)
	}
	config := tlsConfig(d, d.H2Ping)
	config.NextProtos = []string{http2.NextProtoTLS}
	dialer := tls.Dialer{Config: config}
	conn, err := dialer.DialContext(ctx, "tcp", d.H2Ping)
	if err != nil {
		return nil, err
	}
	if conn.(*tls.Conn).ConnectionState().NegotiatedProtocol != http2.NextProtoTLS {
		conn.Close()
		return nil, errors.New("the server does not speak HTTP/2 (ALPN h2)")
	}
	return conn, nil
}
