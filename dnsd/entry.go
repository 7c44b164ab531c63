package dnsd

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// An entry is all records of one name. Immutable once published, and shared by
// all names that mean the same.
type entry struct {
	wire   wires // what follows, compiled
	zone   *zone
	ttl    uint32
	v4, v6 []netip.Addr
	ptr    string // presentation form
	srv    []target
	txt    [][]string
	alias  []string // instances at foreign names: CNAME targets, in presentation form
}

// A target is one SRV record and the addresses that go with it.
type target struct {
	key          string
	port, weight uint16
	addrs        []netip.Addr
}

const srvPriority = 1 // of all: Consul's

// indirect tells that A and AAAA need other names to be looked up first.
func (e *entry) indirect() bool { return len(e.alias) > 0 }

// records are the answers to qtype and what goes into the additional section,
// beginning at record turn and at most limit of them (negative: all). Limit and
// turn spread clients over the instances of a service.
func (e *entry) records(owner string, qtype uint16, turn, limit int) (answer, extra []dns.RR) {
	hdr := func(t uint16) dns.RR_Header {
		return dns.RR_Header{Name: owner, Rrtype: t, Class: dns.ClassINET, Ttl: e.ttl}
	}
	switch qtype {
	case dns.TypeA:
		for _, a := range pick(e.v4, turn, limit) {
			answer = append(answer, addressRecord(owner, a, e.ttl))
		}
	case dns.TypeAAAA:
		for _, a := range pick(e.v6, turn, limit) {
			answer = append(answer, addressRecord(owner, a, e.ttl))
		}
	case dns.TypePTR:
		if e.ptr != "" {
			answer = append(answer, &dns.PTR{Hdr: hdr(dns.TypePTR), Ptr: e.ptr})
		}
	case dns.TypeTXT:
		for _, t := range e.txt {
			answer = append(answer, &dns.TXT{Hdr: hdr(dns.TypeTXT), Txt: t})
		}
	case dns.TypeSRV:
		for _, t := range pick(e.srv, turn, limit) {
			name := text(t.key)
			answer = append(answer, &dns.SRV{Hdr: hdr(dns.TypeSRV), Priority: srvPriority, Weight: t.weight, Port: t.port, Target: name})
			for _, a := range t.addrs {
				extra = append(extra, addressRecord(name, a, e.ttl))
			}
		}
		extra = dns.Dedup(extra, nil)
	}
	return answer, extra
}

func addressRecord(owner string, a netip.Addr, ttl uint32) dns.RR {
	hdr := dns.RR_Header{Name: owner, Class: dns.ClassINET, Ttl: ttl}
	if a.Is4() {
		hdr.Rrtype = dns.TypeA
		return &dns.A{Hdr: hdr, A: a.AsSlice()}
	}
	hdr.Rrtype = dns.TypeAAAA
	return &dns.AAAA{Hdr: hdr, AAAA: a.AsSlice()}
}

// pick goes once around s from turn, or limit elements of the way.
func pick[T any](s []T, turn, limit int) []T {
	if len(s) == 0 {
		return nil
	}
	turn %= len(s)
	s = slices.Concat(s[turn:], s[:turn])
	if limit >= 0 && limit < len(s) {
		s = s[:limit]
	}
	return s
}

// add puts addresses behind those there are, each once.
func (e *entry) add(addrs ...netip.Addr) {
	for _, a := range addrs {
		switch {
		case a.Is4() && !slices.Contains(e.v4, a):
			e.v4 = append(e.v4, a)
		case a.Is6() && !slices.Contains(e.v6, a):
			e.v6 = append(e.v6, a)
		}
	}
}

// metaRecords renders node meta as RFC 1464 attributes, in order of the keys.
// Of a key that begins with rfc1035- only the value is shown, as Consul does.
func metaRecords(meta map[string]string) [][]string {
	var out [][]string
	keys := make([]string, 0, len(meta))
	for k := range meta {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		s := meta[k]
		if !strings.HasPrefix(strings.ToLower(k), "rfc1035-") {
			s = quoteRFC1464(k) + "=" + s
		}
		out = append(out, characterStrings(s))
	}
	return out
}

func quoteRFC1464(key string) string {
	key = strings.NewReplacer("`", "``", "=", "`=").Replace(key)
	trimmed := strings.TrimLeft(key, " \t")
	lead := key[:len(key)-len(trimmed)]
	body := strings.TrimRight(trimmed, " \t")
	quote := func(blank string) string {
		return strings.NewReplacer(" ", "` ", "\t", "`\t").Replace(blank)
	}
	return quote(lead) + body + quote(trimmed[len(body):])
}

// characterStrings cuts s into DNS strings of at most 255 octets, escaped for
// miekg/dns.
func characterStrings(s string) []string {
	var out []string
	for {
		n := min(len(s), 255)
		out = append(out, escapeTXT(s[:n]))
		if s = s[n:]; s == "" {
			return out
		}
	}
}

func escapeTXT(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			b.WriteByte('\\')
			b.WriteByte('0' + c/100)
			b.WriteByte('0' + c/10%10)
			b.WriteByte('0' + c%10)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
