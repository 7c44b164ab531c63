package dnsd

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

const headerLen = 12

// A ring is the records of one name and type as wire data, in an order drawn by
// lot. Owners are pointers to the question (offset 12), so that one ring
// serves every name. It is stored twice in a row: any run of records, from any
// of them, is one copy.
type ring struct {
	n      int
	answer []byte
	extras *extras  // nil: none
	at     []uint32 // record i is answer[at[i]:at[i+1]]; nil when n is 1
}

// extras are the additional records of a ring, with full names.
type extras struct {
	bytes []byte
	marks []extraMark // where those of each record begin
}

type extraMark struct {
	at    uint32
	count uint16 // additional records before this one
}

// wires has a ring for each type that Server.quick answers; nil, or without
// records: no such data. Beside the kernel's work, an answer is little else than
// waiting for memory; hence what most questions need is in its first 64 octets,
// a cache line.
type wires struct {
	indirect bool // as entry.indirect says
	srvOdd   bool // two SRV records share a target, whose addresses are to be given once
	a        ring

	aaaa, ptr, srv, txt *ring
}

// compile prepares e for Server.quick.
func (e *entry) compile() {
	e.wire.indirect = e.indirect()
	if a := e.makeRing(len(e.v4), func(b []byte, i int) []byte { return e.appendAddr(appendOwner(b), e.v4[i]) }); a != nil {
		e.wire.a = *a
	}
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
	r := &ring{n: n, answer: record(nil, 0)}
	if n == 1 {
		return r
	}
	r.answer = slices.Grow(r.answer, 2*n*len(r.answer)) // they are much alike
	r.at = append(make([]uint32, 0, 2*n+1), 0)
	for i := 1; i < n; i++ {
		r.at = append(r.at, uint32(len(r.answer)))
		r.answer = record(r.answer, i)
	}
	once := uint32(len(r.answer))
	for i := range n {
		r.at = append(r.at, r.at[i]+once)
	}
	r.answer = append(r.answer, r.answer...)
	r.at = append(r.at, uint32(len(r.answer)))
	return r
}

// addExtras gives the SRV ring the addresses of its targets.
func (e *entry) addExtras(r *ring) {
	if r == nil {
		return
	}
	seen := make(map[string]bool, r.n)
	x := &extras{marks: make([]extraMark, 0, 2*r.n+1), bytes: make([]byte, 0, len(r.answer))} // as long with one address each
	count := uint16(0)
	for i := range 2 * r.n {
		t := &e.srv[i%r.n]
		if i < r.n {
			e.wire.srvOdd = e.wire.srvOdd || seen[t.key]
			seen[t.key] = true
		}
		x.marks = append(x.marks, extraMark{uint32(len(x.bytes)), count})
		for _, a := range t.addrs {
			x.bytes = e.appendAddr(append(x.bytes, t.key...), a)
			count++
		}
	}
	x.marks = append(x.marks, extraMark{uint32(len(x.bytes)), count})
	r.extras = x
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
	out := run{answer: r.answer}
	if r.at != nil {
		out.answer = r.answer[r.at[turn]:r.at[turn+k]]
	}
	if x := r.extras; x != nil {
		from, to := x.marks[turn], x.marks[turn+k]
		out.extra, out.extras = x.bytes[from.at:to.at], to.count-from.count
	}
	return out
}
