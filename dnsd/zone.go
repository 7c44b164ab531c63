package dnsd

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// A zone is a name below which everything is ours to answer.
type zone struct {
	key   string // "" for the reverse zone, where each name is its own apex
	name  string // presentation form
	hosts bool   // hosts' own names inside it are answered
	empty *entry // a name without records: it exists only because of names below it
	ns    string // the name server's name
	soa   SOA
	wire  soaWire
}

func newZone(key string, s *settings) *zone {
	z := &zone{key: key, name: text(key), soa: s.SOA}
	z.ns = "ns." + z.name
	z.empty = &entry{zone: z}
	z.wire = makeSOAWire(z)
	return z
}

func newReverseZone(s *settings) *zone {
	z := &zone{ns: s.domains[0].ns, soa: s.SOA}
	z.empty = &entry{zone: z}
	z.wire = makeSOAWire(z)
	return z
}

// soaRecord is the SOA as an answer about qname carries it: its owner is the
// apex, an ancestor of qname, because resolvers refuse any other.
func (z *zone) soaRecord(qname string, serial uint32) *dns.SOA {
	owner := z.name
	if z.key == "" {
		owner = qname
	}
	return &dns.SOA{
		Hdr:     dns.RR_Header{Name: owner, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: seconds(z.soa.MinTTL)},
		Ns:      z.ns,
		Mbox:    "hostmaster." + z.ns[len("ns."):],
		Serial:  serial,
		Refresh: seconds(z.soa.Refresh),
		Retry:   seconds(z.soa.Retry),
		Expire:  seconds(z.soa.Expire),
		Minttl:  seconds(z.soa.MinTTL),
	}
}

// soaWire is an SOA record ready to follow a question: the offsets of pointers
// to the apex inside the question, and of the serial, are filled in per answer.
//
//	apex*  SOA IN ttl rdlen  2 n s apex*  10 h o s t m a s t e r apex*  serial ...
type soaWire struct {
	bytes    []byte
	pointers []int
	serial   int
}

func makeSOAWire(z *zone) soaWire {
	w := soaWire{bytes: []byte{0, 0}, pointers: []int{0}}
	be := binary.BigEndian
	w.bytes = be.AppendUint16(w.bytes, dns.TypeSOA)
	w.bytes = be.AppendUint16(w.bytes, dns.ClassINET)
	w.bytes = be.AppendUint32(w.bytes, seconds(z.soa.MinTTL))
	w.bytes = append(w.bytes, 0, 0)
	start := len(w.bytes)
	name := func(label string) {
		w.bytes = append(w.bytes, byte(len(label)))
		w.bytes = append(w.bytes, label...)
		if z.key == "" {
			key, _ := keyOf(z.ns[len("ns."):])
			w.bytes = append(w.bytes, key...)
			return
		}
		w.pointers = append(w.pointers, len(w.bytes))
		w.bytes = append(w.bytes, 0, 0)
	}
	name("ns")
	name("hostmaster")
	w.serial = len(w.bytes)
	for _, v := range []uint32{0, seconds(z.soa.Refresh), seconds(z.soa.Retry), seconds(z.soa.Expire), seconds(z.soa.MinTTL)} {
		w.bytes = be.AppendUint32(w.bytes, v)
	}
	be.PutUint16(w.bytes[start-2:], uint16(len(w.bytes)-start))
	return w
}

// appendSOA puts the record behind a question whose name is qlen octets long,
// at offset 12.
func (z *zone) appendSOA(b []byte, qlen int, serial uint32) []byte {
	apex := headerLen + qlen - len(z.key)
	if z.key == "" {
		apex = headerLen
	}
	at := len(b)
	b = append(b, z.wire.bytes...)
	for _, p := range z.wire.pointers {
		binary.BigEndian.PutUint16(b[at+p:], 0xC000|uint16(apex))
	}
	binary.BigEndian.PutUint32(b[at+z.wire.serial:], serial)
	return b
}
