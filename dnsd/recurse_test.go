package dnsd

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// recursor is a real name server on loopback, UDP and TCP, that answers as f
// does; nil from f is silence. It counts questions.
func recursor(t *testing.T, f func(network string, req *dns.Msg) *dns.Msg) (addr string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	var pc net.PacketConn
	var ln net.Listener
	var err error
	for range portTries { // the port may be taken for TCP
		if pc, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if ln, err = net.Listen("tcp", pc.LocalAddr().String()); err == nil {
			break
		}
		pc.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait) // runs last
	for _, srv := range []*dns.Server{{PacketConn: pc, Net: "udp"}, {Listener: ln, Net: "tcp"}} {
		started := make(chan struct{})
		network := srv.Net
		srv.NotifyStartedFunc = func() { close(started) }
		srv.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, req *dns.Msg) {
			asked.Add(1)
			if m := f(network, req); m != nil {
				w.WriteMsg(m)
			}
		})
		wg.Go(func() { srv.ActivateAndServe() })
		<-started
		t.Cleanup(func() { srv.Shutdown() })
	}
	return pc.LocalAddr().String(), asked
}

func says(rcode int, records ...string) func(string, *dns.Msg) *dns.Msg {
	return func(_ string, req *dns.Msg) *dns.Msg {
		m := new(dns.Msg).SetRcode(req, rcode)
		for _, r := range records {
			rr, err := dns.NewRR(r)
			if err != nil {
				panic(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		return m
	}
}

func silent(string, *dns.Msg) *dns.Msg { return nil }

const (
	www  = "www.example.net. 60 IN A 192.0.2.1"
	evil = "www.example.net. 60 IN A 203.0.113.66"
)

func TestRecursion(t *testing.T) {
	full := func(n int) []string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf("www.example.net. 60 IN A 192.0.2.%d", i))
		}
		return out
	}
	cut := func(network string, req *dns.Msg) *dns.Msg {
		m := says(dns.RcodeSuccess, full(100)...)(network, req)
		if network == "udp" {
			m.Answer, m.Truncated = nil, true
		}
		return m
	}
	forged := func(network string, req *dns.Msg) *dns.Msg {
		m := says(dns.RcodeSuccess, evil)(network, req)
		m.Id++
		return m
	}
	other := func(network string, req *dns.Msg) *dns.Msg {
		m := says(dns.RcodeSuccess, evil)(network, req)
		m.Question[0].Name = "evil.example."
		return m
	}
	ok, servfail, refused := says(dns.RcodeSuccess, www), says(dns.RcodeServerFailure), says(dns.RcodeRefused)
	type upstream = func(string, *dns.Msg) *dns.Msg
	tests := []struct {
		rule      string
		recursors []upstream
		question  string
		want      string
	}{
		{"foreign name", []upstream{ok}, "www.example.net. A", "NOERROR ra|" + www},
		{"with EDNS", []upstream{ok}, "www.example.net. A edns", "NOERROR ra|" + www + "|" + opt},
		{"it does not exist", []upstream{says(dns.RcodeNameError)}, "www.example.net. A", "NXDOMAIN ra"},
		{"next on SERVFAIL", []upstream{servfail, ok}, "www.example.net. A", "NOERROR ra|" + www},
		{"next on REFUSED", []upstream{refused, ok}, "www.example.net. A", "NOERROR ra|" + www},
		{"next on silence", []upstream{silent, ok}, "www.example.net. A", "NOERROR ra|" + www},
		{"next on a forged answer", []upstream{forged, ok}, "www.example.net. A", "NOERROR ra|" + www},
		{"next on an answer to another question", []upstream{other, ok}, "www.example.net. A", "NOERROR ra|" + www},
		{"all fail", []upstream{servfail, servfail}, "www.example.net. A", "SERVFAIL ra"},
		{"all silent", []upstream{silent, silent}, "www.example.net. A", "SERVFAIL ra"},
		{"TCP on truncation, and cut for our client", []upstream{cut}, "www.example.net. A", "NOERROR tc ra"},
		{"unknown reverse name", []upstream{says(dns.RcodeSuccess, "9.0.0.10.in-addr.arpa. 5 IN PTR x.")}, "9.0.0.10.in-addr.arpa. PTR",
			"NOERROR ra|9.0.0.10.in-addr.arpa. 5 IN PTR x."},
		{"known reverse name: never", []upstream{servfail}, "1.0.0.10.in-addr.arpa. PTR", "NOERROR aa ra|1.0.0.10.in-addr.arpa. 30 IN PTR h1.fleet.example."},
		{"name in our zone: never", []upstream{ok}, "h9.node.yodel. A", "NXDOMAIN aa ra|" + yodelSOA},
		{"name in a host domain: never", []upstream{ok}, "h9.fleet.example. A", "NXDOMAIN aa ra|" + fleetSOA},
		{"not wanted", []upstream{ok}, "www.example.net. A norec", "REFUSED ra"},
		{"alias of ours", []upstream{ok}, "ext.service.yodel. A", "NOERROR aa ra|ext.service.yodel. 0 IN CNAME www.example.net.|" + www},
		{"alias of ours, nobody answers", []upstream{silent}, "ext.service.yodel. A", "SERVFAIL aa ra|ext.service.yodel. 0 IN CNAME www.example.net."},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			c := fleetConfig()
			c.RecursorTimeout = 250 * time.Millisecond
			for _, f := range tt.recursors {
				addr, _ := recursor(t, f)
				c.Recursors = append(c.Recursors, addr)
			}
			s := newServer(t, c, fleet()...)
			addr := listen(t, s)
			for _, network := range []string{"udp", "tcp"} {
				got := exchange(t, network, addr, query(t, tt.question))
				if got.Truncated {
					got.Answer = nil
				}
				if strings.HasPrefix(tt.rule, "TCP") && network == "tcp" {
					if len(got.Answer) != 100 {
						t.Errorf("%d answers over TCP", len(got.Answer))
					}
					continue
				}
				if text, want := zoneText(got), strings.ReplaceAll(tt.want, "|", "\n"); text != want {
					t.Errorf("%s got\n%s\nwant\n%s", network, text, want)
				}
			}
		})
	}
}

