package dnsd

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

const (
	udpMin   = dns.MinMsgSize // without EDNS (RFC 1035)
	udpMax   = 1232           // largest that crosses any path unfragmented (DNS flag day 2020)
	aliasMax = 8              // names followed for one answer, so that a circle of them ends
)

// answer is the path for every packet, whatever is in it. reply is nil for what
// is no question (shorter than a header, or itself an answer). With ask not nil
// the answer is not ours to give, and ask says what to do for it. turn is as in
// quick.
func (s *Server) answer(pkt []byte, udp bool, turn uint32) (reply []byte, ask *ask) {
	if len(pkt) < headerLen || pkt[2]&0x80 != 0 {
		return nil, nil
	}
	if opcode := pkt[2] >> 3 & 0xF; opcode != dns.OpcodeQuery {
		return refusal(pkt, dns.RcodeNotImplemented), nil
	}
	req := new(dns.Msg)
	if err := req.Unpack(pkt); err != nil || len(req.Question) != 1 || binary.BigEndian.Uint16(pkt[4:]) != 1 {
		return refusal(pkt, dns.RcodeFormatError), nil
	}
	opts := slices.DeleteFunc(slices.Clone(req.Extra), func(rr dns.RR) bool { return rr.Header().Rrtype != dns.TypeOPT })
	if len(opts) > 1 || len(opts) == 1 && opts[0].Header().Name != "." {
		return refusal(pkt, dns.RcodeFormatError), nil // RFC 6891 section 6.1.1
	}
	r := s.newResponse(req, udp, turn)
	q := req.Question[0]
	switch {
	case r.edns != nil && r.edns.Version() != 0:
		r.msg.Rcode = dns.RcodeBadVers
	case q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR:
		r.msg.Rcode = dns.RcodeNotImplemented
	case q.Qclass != dns.ClassINET:
		r.msg.Rcode = dns.RcodeRefused
	default:
		if ask := r.resolve(q); ask != nil {
			return nil, ask
		}
	}
	return r.pack(), nil
}

// refusal is the answer to a packet of which only the header can be trusted.
func refusal(pkt []byte, rcode int) []byte {
	b := make([]byte, headerLen)
	copy(b, pkt[:2])
	b[2] = 0x80 | pkt[2]&0x79 // QR, the opcode, RD
	b[3] = byte(rcode)
	return b
}

// A response is an answer in the making.
type response struct {
	*settings
	view   *view
	serial uint32
	msg    *dns.Msg
	edns   *dns.OPT // the question's; nil: none
	size   int      // largest message the client takes
	limit  int      // answers of a service; negative: all
	turn   int      // where in the ring of instances to begin
}

func (s *Server) newResponse(req *dns.Msg, udp bool, turn uint32) *response {
	r := &response{
		settings: s.live.Load(),
		view:     s.view,
		serial:   s.serial.Load(),
		msg:      new(dns.Msg).SetReply(req),
		edns:     req.IsEdns0(),
		size:     dns.MaxMsgSize,
		limit:    -1,
		turn:     int(turn),
	}
	r.msg.RecursionAvailable = len(r.recursors) > 0
	if !udp {
		return r
	}
	if r.edns != nil {
		r.size = min(max(int(r.edns.UDPSize()), udpMin), udpMax)
	} else {
		r.size, r.limit = udpMin, r.settings.limit
	}
	return r
}

// pack ends the answer: OPT, size, wire form.
func (r *response) pack() []byte {
	r.msg.Compress = true
	if r.edns != nil {
		opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
		opt.SetUDPSize(udpMax)
		opt.SetDo(r.edns.Do()) // RFC 3225 section 3: copied
		r.msg.Extra = append(r.msg.Extra, opt)
	}
	r.shrink()
	b, err := r.msg.Pack()
	if err != nil {
		empty := &dns.Msg{MsgHdr: r.msg.MsgHdr}
		empty.Rcode = dns.RcodeServerFailure
		b, _ = empty.Pack()
	}
	return b
}

// shrink makes the message fit. Additional records are a courtesy and go first,
// without the TC bit (RFC 2181 section 9).
func (r *response) shrink() {
	if r.msg.Len() <= r.size {
		return
	}
	courtesy := len(r.msg.Extra)
	if r.edns != nil {
		courtesy--
	}
	for courtesy > 0 && r.msg.Len() > r.size {
		courtesy--
		r.msg.Extra = slices.Delete(r.msg.Extra, courtesy, courtesy+1)
	}
	r.msg.Truncate(r.size)
	r.msg.Compress = true
}

// resolve fills in the answer, or says what to ask of others.
func (r *response) resolve(q dns.Question) *ask {
	key, ok := keyOf(q.Name)
	if !ok {
		r.msg.Rcode = dns.RcodeFormatError
		return nil
	}
	e := r.lookup(key)
	if e == nil {
		z := r.zoneOf(key)
		if z == nil {
			return r.foreign(q)
		}
		r.msg.Authoritative = true
		r.msg.Rcode = dns.RcodeNameError
		r.msg.Ns = []dns.RR{z.soaRecord(q.Name, r.serial)}
		return nil
	}
	r.msg.Authoritative = true
	var next *ask
	if e.indirect() && (q.Qtype == dns.TypeA || q.Qtype == dns.TypeAAAA || q.Qtype == dns.TypeCNAME) {
		next = r.follow(q, e)
	} else {
		r.fill(q, e, e.zone.key == key)
	}
	if len(r.msg.Answer) == 0 {
		r.msg.Ns = []dns.RR{e.zone.soaRecord(q.Name, r.serial)}
	}
	return next
}

