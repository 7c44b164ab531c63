package dnsd

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// A question as quick reads it, pointing into the packet.
type question struct {
	end    int // of the question section
	qtype  uint16
	size   int // largest answer the client takes
	edns   bool
	do     bool // EDNS flag "DNSSEC OK", to be copied
	labels int  // of the name, without the root
	key    [nameMax]byte
	keyLen int
	starts [128]uint8 // offset in key of each label; 255 octets hold at most 127
}

// read takes the usual question apart and turns down every other: it answers
// false for whatever answer should look at.
func (q *question) read(pkt []byte) bool {
	if len(pkt) < headerLen+5 || pkt[2]&0xFA != 0 || // QR, opcode, TC
		pkt[4] != 0 || pkt[5] != 1 || pkt[6]|pkt[7]|pkt[8]|pkt[9]|pkt[10] != 0 || pkt[11] > 1 {
		return false
	}
	if !q.readName(pkt) {
		return false
	}
	at := headerLen + q.keyLen
	if len(pkt) < at+4 {
		return false
	}
	q.qtype = binary.BigEndian.Uint16(pkt[at:])
	if binary.BigEndian.Uint16(pkt[at+2:]) != dns.ClassINET {
		return false
	}
	q.end = at + 4
	q.edns, q.do, q.size = false, false, udpMin
	if pkt[11] == 0 {
		return len(pkt) == q.end
	}
	return q.readOPT(pkt[q.end:])
}

func (q *question) readName(pkt []byte) bool {
	at, n := headerLen, 0
	q.labels = 0
	for {
		if at >= len(pkt) {
			return false
		}
		c := int(pkt[at])
		if c > labelMax || n+c+1 > nameMax || at+c >= len(pkt) {
			return false
		}
		q.key[n] = byte(c)
		if c == 0 {
			q.keyLen = n + 1
			return true
		}
		q.starts[q.labels] = uint8(n)
		q.labels++
		for i := 1; i <= c; i++ {
			b := pkt[at+i]
			if b-'A' < 26 {
				b += 'a' - 'A'
			}
			q.key[n+i] = b
		}
		n += c + 1
		at += c + 1
	}
}

// readOPT wants one OPT record of version 0, whatever its options, and nothing
// behind it.
//
//	0  0 41  size  rcode version flags  rdlen rdata
func (q *question) readOPT(b []byte) bool {
	if len(b) < 11 || b[0] != 0 || b[1] != 0 || b[2] != byte(dns.TypeOPT) || b[6] != 0 ||
		len(b) != 11+int(binary.BigEndian.Uint16(b[9:])) {
		return false
	}
	if len(b) > 11 && !wellFormedOptions(b[11:]) {
		return false
	}
	q.edns = true
	q.do = b[7]&0x80 != 0
	q.size = min(max(int(binary.BigEndian.Uint16(b[3:])), udpMin), udpMax)
	return true
}

// wellFormedOptions lets through only what needs no look: DNS cookies and
// padding, which we ignore.
func wellFormedOptions(b []byte) bool {
	for len(b) >= 4 {
		code, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		cookie := code == dns.EDNS0COOKIE && n >= 8 && n <= 40
		if !cookie && code != dns.EDNS0PADDING || 4+n > len(b) {
			return false
		}
		b = b[4+n:]
	}
	return len(b) == 0
}

// quick writes the answer to the usual question into out, which has at least
// udpMax octets, and says how long it is; 0: not for this path. turn is any
// number, different each time. It neither locks nor allocates.
func (s *Server) quick(q *question, pkt, out []byte, turn uint32) int {
	if !q.read(pkt) || !quickType(q.qtype) {
		return 0
	}
	live := s.live.Load()
	key := q.key[:q.keyLen]
	if e := s.view.get(key); e != nil {
		return s.quickAnswer(live, q, e, pkt, out, turn)
	}
	z := q.zone(live)
	if z == nil {
		if len(live.recursors) > 0 {
			return 0
		}
		return finish(live, q, pkt, out[:copyQuestion(q, pkt, out)], dns.RcodeRefused, counts{})
	}
	if q.computed(z) {
		return 0
	}
	b := out[:copyQuestion(q, pkt, out)]
	b = z.appendSOA(b, q.keyLen, s.serial.Load())
	return finish(live, q, pkt, b, dns.RcodeNameError, counts{ns: 1})
}