// A recursor that hangs costs one question its time, then it is asked last.
func TestHungRecursorIsPassedOver(t *testing.T) {
	dead, deadAsked := recursor(t, silent)
	good, _ := recursor(t, says(dns.RcodeSuccess, www))
	s := newServer(t, Config{Recursors: []string{dead, good}, RecursorTimeout: 200 * time.Millisecond})
	addr := listen(t, s)
	for range 5 {
		if got := exchange(t, "udp", addr, query(t, "www.example.net. A")); len(got.Answer) != 1 {
			t.Fatal(got)
		}
	}
	if n := deadAsked.Load(); n != 1 {
		t.Errorf("the dead one was asked %d times", n)
	}
	if got := s.Stats(); got.RecursorNo != 1 || got.Forwarded != 5 {
		t.Errorf("%+v", got)
	}
}

// While recursors hang, our own names answer at once, further foreign ones are
// told SERVFAIL at once, and everybody has an answer in the end.
func TestHungRecursorsHangNobody(t *testing.T) {
	dead, _ := recursor(t, silent)
	s := newServer(t, Config{Recursors: []string{dead}, RecursorTimeout: 700 * time.Millisecond}, spread(1)...)
	addr := listen(t, s)
	conn, err := net.Dial("udp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const n = asksMax + 100
	for i := range n {
		m := query(t, fmt.Sprintf("w%d.example.net. A", i))
		m.Id = uint16(i)
		conn.Write(pack(t, m))
		if i%20 == 0 {
			time.Sleep(time.Millisecond) // do not overrun the socket
		}
	}
	start := time.Now()
	if got := exchange(t, "udp", addr, query(t, "n000.node.yodel. A")); len(got.Answer) != 1 || time.Since(start) > 500*time.Millisecond {
		t.Errorf("own name took %s: %v", time.Since(start), got)
	}
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	seen := map[uint16]bool{}
	buf := make([]byte, 512)
	for len(seen) < n {
		k, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("%d of %d answered: %v", len(seen), n, err)
		}
		m := new(dns.Msg)
		if err := m.Unpack(buf[:k]); err != nil || m.Rcode != dns.RcodeServerFailure {
			t.Fatalf("%v %v", m, err)
		}
		seen[m.Id] = true
	}
	if got := s.Stats(); got.Overloads != n-asksMax {
		t.Errorf("%d overloads, want %d", got.Overloads, n-asksMax)
	}
}

