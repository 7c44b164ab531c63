package dnsd

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// randomHost draws from few names, so that conflicts and shared services are
// the rule.
func randomHost(r *rand.Rand) Host {
	pickOne := func(s ...string) string { return s[r.IntN(len(s))] }
	h := Host{
		Name:       pickOne("a", "A", "b", "c.d", "d", "e.c.d", "service", "node.x"),
		Datacenter: pickOne("dc1", "dc2", "DC1", ""),
		FQDN:       pickOne("", "a.fleet.example", "B.fleet.example", "x.y.fleet.example", "y.fleet.example", "fleet.example", "a.elsewhere", "a..b"),
		Down:       r.IntN(5) == 0,
	}
	for range r.IntN(4) {
		h.Addrs = append(h.Addrs, netip.MustParseAddr(pickOne("10.0.0.1", "10.0.0.2", "10.0.0.3", "::ffff:10.0.0.4", "fd00::1", "fd00::2", "192.168.7.3")))
	}
	if r.IntN(3) == 0 {
		h.Meta = map[string]string{"rack": pickOne("r1", "r2"), "k=": strings.Repeat("x", r.IntN(300))}
	}
	for i := range r.IntN(5) {
		in := Instance{
			ID: fmt.Sprint(i), Service: pickOne("web", "Web", "db", "a.b", "big"), Port: uint16(r.IntN(4)), Weight: uint16(r.IntN(3)),
			Health:  Health(r.IntN(3)),
			Address: pickOne("", "", "", "10.1.1.1", "10.0.0.1", "fd00::9", "www.example.net", "a.fleet.example", "a.node.yodel", "web.service.yodel", "a..b"),
		}
		for range r.IntN(3) {
			in.Tags = append(in.Tags, pickOne("blue", "Blue", "v1.2", "tcp", "web.service", strings.Repeat("t", 64)))
		}
		h.Instances = append(h.Instances, in)
	}
	return h
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 3)) }

func randomConfig(r *rand.Rand) Config {
	c := fleetConfig()
	c.OnlyPassing = r.IntN(3) == 0
	c.ARecordLimit = r.IntN(4) - 1
	if r.IntN(2) == 0 {
		c.AltDomains = []string{"consul."}
	}
	if r.IntN(4) == 0 {
		c.Datacenter = ""
	}
	if r.IntN(4) == 0 {
		c.HostDomains = append(c.HostDomains, "y.fleet.example", "node.yodel", "yodel")
	}
	return c
}

// dump is what a view means, whatever order lots were drawn in.
func dump(s *Server) map[string]string {
	out := map[string]string{}
	for key, e := range s.view.all() {
		var lines []string
		for _, t := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypePTR, dns.TypeSRV, dns.TypeTXT} {
			answer, extra := e.records("o.", t, 0, -1)
			for _, rr := range append(answer, extra...) {
				lines = append(lines, rr.String())
			}
		}
		slices.Sort(lines)
		alias := slices.Sorted(slices.Values(e.alias))
		out[text(key)] = fmt.Sprint(e.zone.name, alias, lines)
	}
	return out
}

// Whatever the history of puts and removes, the view is that of a server that
// was told the outcome at once.
func TestViewForgetsHistory(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		c := randomConfig(r)
		s := newServer(t, c)
		hosts := map[string]Host{}
		for range r.IntN(30) {
			h := randomHost(r)
			if r.IntN(4) == 0 {
				s.Remove(h.Name)
				delete(hosts, h.Name)
				continue
			}
			s.Put(h)
			hosts[h.Name] = h
		}
		if r.IntN(3) == 0 {
			c.OnlyPassing = !c.OnlyPassing
			if err := s.SetConfig(c); err != nil {
				t.Fatal(err)
			}
		}
		fresh := newServer(t, c)
		var all []Host
		for _, h := range hosts {
			all = append(all, h)
		}
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		fresh.Put(all...)
		got, want := dump(s), dump(fresh)
		for name := range got {
			if got[name] != want[name] {
				t.Fatalf("seed %d: %s\n got %q\nwant %q", seed, name, got[name], want[name])
			}
		}
		for name := range want {
			if _, ok := got[name]; !ok {
				t.Fatalf("seed %d: %s missing", seed, name)
			}
		}
		if a, b := s.Conflicts(), fresh.Conflicts(); !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d: conflicts %v, want %v", seed, a, b)
		}
	}
}

