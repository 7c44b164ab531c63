package dnsd

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// fleet is the data of the tables: dotted and mixed-case names, two data
// centres, one family or two, services in every state.
func fleet() []Host {
	addrs := func(ss ...string) (out []netip.Addr) {
		for _, s := range ss {
			out = append(out, netip.MustParseAddr(s))
		}
		return out
	}
	return []Host{
		{Name: "H1", Datacenter: "DC1", FQDN: "H1.Fleet.Example.", Addrs: addrs("10.0.0.1", "fd00::1", "192.168.7.1"),
			Meta: map[string]string{"rack": "r1", "rfc1035-note": "v=spf1 -all", "a=b": "c"},
			Instances: []Instance{
				{ID: "web1", Service: "Web", Tags: []string{"Blue", "v1.2"}, Port: 80},
				{ID: "db1", Service: "db", Address: "10.9.9.9", Port: 5432, Weight: 7},
				{ID: "sick1", Service: "sick", Port: 1, Health: Critical},
				{ID: "soso1", Service: "soso", Port: 2, Health: Warning},
				{ID: "ext1", Service: "ext", Address: "www.example.net", Port: 443},
				{ID: "int1", Service: "int", Address: "h2.fleet.example", Port: 443},
			}},
		{Name: "h2", Datacenter: "dc1", FQDN: "h2.fleet.example", Addrs: addrs("10.0.0.2"),
			Instances: []Instance{{ID: "web2", Service: "web", Tags: []string{"green"}, Port: 80, Health: Critical}}},
		{Name: "dot.ted.name", Datacenter: "dc2", FQDN: "outside.example.org", Addrs: addrs("10.0.1.1"),
			Instances: []Instance{{ID: "far", Service: "far", Port: 9}}},
		{Name: "gone", Datacenter: "dc1", FQDN: "gone.rack.fleet.example", Addrs: addrs("10.0.0.4"), Down: true,
			Instances: []Instance{{ID: "web4", Service: "web", Port: 80}, {ID: "only4", Service: "only", Port: 80}}},
	}
}

func fleetConfig() Config {
	return Config{
		Datacenter:  "dc1",
		HostDomains: []string{"fleet.example", "7.168.192.in-addr.arpa"},
		NameServer:  []netip.Addr{netip.MustParseAddr("10.0.0.1")},
		ServiceTTLs: map[string]time.Duration{"d*": 5 * time.Second},
		NodeTTL:     30 * time.Second,
	}
}

func newServer(t testing.TB, c Config, hosts ...Host) *Server {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.Put(hosts...)
	return s
}

func listen(t testing.TB, s *Server) netip.AddrPort {
	t.Helper()
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s.Addrs()[0]
}

// query reads "NAME TYPE [CLASS] [edns[=SIZE]] [do] [norec] [version=1] [opcode=N]".
func query(t testing.TB, text string) *dns.Msg {
	t.Helper()
	f := strings.Fields(text)
	m := new(dns.Msg)
	qtype, ok := dns.StringToType[f[1]]
	if !ok {
		t.Fatalf("no type %s", f[1])
	}
	m.SetQuestion(f[0], qtype)
	edns := func() *dns.OPT {
		if m.IsEdns0() == nil {
			m.SetEdns0(1232, false)
		}
		return m.IsEdns0()
	}
	for _, word := range f[2:] {
		name, value, _ := strings.Cut(word, "=")
		var n int
		fmt.Sscan(value, &n)
		switch name {
		case "edns":
			if edns(); value != "" {
				edns().SetUDPSize(uint16(n))
			}
		case "do":
			edns().SetDo()
		case "version":
			edns().SetVersion(uint8(n))
		case "norec":
			m.RecursionDesired = false
		case "cd":
			m.CheckingDisabled = true
		case "opcode":
			m.Opcode = n
		default:
			m.Question[0].Qclass = dns.StringToClass[word]
		}
	}
	return m
}

