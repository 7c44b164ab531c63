package dnsd

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// spread is a service on n hosts.
func spread(n int) []Host {
	var out []Host
	for i := range n {
		out = append(out, Host{
			Name: fmt.Sprintf("n%03d", i), Datacenter: "dc1",
			Addrs:     []netip.Addr{netip.AddrFrom4([4]byte{10, 3, byte(i >> 8), byte(i)})},
			Instances: []Instance{{ID: "w", Service: "web", Port: 80}},
		})
	}
	return out
}

func TestHowManyAnswers(t *testing.T) {
	tests := []struct {
		rule      string
		instances int
		limit     int // a_record_limit
		question  string
		network   string
		answers   int // -1: as many as fit
		tc        bool
	}{
		{"UDP without EDNS has the default limit", 10, 0, "web.service.yodel. A", "udp", 3, false},
		{"SRV, too", 10, 0, "web.service.yodel. SRV", "udp", 3, false},
		{"a limit of our own", 10, 5, "web.service.yodel. A", "udp", 5, false},
		{"fewer than the limit", 2, 5, "web.service.yodel. A", "udp", 2, false},
		{"no limit", 20, -1, "web.service.yodel. A", "udp", 20, false},
		{"no limit, 512 octets", 100, -1, "web.service.yodel. A", "udp", -1, true},
		{"EDNS has no limit", 10, 0, "web.service.yodel. A edns", "udp", 10, false},
		{"EDNS, what the client takes", 100, 0, "web.service.yodel. A edns=600", "udp", -1, true},
		{"EDNS, what passes unfragmented", 300, 0, "web.service.yodel. A edns=65535", "udp", -1, true},
		{"EDNS below 512 means 512", 25, 0, "web.service.yodel. A edns=1", "udp", 25, false},
		{"TCP has all", 300, 0, "web.service.yodel. A", "tcp", 300, false},
		{"SRV over TCP has all", 300, 0, "web.service.yodel. SRV edns", "tcp", 300, false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			s := newServer(t, Config{Datacenter: "dc1", ARecordLimit: tt.limit}, spread(tt.instances)...)
			got := exchange(t, tt.network, listen(t, s), query(t, tt.question))
			if tt.answers >= 0 && len(got.Answer) != tt.answers || tt.answers < 0 && (len(got.Answer) == 0 || len(got.Answer) >= tt.instances) {
				t.Errorf("%d answers, want %d", len(got.Answer), tt.answers)
			}
			if got.Truncated != tt.tc {
				t.Errorf("TC is %t", got.Truncated)
			}
			if tt.network == "udp" {
				got.Compress = true
				most := udpMin
				if opt := query(t, tt.question).IsEdns0(); opt != nil {
					most = min(max(int(opt.UDPSize()), udpMin), udpMax)
				}
				if got.Len() > most {
					t.Errorf("%d octets, client takes %d", got.Len(), most)
				}
			}
		})
	}
}

// Additional records make way before answers do, and that is no truncation.
func TestCourtesyMakesWay(t *testing.T) {
	s := newServer(t, Config{Datacenter: "dc1"}, spread(24)...)
	got := exchange(t, "udp", listen(t, s), query(t, "web.service.yodel. SRV edns"))
	if len(got.Answer) != 24 || len(got.Extra) >= 24 || got.Truncated {
		t.Errorf("%d answers, %d additional, TC %t", len(got.Answer), len(got.Extra), got.Truncated)
	}
}

// Every instance comes first sometimes, and each set of three is used.
func TestAnswersSpread(t *testing.T) {
	s := newServer(t, Config{Datacenter: "dc1"}, spread(10)...)
	addr := listen(t, s)
	for _, q := range []string{"web.service.yodel. A", "web.service.yodel. SRV edns"} {
		firsts := map[string]bool{}
		for range 300 {
			firsts[exchange(t, "udp", addr, query(t, q)).Answer[0].String()] = true
		}
		if len(firsts) != 10 {
			t.Errorf("%s: %d of 10 instances ever came first", q, len(firsts))
		}
	}
}

func TestOneAddressOnce(t *testing.T) {
	h := spread(1)[0]
	h.Instances = []Instance{{ID: "1", Service: "web", Port: 80}, {ID: "2", Service: "web", Port: 81}, {ID: "3", Service: "web", Port: 81}}
	s := newServer(t, Config{Datacenter: "dc1"}, h)
	addr := listen(t, s)
	if got := exchange(t, "udp", addr, query(t, "web.service.yodel. A")); len(got.Answer) != 1 {
		t.Errorf("A: %v", got.Answer)
	}
	got := exchange(t, "udp", addr, query(t, "web.service.yodel. SRV"))
	if len(got.Answer) != 2 || len(got.Extra) != 1 {
		t.Errorf("SRV: %v, additional %v", got.Answer, got.Extra)
	}
}

