package checks

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

var quiet = log.New(io.Discard, "", 0)

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// silent accepts connections, hears them out, and says nothing.
func silent(t testing.TB) string {
	l := listen(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				io.Copy(io.Discard, conn)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

// closed is an address where nobody listens.
func closed(t testing.TB) string {
	l := listen(t)
	l.Close()
	return l.Addr().String()
}

type lookCase struct {
	name   string
	d      Definition
	status Status
	output string // contained
}

func testLooks(t *testing.T, probe func(Definition) Probe, cases []lookCase) {
	t.Helper()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			begin := time.Now()
			status, output := look(t, probe(tt.d.settled()), 500*time.Millisecond)
			if status != tt.status || !strings.Contains(output, tt.output) {
				t.Errorf("got %s %q, want %s %q", status, output, tt.status, tt.output)
			}
			if took := time.Since(begin); took > 4*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestTCP(t *testing.T) {
	t.Parallel()
	plain, none := silent(t), closed(t)
	s := httptest.NewUnstartedServer(nil)
	s.Config.ErrorLog = quiet
	s.StartTLS()
	defer s.Close()
	secure := s.Listener.Addr().String()
	testLooks(t, tcpProbe, []lookCase{
		{"open", Definition{TCP: plain}, Passing, "TCP connect " + plain + ": Success"},
		{"closed", Definition{TCP: none}, Critical, "connection refused"},
		{"tls unverified", Definition{TCP: secure, TCPUseTLS: true, TLSSkipVerify: true}, Passing, "TCP+TLS connect " + secure + ": Success"},
		{"tls unknown authority", Definition{TCP: secure, TCPUseTLS: true}, Critical, "certificate"},
		{"tls asked of one who says nothing", Definition{TCP: plain, TCPUseTLS: true}, Critical, "deadline"},
	})
}

func TestUDP(t *testing.T) {
	t.Parallel()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 100)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			got <- string(buf[:n])
			if n > 0 { // silent to the empty one
				conn.WriteTo([]byte("pong"), from)
			}
		}
	}()
	defer func() { conn.Close(); <-done }()
	gone, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	begin := time.Now()
	if status, output := look(t, udpProbe(Definition{UDP: conn.LocalAddr().String(), Body: "ping"}.settled()), 10*time.Second); status != Passing || output != "UDP connect "+conn.LocalAddr().String()+": Success" {
		t.Errorf("answers: got %s %q", status, output)
	}
	if status, output := look(t, udpProbe(Definition{UDP: gone.LocalAddr().String()}.settled()), 10*time.Second); status != Critical || !strings.Contains(output, "connection refused") {
		t.Errorf("closed: got %s %q", status, output)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("an answer and a refusal took %s: waited for the timeout", took)
	}
	testLooks(t, udpProbe, []lookCase{
		{"silent", Definition{UDP: conn.LocalAddr().String()}, Passing, "Success"},
	})
	if a, b := <-got, <-got; a != "ping" || b != "" {
		t.Errorf("the server got %q and %q", a, b)
	}
}

