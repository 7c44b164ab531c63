package dnsd

import (
	"encoding/binary"
	"net/netip"

	"github.com/miekg/dns"
)

const headerLen = 12

// A ring is the records of one name and type as wire data, in an order drawn by
// lot. Owners are pointers to the question (offset 12), so that one ring
// serves every name. It is stored twice in a row: any run of records, from any
// of them, is one copy.
type ring struct {
	n       int
	answer  []byte
	at      []uint32 // record i is answer[at[i]:at[i+1]]; nil when n is 1
	extra   []byte   // the additional records, with full names
	extraAt []extraMark
}

type extraMark struct {
	at    uint32
	count uint16 // additional records before this one
}

// wires has a ring for each type that Server.quick answers; nil: no such data.
type wires struct {
	a, aaaa, ptr, srv, txt *ring

	srvOdd bool // two SRV records share a target, whose addresses are to be given once
}

// compile prepares e for Server.quick.
func (e *entry) compile() {
	e.wire.a = e.makeRing(len(e.v4), func(b []byte, i int) []byte { return e.appendAddr(appendOwner(b), e.v4[i]) })
	e.wire.aaaa = e.makeRing(len(e.v6), func(b []byte, i int) []byte { return e.appendAddr(appendOwner(b), e.v6[i]) })
	e.wire.txt = e.makeRing(len(e.txt), e.appendTXT)
	e.wire.srv = e.makeRing(len(e.srv), e.appendSRV)
	e.addExtras(e.wire.srv)
	if e.ptr != "" {
		e.wire.ptr = e.makeRing(1, e.appendPTR)
	}
}

// makeRing is nil without records.
func (e *entry) makeRing(n int, record func(b []byte, i int) []byte) *ring {
	if n == 0 {
		return nil
	}
	r := &ring{n: n, at: make([]uint32, 0, 2*n+1)}
	for i := range n {
		r.at = append(r.at, uint32(len(r.answer)))
		r.answer = record(r.answer, i)
	}
	if n > 1 {
		once := uint32(len(r.answer))
		for i := range n {
			r.at = append(r.at, r.at[i]+once)
		}
		r.answer = append(r.answer, r.answer...)
	}
	r.at = append(r.at, uint32(len(r.answer)))
	return r
}

// addExtras gives the SRV ring the addresses of its targets.
func (e *entry) addExtras(r *ring) {
	if r == nil {
		return
	}
	seen := make(map[string]bool, r.n)
	r.extraAt = make([]extraMark, 0, len(r.at))
	count := uint16(0)
	for i := range len(r.at) - 1 {
		t := &e.srv[i%r.n]
		if i < r.n {
			e.wire.srvOdd = e.wire.srvOdd || seen[t.key]
			seen[t.key] = true
		}
		r.extraAt = append(r.extraAt, extraMark{uint32(len(r.extra)), count})
		for _, a := range t.addrs {
			r.extra = e.appendAddr(append(r.extra, t.key...), a)
			count++
		}
	}
	r.extraAt = append(r.extraAt, extraMark{uint32(len(r.extra)), count})
}

// appendOwner is the compression pointer to the question's name.
func appendOwner(b []byte) []byte { return append(b, 0xC0, headerLen) }

// appendHead is what follows an owner: type, class, TTL, length of the data.
func (e *entry) appendHead(b []byte, t uint16, rdlen int) []byte {
	be := binary.BigEndian
	b = be.AppendUint16(b, t)
	b = be.AppendUint16(b, dns.ClassINET)
	b = be.AppendUint32(b, e.ttl)
	return be.AppendUint16(b, uint16(rdlen))
}

func (e *entry) appendAddr(b []byte, a netip.Addr) []byte {
	if a.Is4() {
		ip := a.As4()
		return append(e.appendHead(b, dns.TypeA, len(ip)), ip[:]...)
	}
	ip := a.As16()
	return append(e.appendHead(b, dns.TypeAAAA, len(ip)), ip[:]...)
}

func (e *entry) appendSRV(b []byte, i int) []byte {
	t := &e.srv[i]
	be := binary.BigEndian
	b = e.appendHead(appendOwner(b), dns.TypeSRV, 6+len(t.key))
	b = be.AppendUint16(b, srvPriority)
	b = be.AppendUint16(b, t.weight)
	b = be.AppendUint16(b, t.port)
	return append(b, t.key...) // never compressed (RFC 2782)
}

func (e *entry) appendPTR(b []byte, _ int) []byte {
	key, _ := keyOf(e.ptr)
	return append(e.appendHead(appendOwner(b), dns.TypePTR, len(key)), key...)
}

func (e *entry) appendTXT(b []byte, i int) []byte {
	rr := &dns.TXT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: e.ttl}, Txt: e.txt[i]}
	buf := make([]byte, dns.Len(rr))
	n, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		panic("pack " + rr.String() + ": " + err.Error()) // made by characterStrings
	}
	return append(appendOwner(b), buf[1:n]...)
}

// A run is some records of a ring, ready to be sent.
type run struct {
	answer, extra []byte
	extras        uint16 // records in extra
}

// run is k records, at most n of them, from record turn on.
func (r *ring) run(turn, k int) run {
	out := run{answer: r.answer[r.at[turn]:r.at[turn+k]]}
	if r.extraAt != nil {
		from, to := r.extraAt[turn], r.extraAt[turn+k]
		out.extra, out.extras = r.extra[from.at:to.at], to.count-from.count
	}
	return out
}
