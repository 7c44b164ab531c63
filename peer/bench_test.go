package peer

import (
	"context"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A countedConn adds up what crosses the wire, TLS included.
type countedConn struct {
	net.Conn
	bytes *atomic.Int64
}

func (c countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.bytes.Add(int64(n))
	return n, err
}

func (c countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.bytes.Add(int64(n))
	return n, err
}

// One small exchange, both hosts in this process: connect, prove, 100 bytes
// there and 100 back, close. wire-B is both directions without TCP's headers;
// cpu-µs is both hosts together.
func BenchmarkExchange(b *testing.B) {
	a := mustIdentity(b)
	server := serve(b, Config{Identity: a, Trust: only(a)}, defaultPace())
	dialer := mustDialer(b, a)
	var bytes atomic.Int64
	dialer.dial = func(ctx context.Context, addr string) (net.Conn, error) {
		// Another source each time, or acceptsPerSource would be measured.
		source := net.IPv4(127, 0, byte(1+bytes.Load()/255%250), byte(1+bytes.Load()%250))
		conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: source}}).DialContext(ctx, "tcp", addr)
		return countedConn{conn, &bytes}, err
	}
	message := make([]byte, 100)
	cpu := cpuTime(b)
	for b.Loop() {
		stream, err := dialer.Dial(b.Context(), server.Addr().String(), a.Origin(), "echo")
		if err != nil {
			b.Fatal(err)
		}
		if err := stream.Send(message); err != nil {
			b.Fatal(err)
		}
		stream.CloseWrite()
		if _, err := stream.Receive(); err != nil {
			b.Fatal(err, server.Stats())
		}
		stream.Close()
	}
	b.ReportMetric(float64(bytes.Load())/float64(b.N), "wire-B/op")
	b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/float64(b.N), "cpu-µs/op")
}

// One open stream, 64 KiB there and back.
func BenchmarkMessages(b *testing.B) {
	a := mustIdentity(b)
	server := serve(b, Config{Identity: a, Trust: only(a)}, pace{time.Minute, time.Minute, time.Hour, time.Second})
	dialer := mustDialer(b, a)
	dialer.pace.stream = time.Hour
	message := make([]byte, 64<<10)
	b.SetBytes(2 * int64(len(message)))
	stream := mustDial(b, dialer, server, a, "echo")
	for b.Loop() {
		if stream.out.bytes > StreamBytesMax-2*len(message) {
			stream.Close()
			stream = mustDial(b, dialer, server, a, "echo")
		}
		if err := stream.Send(message); err != nil {
			b.Fatal(err)
		}
		if _, err := stream.Receive(); err != nil {
			b.Fatal(err)
		}
	}
}

func cpuTime(tb testing.TB) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