func TestGRPC(t *testing.T) {
	t.Parallel()
	cert := httptest.NewUnstartedServer(nil)
	cert.Config.ErrorLog = quiet
	cert.StartTLS()
	defer cert.Close()
	state := health.NewServer()
	state.SetServingStatus("up", grpc_health_v1.HealthCheckResponse_SERVING)
	state.SetServingStatus("down", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	serve := func(options ...grpc.ServerOption) string {
		s, l := grpc.NewServer(options...), listen(t)
		grpc_health_v1.RegisterHealthServer(s, state)
		done := make(chan error, 1)
		go func() { done <- s.Serve(l) }()
		t.Cleanup(func() { s.Stop(); <-done })
		return l.Addr().String()
	}
	plain, secure := serve(), serve(grpc.Creds(credentials.NewServerTLSFromCert(&cert.TLS.Certificates[0])))
	mute := grpc.NewServer() // speaks gRPC, knows no health
	l := listen(t)
	done := make(chan error, 1)
	go func() { done <- mute.Serve(l) }()
	defer func() { mute.Stop(); <-done }()
	testLooks(t, grpcProbe, []lookCase{
		{"whole server", Definition{GRPC: plain}, Passing, "gRPC check " + plain + ": success"},
		{"service up", Definition{GRPC: plain + "/up"}, Passing, "success"},
		{"service down", Definition{GRPC: plain + "/down"}, Critical, "gRPC " + plain + "/down serving status: NOT_SERVING"},
		{"service unknown", Definition{GRPC: plain + "/what"}, Critical, "NotFound"},
		{"no health service", Definition{GRPC: l.Addr().String()}, Critical, "Unimplemented"},
		{"closed", Definition{GRPC: closed(t)}, Critical, "connection refused"},
		{"silent", Definition{GRPC: silent(t)}, Critical, "DeadlineExceeded"},
		{"tls unverified", Definition{GRPC: secure, GRPCUseTLS: true, TLSSkipVerify: true}, Passing, "success"},
		{"tls unknown authority", Definition{GRPC: secure, GRPCUseTLS: true}, Critical, "certificate"},
		{"plain to tls", Definition{GRPC: secure}, Critical, "Unavailable"},
	})
}

func TestH2Ping(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	plain := httptest.NewUnstartedServer(handler)
	plain.Config.Protocols = new(http.Protocols)
	plain.Config.Protocols.SetUnencryptedHTTP2(true)
	plain.Start()
	defer plain.Close()
	secure := httptest.NewUnstartedServer(handler)
	secure.EnableHTTP2, secure.Config.ErrorLog = true, quiet
	secure.StartTLS()
	defer secure.Close()
	old := httptest.NewUnstartedServer(handler) // TLS with HTTP/1.1 only
	old.Config.ErrorLog = quiet
	old.StartTLS()
	defer old.Close()
	old1 := httptest.NewServer(handler)
	defer old1.Close()
	address := func(s *httptest.Server) string { return s.Listener.Addr().String() }
	testLooks(t, h2pingProbe, []lookCase{
		{"plain", Definition{H2Ping: address(plain)}, Passing, "HTTP2 ping was successful"},
		{"tls", Definition{H2Ping: address(secure), H2PingUseTLS: true, TLSSkipVerify: true}, Passing, "HTTP2 ping was successful"},
		{"tls unknown authority", Definition{H2Ping: address(secure), H2PingUseTLS: true}, Critical, "certificate"},
		{"tls with HTTP/1.1 only", Definition{H2Ping: address(old), H2PingUseTLS: true, TLSSkipVerify: true}, Critical, "HTTP2 ping failed: "},
		{"plain HTTP/1.1 only", Definition{H2Ping: address(old1)}, Critical, "HTTP2 ping failed: "},
		{"silent", Definition{H2Ping: silent(t)}, Critical, "HTTP2 ping failed: "},
		{"closed", Definition{H2Ping: closed(t)}, Critical, "connection refused"},
	})
}

// A server that answers with anything but the echo of our own ping.
func TestH2PingStrangeServers(t *testing.T) {
	t.Parallel()
	for want, answer := range map[string]func(*http2.Framer) error{
		"deadline exceeded":         func(f *http2.Framer) error { return f.WritePing(true, [8]byte{1}) },
		"goes away: PROTOCOL_ERROR": func(f *http2.Framer) error { return f.WriteGoAway(0, http2.ErrCodeProtocol, []byte("no")) },
		"no echo within 100 frames": func(f *http2.Framer) error { return endless(func() error { return f.WriteSettings() }) },
		"frame too large":           func(f *http2.Framer) error { return f.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, 1<<20)) },
		"EOF":                       func(*http2.Framer) error { return io.EOF },
	} {
		l := listen(t)
		done := make(chan struct{})
		go func() {
			defer close(done)
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			io.ReadFull(conn, make([]byte, len(http2.ClientPreface)))
			if answer(http2.NewFramer(conn, conn)) == nil {
				io.Copy(io.Discard, conn)
			}
		}()
		d := Definition{H2Ping: l.Addr().String()}.settled()
		if status, output := look(t, h2pingProbe(d), 300*time.Millisecond); status != Critical || !strings.Contains(output, want) && want != "EOF" {
			t.Errorf("got %s %q, want %q", status, output, want)
		}
		l.Close()
		<-done
	}
}

func endless(f func() error) error {
	for {
		if err := f(); err != nil {
			return err
		}
	}
}