// A change is in the next answer.
func TestChanges(t *testing.T) {
	h := spread(1)[0]
	h.FQDN = "n000.fleet.example"
	s := newServer(t, Config{Datacenter: "dc1", HostDomains: []string{"fleet.example"}}, h)
	addr := listen(t, s)
	expect := func(when, question, want string) {
		t.Helper()
		text := zoneText(exchange(t, "udp", addr, query(t, question)))
		if want = strings.ReplaceAll(want, "|", "\n"); text != want {
			t.Errorf("%s: %s\n got %s\nwant %s", when, question, text, want)
		}
	}
	const up = "NOERROR aa|web.service.yodel. 0 IN A 10.3.0.0"
	const gone = "NXDOMAIN aa|" + yodelSOA
	expect("at first", "web.service.yodel. A", up)

	set := func(health Health) {
		h.Instances = slices.Clone(h.Instances)
		h.Instances[0].Health = health
		s.Put(h)
	}
	set(Critical)
	expect("critical", "web.service.yodel. A", gone)
	expect("critical", "_web._tcp.service.yodel. SRV", gone)
	expect("critical", "_tcp.service.yodel. A", gone)
	set(Warning)
	expect("warning", "web.service.yodel. A", up)

	c := s.live.Load().Config
	c.OnlyPassing, c.NodeTTL = true, time.Minute
	if err := s.SetConfig(c); err != nil {
		t.Fatal(err)
	}
	expect("warning, only_passing", "web.service.yodel. A", gone)
	expect("TTL reloaded", "n000.node.yodel. A", "NOERROR aa|n000.node.yodel. 60 IN A 10.3.0.0")
	set(Passing)
	expect("passing again", "web.service.yodel. A", up)

	h.Down = true
	s.Put(h)
	expect("failed", "web.service.yodel. A", gone)
	expect("failed", "n000.node.yodel. A", "NOERROR aa|n000.node.yodel. 60 IN A 10.3.0.0")
	expect("failed", "0.0.3.10.in-addr.arpa. PTR", "NOERROR aa|0.0.3.10.in-addr.arpa. 60 IN PTR n000.fleet.example.")
	h.Down = false
	h.Addrs = []netip.Addr{netip.MustParseAddr("10.3.9.9")}
	s.Put(h)
	expect("new address", "n000.node.yodel. A", "NOERROR aa|n000.node.yodel. 60 IN A 10.3.9.9")
	expect("new address", "web.service.yodel. A", "NOERROR aa|web.service.yodel. 0 IN A 10.3.9.9")
	expect("old address", "0.0.3.10.in-addr.arpa. PTR", "REFUSED")

	s.Remove("n000")
	expect("removed", "n000.node.yodel. A", gone)
	expect("removed", "n000.fleet.example. A", "NXDOMAIN aa|"+fleetSOA)
	expect("removed", "web.service.yodel. A", gone)
	expect("removed", "9.9.3.10.in-addr.arpa. PTR", "REFUSED")
	expect("removed", "dc1.yodel. A", gone)
	expect("removed", "node.yodel. A", "NOERROR aa|"+yodelSOA)
}

// The caller may go on using what it has put.
func TestPutKeepsNothing(t *testing.T) {
	h := spread(1)[0]
	h.Instances[0].Tags = []string{"blue"}
	s := newServer(t, Config{Datacenter: "dc1"}, h)
	h.Instances[0].Health = Critical
	h.Instances[0].Tags[0] = "red"
	h.Addrs[0] = netip.MustParseAddr("10.9.9.9")
	s.Put(spread(2)[1])
	pkt := pack(t, query(t, "blue.web.service.yodel. A"))
	reply, _ := both(s, pkt, 0)
	if got := readAnswer(t, reply); !strings.Contains(got, "10.3.0.0") {
		t.Error(got)
	}
	s.Put(h) // and the change is seen as one
	reply, _ = both(s, pkt, 0)
	if reply[3]&0xF != dns.RcodeNameError {
		t.Error(readAnswer(t, reply))
	}
}

func TestConflicts(t *testing.T) {
	addr := func(s string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(s)} }
	a := Host{Name: "a", Datacenter: "dc1", FQDN: "x.fleet.example", Addrs: addr("10.0.0.1")}
	b := Host{Name: "b", Datacenter: "dc1", FQDN: "X.fleet.example.", Addrs: addr("10.0.0.2")}
	c := Host{Name: "c", Datacenter: "dc1", Addrs: addr("10.0.0.1")}
	s := newServer(t, fleetConfig())
	ask := func(q string) string {
		reply, _ := both(s, pack(t, query(t, q)), 0)
		m := new(dns.Msg)
		if err := m.Unpack(reply); err != nil || len(m.Answer) != 1 {
			t.Fatalf("%s: %v %v", q, m, err)
		}
		return strings.Fields(m.Answer[0].String())[4]
	}
	check := func(when, fqdn, ptr1, ptr2 string, conflicts ...Conflict) {
		t.Helper()
		if got := ask("x.fleet.example. A"); got != fqdn {
			t.Errorf("%s: A %s, want %s", when, got, fqdn)
		}
		if got := ask("1.0.0.10.in-addr.arpa. PTR"); got != ptr1 {
			t.Errorf("%s: PTR %s, want %s", when, got, ptr1)
		}
		if got := ask("2.0.0.10.in-addr.arpa. PTR"); got != ptr2 {
			t.Errorf("%s: PTR %s, want %s", when, got, ptr2)
		}
		if got := s.Conflicts(); fmt.Sprint(got) != fmt.Sprint(conflicts) {
			t.Errorf("%s: conflicts %v, want %v", when, got, conflicts)
		}
	}
	// The loser of a name has its node name in the PTR: that one resolves back.
	s.Put(c, b, a)
	check("all live", "10.0.0.1", "x.fleet.example.", "b.node.dc1.yodel.",
		Conflict{"address 10.0.0.1", "a", []string{"c"}}, Conflict{"name x.fleet.example.", "a", []string{"b"}})
	a.Down = true
	s.Put(a)
	check("a failed", "10.0.0.2", "c.node.dc1.yodel.", "x.fleet.example.",
		Conflict{"address 10.0.0.1", "c", []string{"a"}}, Conflict{"name x.fleet.example.", "b", []string{"a"}})
	s.Remove("a")
	check("a gone", "10.0.0.2", "c.node.dc1.yodel.", "x.fleet.example.")
}