// zoneText writes an answer as the tables have it: rcode and flags, then the
// records, those of the other sections marked, each section in order.
func zoneText(m *dns.Msg) string {
	head := rcodeName(m.Rcode)
	for _, f := range []struct {
		on   bool
		name string
	}{{m.Authoritative, "aa"}, {m.Truncated, "tc"}, {m.RecursionAvailable, "ra"}, {m.CheckingDisabled, "cd"}} {
		if f.on {
			head += " " + f.name
		}
	}
	out := []string{head}
	section := func(mark string, rrs []dns.RR) {
		var lines []string
		for _, rr := range rrs {
			if opt, ok := rr.(*dns.OPT); ok {
				line := fmt.Sprintf("opt: size %d version %d", opt.UDPSize(), opt.Version())
				if opt.Do() {
					line += " do"
				}
				lines = append(lines, line)
				continue
			}
			if soa, ok := rr.(*dns.SOA); ok {
				soa.Serial = 1
			}
			lines = append(lines, mark+strings.ReplaceAll(rr.String(), "\t", " "))
		}
		slices.Sort(lines)
		out = append(out, lines...)
	}
	section("", m.Answer)
	section("auth: ", m.Ns)
	section("add: ", m.Extra)
	return strings.Join(out, "\n")
}

func exchange(t testing.TB, network string, addr netip.AddrPort, m *dns.Msg) *dns.Msg {
	t.Helper()
	c := &dns.Client{Net: network, Timeout: 5 * time.Second}
	got, _, err := c.Exchange(m.Copy(), addr.String())
	if err != nil {
		t.Fatalf("%s: %v", network, err)
	}
	return got
}

const (
	yodelSOA = "auth: yodel. 0 IN SOA ns.yodel. hostmaster.yodel. 1 3600 600 86400 0"
	fleetSOA = "auth: fleet.example. 0 IN SOA ns.fleet.example. hostmaster.fleet.example. 1 3600 600 86400 0"
	netSOA   = "auth: 7.168.192.in-addr.arpa. 0 IN SOA ns.7.168.192.in-addr.arpa. hostmaster.7.168.192.in-addr.arpa. 1 3600 600 86400 0"
	opt      = "opt: size 1232 version 0"
)