// zone is what settings.zoneOf says, for a question.
func (q *question) zone(live *settings) *zone {
	for _, z := range live.zones {
		at := q.keyLen - len(z.key)
		if at < 0 || string(q.key[at:q.keyLen]) != z.key {
			continue
		}
		for i := q.labels - 1; i >= 0 && int(q.starts[i]) >= at; i-- {
			if int(q.starts[i]) == at {
				return z
			}
		}
	}
	return nil
}

// computed tells whether the name could be one that lies in no view: an
// address's, or one that spells out dc.
func (q *question) computed(z *zone) bool {
	if q.labels > 1 && hasLabel(q.key[q.starts[1]:], addrLabel) {
		return true
	}
	at := q.keyLen - len(z.key) - len(dcSuffix)
	return at >= 0 && hasLabel(q.key[at:], dcSuffix)
}

func hasLabel(b []byte, label string) bool {
	return len(b) >= len(label) && string(b[:len(label)]) == label
}

// quickType holds the types that need no thought: those with a ring, and those
// that never have data here.
func quickType(t uint16) bool {
	switch t {
	case dns.TypeA, dns.TypeAAAA, dns.TypePTR, dns.TypeSRV, dns.TypeTXT, dns.TypeMX, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeNAPTR:
		return true
	}
	return false
}

func (s *Server) quickAnswer(live *settings, q *question, e *entry, pkt, out []byte, turn uint32) int {
	if e.wire.indirect {
		return 0
	}
	var r *ring
	switch q.qtype {
	case dns.TypeA:
		if e.wire.a.n > 0 {
			r = &e.wire.a
		}
	case dns.TypeAAAA:
		r = e.wire.aaaa
	case dns.TypePTR:
		r = e.wire.ptr
	case dns.TypeTXT:
		r = e.wire.txt
	case dns.TypeSRV:
		if e.wire.srvOdd {
			return 0
		}
		r = e.wire.srv
	}
	b := out[:copyQuestion(q, pkt, out)]
	if r == nil {
		b = e.zone.appendSOA(b, q.keyLen, s.serial.Load())
		return finish(live, q, pkt, b, dns.RcodeSuccess, counts{ns: 1})
	}
	k := r.n
	if q.qtype == dns.TypeTXT {
		turn = 0 // no lot: attributes keep their order, and there are no more than fit
	} else if !q.edns && live.limit >= 0 {
		k = min(k, live.limit)
	}
	run := r.run(int(turn%uint32(r.n)), k)
	if len(b)+len(run.answer)+len(run.extra)+optLen > q.size {
		return 0
	}
	b = append(b, run.answer...)
	b = append(b, run.extra...)
	return finish(live, q, pkt, b, dns.RcodeSuccess, counts{answer: uint16(k), extra: run.extras})
}

const optLen = 11

type counts struct{ answer, ns, extra uint16 }

// copyQuestion leaves room for the header and repeats the question as it came,
// in the client's letter case.
func copyQuestion(q *question, pkt, out []byte) int {
	return headerLen + copy(out[headerLen:], pkt[headerLen:q.end])
}

// finish adds OPT and header to the sections in b; 0: too long.
func finish(live *settings, q *question, pkt, b []byte, rcode byte, n counts) int {
	if len(b)+optLen > q.size {
		return 0
	}
	if q.edns {
		flags := byte(0)
		if q.do {
			flags = 0x80
		}
		b = append(b, 0, 0, byte(dns.TypeOPT), udpMax>>8, udpMax&0xFF, 0, 0, flags, 0, 0, 0)
		n.extra++
	}
	b[0], b[1] = pkt[0], pkt[1]
	b[2] = 0x84 | pkt[2]&1 // QR, AA, RD
	if rcode == dns.RcodeRefused {
		b[2] &^= 4
	}
	b[3] = rcode | pkt[3]&0x10 // CD
	if len(live.recursors) > 0 {
		b[3] |= 0x80
	}
	be := binary.BigEndian
	be.PutUint16(b[4:], 1)
	be.PutUint16(b[6:], n.answer)
	be.PutUint16(b[8:], n.ns)
	be.PutUint16(b[10:], n.extra)
	return len(b)
}
