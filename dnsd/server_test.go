package dnsd

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestBadConfig(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Config
		want []string
	}{
		{"domain", Config{Domain: "a..b"}, []string{`domain "a..b": not a domain name below the root`}},
		{"root", Config{Domain: "."}, []string{`domain ".": not a domain name below the root`}},
		{"all at once", Config{HostDomains: []string{"."}, Recursors: []string{"localhost", "1.2.3.4:x"}}, []string{
			`host_domains ".": not a domain name below the root`,
			`recursor "localhost": not an IP address or IP:port`, `recursor "1.2.3.4:x": not an IP address or IP:port`,
		}},
		{"too many recursors", Config{Recursors: strings.Fields(strings.Repeat("::1 ", 9))}, []string{"recursors: 9, limit 8"}},
	} {
		_, err := New(tt.c)
		for _, want := range tt.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %s", tt.name, err, want)
			}
		}
	}
}

func TestSetConfigKeepsIdentity(t *testing.T) {
	s := newServer(t, Config{})
	err := s.SetConfig(Config{Domain: "other.", HostDomains: []string{"x."}, Datacenter: "dc9"})
	for _, want := range []string{"domain:", "host_domains:", "datacenter:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := s.SetConfig(Config{Domain: "Yodel", NodeTTL: time.Second}); err != nil {
		t.Error(err)
	}
}