// lookup finds a name in the view, or computes it.
func (r *response) lookup(key string) *entry {
	if e := r.view.get([]byte(key)); e != nil {
		return e
	}
	z := r.zoneOf(key)
	if !slices.Contains(r.domains, z) {
		return nil
	}
	if short, ok := r.withoutDC(key, z); ok {
		if e := r.view.get([]byte(short)); e != nil {
			return e
		}
		key = short
	}
	return r.addrEntry(key, z)
}

// withoutDC takes the dc out of <name>.<datacenter>.dc.<domain>, the long way
// to say <name>.<datacenter>.<domain>.
func (r *response) withoutDC(key string, z *zone) (string, bool) {
	rest, ok := strings.CutSuffix(key, dcSuffix+z.key)
	if !ok || rest == "" {
		return "", false
	}
	short := rest + z.key
	for at := short; len(at) > len(z.key); at = parent(at) {
		if r.view.get([]byte(addrLabel+at)) != nil { // at is <datacenter>.<domain>
			return short, true
		}
	}
	return "", false
}

const (
	addrLabel = "\x04addr"
	dcSuffix  = "\x02dc"
)

// addrEntry answers <hex>.addr[.<dc>].<domain> for any address.
func (r *response) addrEntry(key string, z *zone) *entry {
	up := parent(key)
	if !strings.HasPrefix(up, addrLabel) || r.view.get([]byte(up)) == nil {
		return nil
	}
	a, ok := parseHexAddr(key[1 : 1+int(key[0])])
	if !ok {
		return nil
	}
	e := &entry{zone: z, ttl: seconds(r.NodeTTL)}
	if a.Is4() {
		e.v4 = []netip.Addr{a}
	} else {
		e.v6 = []netip.Addr{a}
	}
	return e
}

// fill answers from e. apex: it is the top of its zone.
func (r *response) fill(q dns.Question, e *entry, apex bool) {
	switch {
	case q.Qtype == dns.TypeANY:
		r.msg.Answer = []dns.RR{&dns.HINFO{ // RFC 8482 section 4.2
			Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: e.ttl},
			Cpu: "RFC8482",
		}}
	case q.Qtype == dns.TypeSOA && apex:
		r.msg.Answer = []dns.RR{e.zone.soaRecord(q.Name, r.serial)}
		r.msg.Answer[0].Header().Name = q.Name
	case q.Qtype == dns.TypeNS && apex:
		r.msg.Answer = []dns.RR{&dns.NS{
			Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: seconds(r.NodeTTL)},
			Ns:  e.zone.ns,
		}}
		r.msg.Extra = r.addresses(e.zone.ns)
	default:
		r.msg.Answer, r.msg.Extra = e.records(q.Name, q.Qtype, r.turn, r.limit)
		if q.Qtype == dns.TypeSRV && e.indirect() {
			for _, rr := range r.msg.Answer {
				r.msg.Extra = append(r.msg.Extra, r.addresses(rr.(*dns.SRV).Target)...)
			}
			r.msg.Extra = dns.Dedup(r.msg.Extra, nil)
		}
	}
}

// addresses are the A and AAAA of one of our names, none of a foreign one.
func (r *response) addresses(name string) []dns.RR {
	key, ok := keyOf(name)
	if !ok {
		return nil
	}
	e := r.lookup(key)
	if e == nil || e.indirect() {
		return nil
	}
	a, _ := e.records(name, dns.TypeA, 0, -1)
	aaaa, _ := e.records(name, dns.TypeAAAA, 0, -1)
	return append(a, aaaa...)
}

// follow answers for a service with instances at other names. A name has one
// CNAME or none, so the lot decides between each of those names and the plain
// addresses, in proportion to the instances.
func (r *response) follow(q dns.Question, e *entry) *ask {
	name := q.Name
	for range aliasMax {
		n := len(e.alias) + max(len(e.v4), len(e.v6))
		if !e.indirect() || r.turn%n >= len(e.alias) && q.Qtype != dns.TypeCNAME {
			answer, _ := e.records(name, q.Qtype, r.turn, r.limit)
			r.msg.Answer = append(r.msg.Answer, answer...)
			return nil
		}
		target := e.alias[r.turn%n%len(e.alias)]
		r.msg.Answer = append(r.msg.Answer, &dns.CNAME{
			Hdr:    dns.RR_Header{Name: name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: e.ttl},
			Target: target,
		})
		if q.Qtype == dns.TypeCNAME {
			return nil
		}
		key, _ := keyOf(target)
		next := r.lookup(key)
		if next == nil {
			if r.zoneOf(key) == nil {
				return r.chase(target, q)
			}
			return nil
		}
		name, e = target, next
	}
	return nil
}