// A resolver that sends foreign names back to us makes one loop, which ends.
func TestForwardingLoopEnds(t *testing.T) {
	var back atomic.Pointer[string]
	through, asked := recursor(t, func(_ string, req *dns.Msg) *dns.Msg {
		c := &dns.Client{Timeout: 2 * time.Second}
		m := req.Copy()
		m.Id = dns.Id()
		got, _, err := c.Exchange(m, *back.Load())
		if err != nil {
			return nil
		}
		got.Id = req.Id
		return got
	})
	s := newServer(t, Config{Recursors: []string{through}, RecursorTimeout: 300 * time.Millisecond})
	addr := listen(t, s)
	text := addr.String()
	back.Store(&text)
	start := time.Now()
	got := exchange(t, "udp", addr, query(t, "www.example.net. A"))
	if got.Rcode != dns.RcodeServerFailure || time.Since(start) > 10*time.Second {
		t.Errorf("%v after %s", got, time.Since(start))
	}
	if n := asked.Load(); n > 2 {
		t.Errorf("went round %d times", n)
	}
}

func TestNeverAsksItself(t *testing.T) {
	s := newServer(t, Config{})
	addr := listen(t, s)
	if err := s.SetConfig(Config{Recursors: []string{addr.String()}}); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if got := exchange(t, "udp", addr, query(t, "www.example.net. A")); got.Rcode != dns.RcodeServerFailure || time.Since(start) > 10*time.Second {
		t.Errorf("%v after %s", got, time.Since(start))
	}
	if !s.isOwn(addr) || s.isOwn(netip.AddrPortFrom(addr.Addr(), addr.Port()+1)) {
		t.Error("does not know its own address")
	}
}

// Equal questions at once are asked once, and each asker gets its own answer.
func TestEqualQuestionsAskedOnce(t *testing.T) {
	release := make(chan struct{})
	up, asked := recursor(t, func(network string, req *dns.Msg) *dns.Msg {
		<-release
		return says(dns.RcodeSuccess, www)(network, req)
	})
	s := newServer(t, Config{Recursors: []string{up}})
	addr := listen(t, s)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			name := "www.example.net. A"
			if i%2 == 1 {
				name = "WWW.Example.Net. A"
			}
			req := query(t, name)
			got := exchange(t, "udp", addr, req)
			if got.Rcode != 0 || got.Question[0].Name != req.Question[0].Name || len(got.Answer) != 1 {
				t.Error(got)
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for s.Stats().Shared < 19 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	close(release)
	wg.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// What a recursor says, whatever it is, reaches nobody broken.
func FuzzRecursorAnswer(f *testing.F) {
	req := new(dns.Msg).SetQuestion("www.example.net.", dns.TypeA)
	req.Id = 1
	f.Add(pack(f, says(dns.RcodeSuccess, www)("", req)))
	f.Add(pack(f, says(dns.RcodeServerFailure)("", req)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newServer(t, Config{Recursors: []string{"127.0.0.1:1"}})
		got := new(dns.Msg)
		if got.Unpack(b) != nil || !answers(got, req) {
			return
		}
		_, a := s.answer(pack(t, req), true, 0)
		reply := a.take(got)
		m := new(dns.Msg)
		if err := m.Unpack(reply); err != nil {
			t.Fatalf("unpack %x: %v", reply, err)
		}
		if m.Id != 1 || len(reply) > udpMin {
			t.Fatalf("id %d, %d octets", m.Id, len(reply))
		}
	})
}