var answerTable = []struct{ rule, question, want string }{
	{"node", "h1.node.yodel. A", "NOERROR aa|h1.node.yodel. 30 IN A 10.0.0.1"},
	{"node, AAAA", "h1.node.yodel. AAAA", "NOERROR aa|h1.node.yodel. 30 IN AAAA fd00::1"},
	{"node in its data centre", "h1.node.dc1.yodel. A", "NOERROR aa|h1.node.dc1.yodel. 30 IN A 10.0.0.1"},
	{"node, long form of the data centre", "h1.node.dc1.dc.yodel. A", "NOERROR aa|h1.node.dc1.dc.yodel. 30 IN A 10.0.0.1"},
	{"no such data centre, long form", "h1.node.dc9.dc.yodel. A", "NXDOMAIN aa|" + yodelSOA},
	{"dc needs a data centre", "h1.node.dc.yodel. A", "NXDOMAIN aa|" + yodelSOA},
	{"node in the wrong data centre", "h1.node.dc2.yodel. A", "NXDOMAIN aa|" + yodelSOA},
	{"node of another data centre", "dot.ted.name.node.yodel. A", "NOERROR aa|dot.ted.name.node.yodel. 30 IN A 10.0.1.1"},
	{"dotted node name", "dot.ted.name.node.dc2.yodel. A", "NOERROR aa|dot.ted.name.node.dc2.yodel. 30 IN A 10.0.1.1"},
	{"part of a dotted name", "ted.name.node.dc2.yodel. A", "NOERROR aa|" + yodelSOA},
	{"below a node", "x.h1.node.yodel. A", "NXDOMAIN aa|" + yodelSOA},
	{"letter case", "H1.NoDe.YODEL. A", "NOERROR aa|H1.NoDe.YODEL. 30 IN A 10.0.0.1"},
	{"failed node keeps its name", "gone.node.yodel. A", "NOERROR aa|gone.node.yodel. 30 IN A 10.0.0.4"},
	{"no AAAA: NODATA", "h2.node.yodel. AAAA", "NOERROR aa|" + yodelSOA},
	{"other type: NODATA", "h2.node.yodel. MX", "NOERROR aa|" + yodelSOA},
	{"uncommon type: NODATA", "h2.node.yodel. SSHFP", "NOERROR aa|" + yodelSOA},
	{"unknown node", "h9.node.yodel. A", "NXDOMAIN aa|" + yodelSOA},
	{"unknown kind", "h1.nodes.yodel. A", "NXDOMAIN aa|" + yodelSOA},
	{"node meta", "h1.node.yodel. TXT", "NOERROR aa|" +
		`h1.node.yodel. 30 IN TXT "a` + "`" + `=b=c"|h1.node.yodel. 30 IN TXT "rack=r1"|h1.node.yodel. 30 IN TXT "v=spf1 -all"`},
	{"ANY (RFC 8482)", "h1.node.yodel. ANY", `NOERROR aa|h1.node.yodel. 30 IN HINFO "RFC8482" ""`},

	{"apex SOA", "yodel. SOA", "NOERROR aa|" + strings.TrimPrefix(yodelSOA, "auth: ")},
	{"apex NS", "yodel. NS", "NOERROR aa|yodel. 30 IN NS ns.yodel.|add: ns.yodel. 30 IN A 10.0.0.1"},
	{"apex without the type", "yodel. A", "NOERROR aa|" + yodelSOA},
	{"name server", "ns.yodel. A", "NOERROR aa|ns.yodel. 30 IN A 10.0.0.1"},
	{"SOA below the apex", "h1.node.yodel. SOA", "NOERROR aa|" + yodelSOA},
	{"host domain SOA", "fleet.example. SOA", "NOERROR aa|" + strings.TrimPrefix(fleetSOA, "auth: ")},
	{"empty non-terminal: kind", "service.yodel. A", "NOERROR aa|" + yodelSOA},
	{"empty non-terminal: kind without names", "addr.yodel. A", "NOERROR aa|" + yodelSOA},
	{"empty non-terminal: data centre", "dc1.yodel. A", "NOERROR aa|" + yodelSOA},
	{"empty non-terminal: kind and data centre", "node.dc2.yodel. A", "NOERROR aa|" + yodelSOA},
	{"empty non-terminal: in a host domain", "rack.fleet.example. A", "NOERROR aa|" + fleetSOA},

	{"host's own name", "h1.fleet.example. A", "NOERROR aa|h1.fleet.example. 30 IN A 10.0.0.1"},
	{"host's own name, no AAAA", "h2.fleet.example. AAAA", "NOERROR aa|" + fleetSOA},
	{"unknown host name", "h9.fleet.example. A", "NXDOMAIN aa|" + fleetSOA},
	{"host name outside the host domains", "outside.example.org. A", "REFUSED"},
	{"foreign name", "www.example.net. A", "REFUSED"},
	{"foreign name with a like ending", "notyodel. A", "REFUSED"},
	{"the root", ". NS", "REFUSED"},

	{"PTR", "1.0.0.10.in-addr.arpa. PTR", "NOERROR aa|1.0.0.10.in-addr.arpa. 30 IN PTR h1.fleet.example."},
	{"PTR, IPv6", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. PTR",
		"NOERROR aa|1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. 30 IN PTR h1.fleet.example."},
	{"PTR without a host domain", "1.1.0.10.in-addr.arpa. PTR", "NOERROR aa|1.1.0.10.in-addr.arpa. 30 IN PTR dot.ted.name.node.dc2.yodel."},
	{"PTR of a failed node", "4.0.0.10.in-addr.arpa. PTR", "NOERROR aa|4.0.0.10.in-addr.arpa. 30 IN PTR gone.rack.fleet.example."},
	{"PTR of a further address", "1.7.168.192.in-addr.arpa. PTR", "NOERROR aa|1.7.168.192.in-addr.arpa. 30 IN PTR c0a80701.addr.dc1.yodel."},
	{"and it resolves back", "c0a80701.addr.dc1.yodel. A", "NOERROR aa|c0a80701.addr.dc1.yodel. 30 IN A 192.168.7.1"},
	{"PTR name, other type", "1.0.0.10.in-addr.arpa. A",
		"NOERROR aa|auth: 1.0.0.10.in-addr.arpa. 0 IN SOA ns.yodel. hostmaster.yodel. 1 3600 600 86400 0"},
	{"unknown PTR", "9.0.0.10.in-addr.arpa. PTR", "REFUSED"},
	{"unknown PTR in a reverse zone of ours", "9.7.168.192.in-addr.arpa. PTR", "NXDOMAIN aa|" + netSOA},
	{"part of a reverse name", "0.0.10.in-addr.arpa. PTR", "REFUSED"},

	{"address name", "0A090909.addr.yodel. A", "NOERROR aa|0A090909.addr.yodel. 30 IN A 10.9.9.9"},
	{"address name, IPv6", "fd000000000000000000000000000001.addr.dc1.yodel. AAAA",
		"NOERROR aa|fd000000000000000000000000000001.addr.dc1.yodel. 30 IN AAAA fd00::1"},
	{"address name, other family", "0a090909.addr.yodel. AAAA", "NOERROR aa|" + yodelSOA},
	{"address name, no address", "0a0909.addr.yodel. A", "NXDOMAIN aa|" + yodelSOA},
	{"address name, no hex", "0a09090g.addr.yodel. A", "NXDOMAIN aa|" + yodelSOA},
	{"address name, wrong data centre", "0a090909.addr.dc9.yodel. A", "NXDOMAIN aa|" + yodelSOA},
	{"address name, not in host domains", "0a090909.addr.fleet.example. A", "NXDOMAIN aa|" + fleetSOA},

	{"service: passing only", "web.service.yodel. A", "NOERROR aa|web.service.yodel. 0 IN A 10.0.0.1"},
	{"service, AAAA", "web.service.yodel. AAAA", "NOERROR aa|web.service.yodel. 0 IN AAAA fd00::1"},
	{"service in a data centre", "web.service.dc1.yodel. A", "NOERROR aa|web.service.dc1.yodel. 0 IN A 10.0.0.1"},
	{"service elsewhere", "far.service.dc2.yodel. A", "NOERROR aa|far.service.dc2.yodel. 0 IN A 10.0.1.1"},
	{"service elsewhere, without saying where", "far.service.yodel. A", "NXDOMAIN aa|" + yodelSOA},
	{"service, letter case", "WEB.Service.yodel. A", "NOERROR aa|WEB.Service.yodel. 0 IN A 10.0.0.1"},
	{"warning counts as usable", "soso.service.yodel. A", "NOERROR aa|soso.service.yodel. 0 IN A 10.0.0.1"},
	{"no healthy instance", "sick.service.yodel. A", "NXDOMAIN aa|" + yodelSOA},
	{"only on a failed node", "only.service.yodel. A", "NXDOMAIN aa|" + yodelSOA},
	{"tag", "blue.web.service.yodel. A", "NOERROR aa|blue.web.service.yodel. 0 IN A 10.0.0.1"},
	{"tag with a dot is one tag", "v1.2.web.service.yodel. A", "NOERROR aa|v1.2.web.service.yodel. 0 IN A 10.0.0.1"},
	{"part of a tag", "2.web.service.yodel. A", "NOERROR aa|" + yodelSOA},
	{"tag of a critical instance", "green.web.service.yodel. A", "NXDOMAIN aa|" + yodelSOA},
	{"two tags", "blue.v1.2.web.service.yodel. A", "NXDOMAIN aa|" + yodelSOA},
	{"instance address and TTL by service", "db.service.yodel. A", "NOERROR aa|db.service.yodel. 5 IN A 10.9.9.9"},

	{"SRV", "web.service.yodel. SRV",
		"NOERROR aa|web.service.yodel. 0 IN SRV 1 1 80 h1.node.dc1.yodel.|add: h1.node.dc1.yodel. 0 IN A 10.0.0.1|add: h1.node.dc1.yodel. 0 IN AAAA fd00::1"},
	{"SRV, instance address", "db.service.yodel. SRV",
		"NOERROR aa|db.service.yodel. 5 IN SRV 1 7 5432 0a090909.addr.dc1.yodel.|add: 0a090909.addr.dc1.yodel. 5 IN A 10.9.9.9"},
	{"RFC 2782", "_db._tcp.service.yodel. SRV",
		"NOERROR aa|_db._tcp.service.yodel. 5 IN SRV 1 7 5432 0a090909.addr.dc1.yodel.|add: 0a090909.addr.dc1.yodel. 5 IN A 10.9.9.9"},
	{"RFC 2782 without the word", "_db._tcp.yodel. SRV",
		"NOERROR aa|_db._tcp.yodel. 5 IN SRV 1 7 5432 0a090909.addr.dc1.yodel.|add: 0a090909.addr.dc1.yodel. 5 IN A 10.9.9.9"},
	{"RFC 2782, data centre", "_far._tcp.service.dc2.yodel. SRV",
		"NOERROR aa|_far._tcp.service.dc2.yodel. 0 IN SRV 1 1 9 dot.ted.name.node.dc2.yodel.|add: dot.ted.name.node.dc2.yodel. 0 IN A 10.0.1.1"},
	{"RFC 2782, tag", "_web._blue.service.yodel. A", "NOERROR aa|_web._blue.service.yodel. 0 IN A 10.0.0.1"},
	{"RFC 2782, another tag", "_web._green.service.yodel. SRV", "NXDOMAIN aa|" + yodelSOA},
	{"SRV of a node", "h1.node.yodel. SRV", "NOERROR aa|" + yodelSOA},

	{"foreign host name as address", "ext.service.yodel. A", "NOERROR aa|ext.service.yodel. 0 IN CNAME www.example.net."},
	{"its SRV", "ext.service.yodel. SRV", "NOERROR aa|ext.service.yodel. 0 IN SRV 1 1 443 www.example.net."},
	{"our host name as address", "int.service.yodel. A",
		"NOERROR aa|h2.fleet.example. 30 IN A 10.0.0.2|int.service.yodel. 0 IN CNAME h2.fleet.example."},
	{"its SRV", "int.service.yodel. SRV",
		"NOERROR aa|int.service.yodel. 0 IN SRV 1 1 443 h2.fleet.example.|add: h2.fleet.example. 30 IN A 10.0.0.2"},
	{"asked for the alias", "int.service.yodel. CNAME", "NOERROR aa|int.service.yodel. 0 IN CNAME h2.fleet.example."},
	{"alias, other type", "int.service.yodel. TXT", "NOERROR aa|" + yodelSOA},

	{"EDNS", "h1.node.yodel. A edns=4096", "NOERROR aa|h1.node.yodel. 30 IN A 10.0.0.1|" + opt},
	{"EDNS on NXDOMAIN", "h9.node.yodel. A edns", "NXDOMAIN aa|" + yodelSOA + "|" + opt},
	{"EDNS on REFUSED", "www.example.net. A edns", "REFUSED|" + opt},
	{"EDNS, DO", "h1.node.yodel. A do", "NOERROR aa|h1.node.yodel. 30 IN A 10.0.0.1|" + opt + " do"},
	{"EDNS version", "h1.node.yodel. A version=1", "BADVERS|" + opt},
	{"CD", "h1.node.yodel. A cd", "NOERROR aa cd|h1.node.yodel. 30 IN A 10.0.0.1"},
	{"no recursion wanted", "h1.node.yodel. A norec", "NOERROR aa|h1.node.yodel. 30 IN A 10.0.0.1"},
	{"zone transfer", "yodel. AXFR", "NOTIMP"},
	{"incremental zone transfer", "yodel. IXFR", "NOTIMP"},
	{"foreign zone transfer", "example.net. AXFR", "NOTIMP"},
	{"NOTIFY", "yodel. SOA opcode=4", "NOTIMP"},
	{"UPDATE", "yodel. SOA opcode=5", "NOTIMP"},
	{"other class", "version.bind. TXT CH", "REFUSED"},
	{"any class", "h1.node.yodel. A ANY", "REFUSED"},
}

func TestAnswers(t *testing.T) {
	s := newServer(t, fleetConfig(), fleet()...)
	addr := listen(t, s)
	for _, c := range answerTable {
		t.Run(c.rule+"/"+c.question, func(t *testing.T) {
			want := strings.ReplaceAll(c.want, "|", "\n")
			req := query(t, c.question)
			for _, network := range []string{"udp", "tcp"} {
				if strings.HasSuffix(c.question, "XFR") && network == "tcp" {
					continue // miekg's client has another way for it
				}
				got := exchange(t, network, addr, req)
				if text := zoneText(got); text != want {
					t.Errorf("%s got\n%s\nwant\n%s", network, text, want)
				}
				if len(got.Question) == 1 && got.Question[0] != req.Question[0] {
					t.Errorf("%s question came back as %v", network, got.Question[0])
				}
			}
		})
	}
}