// Every PTR resolves forward to the address it is of, whatever hosts claim.
func TestReverseMatchesForward(t *testing.T) {
	for seed := range uint64(100) {
		r := newRand(seed)
		s := newServer(t, randomConfig(r))
		for range 15 {
			s.Put(randomHost(r))
		}
		for a := range s.book.addrs {
			if len(s.book.addrs[a]) == 0 {
				continue
			}
			name := answerOf(t, s, text(reverseKey(a)), dns.TypePTR)
			if len(name) != 1 {
				t.Fatalf("seed %d: %d PTR of %s", seed, len(name), a)
			}
			target := name[0].(*dns.PTR).Ptr
			if target != strings.ToLower(target) {
				t.Errorf("seed %d: PTR %s is not lower case", seed, target)
			}
			qtype := dns.TypeA
			if a.Is6() {
				qtype = dns.TypeAAAA
			}
			if got := answerOf(t, s, target, qtype); len(got) != 1 || !strings.HasSuffix(got[0].String(), "\t"+a.String()) {
				t.Errorf("seed %d: PTR of %s is %s, which is %v", seed, a, target, got)
			}
		}
	}
}

func answerOf(t *testing.T, s *Server, name string, qtype uint16) []dns.RR {
	t.Helper()
	reply, _ := both(s, pack(t, new(dns.Msg).SetQuestion(name, qtype)), 0)
	m := new(dns.Msg)
	if err := m.Unpack(reply); err != nil {
		t.Fatal(err)
	}
	return m.Answer
}

func TestAltDomain(t *testing.T) {
	c := fleetConfig()
	c.Domain, c.AltDomains = "mesh.example.", []string{"consul"}
	s := newServer(t, c, fleet()...)
	for q, want := range map[string]string{
		"h1.node.consul. A":           "NOERROR aa|h1.node.consul. 30 IN A 10.0.0.1",
		"h1.node.dc1.mesh.example. A": "NOERROR aa|h1.node.dc1.mesh.example. 30 IN A 10.0.0.1",
		"db.service.consul. SRV":      "NOERROR aa|db.service.consul. 5 IN SRV 1 7 5432 0a090909.addr.dc1.consul.|add: 0a090909.addr.dc1.consul. 5 IN A 10.9.9.9",
		"1.1.0.10.in-addr.arpa. PTR":  "NOERROR aa|1.1.0.10.in-addr.arpa. 30 IN PTR dot.ted.name.node.dc2.mesh.example.",
		"h9.node.consul. A":           "NXDOMAIN aa|auth: consul. 0 IN SOA ns.consul. hostmaster.consul. 1 3600 600 86400 0",
		"h1.node.yodel. A":            "REFUSED",
	} {
		reply, _ := both(s, pack(t, query(t, q)), 0)
		m := new(dns.Msg)
		if err := m.Unpack(reply); err != nil {
			t.Fatal(err)
		}
		if got := zoneText(m); got != strings.ReplaceAll(want, "|", "\n") {
			t.Errorf("%s\n got %s\nwant %s", q, got, want)
		}
	}
}

func TestLookup(t *testing.T) {
	hosts := spread(3)
	hosts[1].Down = true
	hosts[2].Instances[0].Address = "10.9.9.9"
	s := newServer(t, Config{Datacenter: "dc1"}, hosts...)
	got, err := s.Lookup("web", "dc1")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, netip.AddrPort.Compare)
	want := []netip.AddrPort{netip.MustParseAddrPort("10.3.0.0:80"), netip.MustParseAddrPort("10.9.9.9:80")}
	if !slices.Equal(got, want) {
		t.Errorf("web is at %v, want %v", got, want)
	}
	if got, err := s.Lookup("nothing", "dc1"); err != nil || got != nil {
		t.Errorf("nothing is at %v, %v", got, err)
	}
	if _, err := s.Lookup(strings.Repeat("x", 64), "dc1"); err == nil {
		t.Error("a label of 64 octets is looked up")
	}
}