func TestPortInUse(t *testing.T) {
	one := newServer(t, Config{})
	addr := listen(t, one)
	two := newServer(t, Config{})
	if err := two.Listen(addr.String()); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("second server: %v", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if err := two.Listen(ln.Addr().String()); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("TCP port taken: %v", err)
	}
	if err := two.Listen("192.0.2.1:0"); err == nil {
		t.Error("listens on an address that is not ours")
	}
	if err := two.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// The answer comes from the address that was asked, also where several lead
// here.
func TestWildcardAddress(t *testing.T) {
	for _, listenOn := range []string{"0.0.0.0:0", ":0", "[::]:0"} {
		t.Run(listenOn, func(t *testing.T) {
			s := newServer(t, fleetConfig(), fleet()...)
			if err := s.Listen(listenOn); err != nil {
				if strings.HasPrefix(listenOn, "[") {
					needIPv6(t, err)
				}
				t.Fatal(err)
			}
			defer s.Close(context.Background())
			for _, ip := range []string{"127.0.0.1", "127.0.0.77"} {
				addr := netip.AddrPortFrom(netip.MustParseAddr(ip), s.Addrs()[0].Port())
				// a connected socket takes answers from that address only
				if got := exchange(t, "udp", addr, query(t, "h1.node.yodel. A")); len(got.Answer) != 1 {
					t.Errorf("%s: %v", ip, got)
				}
			}
			if err := s.Healthy(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestIPv6Socket(t *testing.T) {
	s := newServer(t, fleetConfig(), fleet()...)
	if err := s.Listen("[::1]:0"); err != nil {
		needIPv6(t, err)
	}
	defer s.Close(context.Background())
	for _, network := range []string{"udp", "tcp"} {
		if got := exchange(t, network, s.Addrs()[0], query(t, "h1.node.yodel. A")); len(got.Answer) != 1 {
			t.Errorf("%s: %v", network, got)
		}
	}
}

func TestHealthy(t *testing.T) {
	s := newServer(t, Config{})
	if err := s.Healthy(t.Context()); err == nil {
		t.Error("healthy without listening")
	}
	listen(t, s)
	if err := s.Healthy(t.Context()); err != nil {
		t.Error(err)
	}
	s.Close(t.Context())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Healthy(ctx); err == nil {
		t.Error("healthy after Close")
	}
}

// Close ends idle sockets, open connections and questions on their way to a
// silent recursor, soon.
func TestCloseIsPrompt(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s := newServer(t, Config{Recursors: []string{silent.LocalAddr().String()}, RecursorTimeout: time.Minute})
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	addr := s.Addrs()[0].String()
	tcp, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	udp.Write(pack(t, query(t, "www.example.net. A")))
	silent.ReadFrom(make([]byte, 512)) // it is on its way now
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %s", d)
	}
	if err := s.Listen("127.0.0.1:0"); err == nil {
		t.Error("listens after Close")
	}
	if ln, err := net.ListenPacket("udp", addr); err != nil {
		t.Errorf("port still taken: %v", err)
	} else {
		ln.Close()
	}
}

// Readers and writers at once: for the race detector, and every answer whole.
func TestAnswersWhileChanging(t *testing.T) {
	hosts := spread(20)
	s := newServer(t, Config{Datacenter: "dc1"}, hosts...)
	addr := listen(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			h := hosts[1+i%19]
			h.Meta = map[string]string{"i": fmt.Sprint(i)}
			h.Instances = []Instance{{ID: "w", Service: "web", Port: 80, Health: Health(i % 3)}}
			s.Put(h)
			if i%50 == 0 {
				s.Remove(h.Name)
			}
			if i%100 == 0 {
				if err := s.SetConfig(Config{Datacenter: "dc1", NodeTTL: time.Duration(i) * time.Second}); err != nil {
					t.Error(err)
				}
			}
			s.Stats()
		}
	})
	for _, network := range []string{"udp", "tcp"} {
		wg.Go(func() {
			for ctx.Err() == nil {
				for _, q := range []string{"n000.node.yodel. A edns", "web.service.yodel. A edns", "web.service.yodel. SRV edns"} {
					if got := exchange(t, network, addr, query(t, q)); len(got.Answer) == 0 {
						t.Errorf("%s %s: %v", network, q, got)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestStats(t *testing.T) {
	s := newServer(t, fleetConfig(), fleet()...)
	addr := listen(t, s)
	for _, q := range []string{"h1.node.yodel. A", "h1.node.yodel. A edns", "h9.node.yodel. A", "h1.node.yodel. ANY", "x. TXT CH", "h1.node.yodel. A version=1"} {
		exchange(t, "udp", addr, query(t, q))
	}
	exchange(t, "tcp", addr, query(t, "yodel. SOA"))
	conn, err := net.Dial("udp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte("short"))
	exchange(t, "udp", addr, query(t, "h1.node.yodel. AAAA"))
	deadline := time.Now().Add(5 * time.Second)
	for s.Stats().Ignored == 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	got := s.Stats()
	want := "[{A BADVERS 1} {A NOERROR 2} {A NXDOMAIN 1} {AAAA NOERROR 1} {TXT REFUSED 1} {SOA NOERROR 1} {ANY NOERROR 1}]"
	byType := map[AnswerCount]bool{}
	for _, c := range got.Answers {
		byType[c] = true
	}
	for _, c := range []AnswerCount{{"A", "BADVERS", 1}, {"A", "NOERROR", 2}, {"A", "NXDOMAIN", 1}, {"AAAA", "NOERROR", 1}, {"TXT", "REFUSED", 1}, {"SOA", "NOERROR", 1}, {"ANY", "NOERROR", 1}} {
		if !byType[c] {
			t.Errorf("%v missing: got %v, want %s", c, got.Answers, want)
		}
	}
	if got.Ignored != 1 || got.TCP != 1 || got.Names == 0 || len(got.Latency.Counts) != len(got.Latency.Bounds)+1 || got.Latency.Sum == 0 {
		t.Errorf("%+v", got)
	}
	var n uint64
	for _, c := range got.Latency.Counts {
		n += c
	}
	if n != 9 {
		t.Errorf("%d latencies, want 9", n)
	}
}

// Several questions on one connection, and a zone transfer refused in words.
func TestTCPConversation(t *testing.T) {
	s := newServer(t, fleetConfig(), fleet()...)
	raw, err := net.Dial("tcp", listen(t, s).String())
	if err != nil {
		t.Fatal(err)
	}
	conn := &dns.Conn{Conn: raw}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	for _, tt := range []struct {
		q     string
		rcode int
	}{{"h1.node.yodel. A", dns.RcodeSuccess}, {"yodel. AXFR", dns.RcodeNotImplemented}, {"h9.node.yodel. A edns", dns.RcodeNameError}} {
		if err := conn.WriteMsg(query(t, tt.q)); err != nil {
			t.Fatal(err)
		}
		got, err := conn.ReadMsg()
		if err != nil || got.Rcode != tt.rcode {
			t.Fatalf("%s: %v %v", tt.q, got, err)
		}
	}
}

// needIPv6 skips a test where the machine has no IPv6, and fails it in CI.
func needIPv6(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal("needs IPv6: ", err)
	}
	t.Skip("no IPv6 here: ", err)
}