// The quick path says what the other one says, record for record.
func TestQuickMeansTheSame(t *testing.T) {
	types := []string{"A", "A", "AAAA", "SRV", "TXT", "PTR", "MX", "HTTPS", "ANY", "SOA", "NS", "CNAME"}
	flags := []string{"", "", " edns", " edns=512", " edns=100", " edns=65535", " do", " cd", " norec", " cd do norec"}
	quick, total := 0, 0
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := newServer(t, randomConfig(r))
		for range 20 {
			s.Put(randomHost(r))
		}
		var names []string
		for name := range dump(s) {
			names = append(names, name, "x."+name)
			if labels := dns.SplitDomainName(name); len(labels) > 1 {
				names = append(names, dns.Fqdn(strings.Join(labels[1:], ".")), dns.Fqdn(labels[0]+".dc1.dc.yodel"), dns.Fqdn(labels[0]+".addr.dc1.yodel"))
			}
		}
		slices.Sort(names)
		for range 500 {
			name := names[r.IntN(len(names))]
			if len(name) > 250 {
				continue
			}
			req := query(t, name+" "+types[r.IntN(len(types))]+flags[r.IntN(len(flags))])
			pkt, turn := pack(t, req), r.Uint32()>>8
			got, ok := both(s, pkt, turn)
			want, ask := s.answer(pkt, true, turn)
			if ask != nil {
				t.Fatal("asked others without having any")
			}
			total++
			if !ok {
				continue
			}
			quick++
			if g, w := readAnswer(t, got), readAnswer(t, want); g != w {
				t.Fatalf("seed %d %v: quick says\n%s\nthe other path\n%s", seed, req.Question[0], g, w)
			}
		}
	}
	if quick*3 < total { // a third of the types is for the other path
		t.Errorf("only %d of %d questions took the quick path", quick, total)
	}
}

// readAnswer keeps the order of records: both paths start at the same turn.
func readAnswer(t *testing.T, b []byte) string {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		t.Fatalf("unpack %x: %v", b, err)
	}
	return m.String()
}

func TestQuickAllocatesNothing(t *testing.T) {
	s := newServer(t, fleetConfig(), fleet()...)
	for _, c := range []string{
		"h1.node.yodel. A", "h1.node.yodel. A edns", "H1.fleet.example. AAAA edns", "web.service.yodel. A", "web.service.yodel. SRV edns",
		"1.0.0.10.in-addr.arpa. PTR edns", "h9.node.yodel. A edns", "h2.node.yodel. AAAA edns", "www.example.net. A edns", "h1.node.yodel. TXT",
	} {
		pkt, out, q := pack(t, query(t, c)), make([]byte, udpMax), &question{}
		n := 0
		if allocs := testing.AllocsPerRun(100, func() { n = s.quick(q, pkt, out, 7) }); allocs != 0 || n == 0 {
			t.Errorf("%s: %v allocations, %d octets", c, allocs, n)
		}
	}
}

func BenchmarkQuick(b *testing.B) {
	s := newServer(b, fleetConfig(), fleet()...)
	for _, c := range []string{"h1.node.yodel. A edns", "web.service.yodel. A edns", "1.0.0.10.in-addr.arpa. PTR edns", "h9.node.yodel. A edns"} {
		pkt, out, q := pack(b, query(b, c)), make([]byte, udpMax), &question{}
		b.Run(strings.ReplaceAll(c, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.quick(q, pkt, out, 7)
			}
		})
	}
}

// BenchmarkPut is one change of health among 1,000 hosts, 300 of which have
// the service.
func BenchmarkPut(b *testing.B) {
	s := newServer(b, fleetConfig())
	var hosts []Host
	for i := range 1000 {
		h := Host{Name: fmt.Sprintf("h%d", i), Datacenter: "dc1", Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})}}
		if i < 300 {
			h.Instances = []Instance{{ID: "w", Service: "web", Tags: []string{"t"}, Port: 80}}
		}
		hosts = append(hosts, h)
	}
	s.Put(hosts...)
	i := 0
	for b.Loop() {
		h := hosts[i%300]
		h.Instances = slices.Clone(h.Instances)
		h.Instances[0].Health = Health(i / 300 % 2 * 2)
		s.Put(h)
		i++
	}
}
