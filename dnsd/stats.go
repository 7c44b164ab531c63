package dnsd

import (
	"math/bits"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// Stats is a snapshot of what was answered since the start.
type Stats struct {
	Answers    []AnswerCount // sorted by type and rcode, without zeros
	Latency    Latency       // from reading a batch of questions to having sent its answers
	Ignored    uint64        // packets that are no question: too short, or answers
	Unsent     uint64        // answers that the kernel did not take
	TCP        uint64        // of Answers, how many over TCP
	Forwarded  uint64        // questions put to recursors
	Shared     uint64        // of those, got the answer to an equal one that was out already
	Overloads  uint64        // of those, answered SERVFAIL at once because too many were waiting
	RecursorNo uint64        // times a recursor failed to answer
	Names      int           // names in the view
	Conflicts  int           // names and addresses that several hosts claim
}

// AnswerCount counts answers of one type and rcode. Types that are not served
// are "other".
type AnswerCount struct {
	Type, Rcode string
	Count       uint64
}

// Latency is a histogram: Counts[i] answers took at most Bounds[i], and the
// last of Counts, which has no bound, took longer.
type Latency struct {
	Bounds []time.Duration
	Counts []uint64
	Sum    time.Duration
}

const (
	typeSlots  = 9
	rcodeSlots = 17 // the 16 of the header, and BADVERS
	bucketMin  = 13 // 2^13 ns, 8 µs: an answer costs 2 to 3
	buckets    = 12 // up to 16 ms; recursion has the rest
	otherType  = typeSlots - 1
)

var typeNames = [typeSlots]string{"A", "AAAA", "PTR", "SRV", "TXT", "SOA", "NS", "ANY", "other"}

func typeSlot(t uint16) int {
	switch t {
	case dns.TypeA:
		return 0
	case dns.TypeAAAA:
		return 1
	case dns.TypePTR:
		return 2
	case dns.TypeSRV:
		return 3
	case dns.TypeTXT:
		return 4
	case dns.TypeSOA:
		return 5
	case dns.TypeNS:
		return 6
	case dns.TypeANY:
		return 7
	}
	return otherType
}

// A tally counts what one worker did, so that workers do not share cache lines.
type tally struct {
	answers [typeSlots][rcodeSlots]atomic.Uint64
	latency [buckets + 1]atomic.Uint64
	nanos   atomic.Uint64
	ignored atomic.Uint64
	unsent  atomic.Uint64
	tcp     atomic.Uint64
	asked   atomic.Uint64
	_       [64]byte
}

func (t *tally) answered(qtype uint16, rcode int) {
	t.answers[typeSlot(qtype)][min(rcode, rcodeSlots-1)].Add(1)
}

// reply counts a packed answer to pkt.
func (t *tally) reply(pkt, reply []byte) {
	rcode := int(reply[3] & 0xF)
	if opt := len(reply) - optLen; reply[11] > 0 && opt > headerLen && reply[opt] == 0 && reply[opt+2] == byte(dns.TypeOPT) {
		rcode |= int(reply[opt+5]) << 4 // OPT is last, without options
	}
	t.answered(peekType(pkt), rcode)
}

// peekType reads the type of a plain question, 0 if it is anything else.
func peekType(pkt []byte) uint16 {
	at := headerLen
	for at < len(pkt) && pkt[at] != 0 && pkt[at] <= labelMax {
		at += 1 + int(pkt[at])
	}
	if at+3 > len(pkt) || pkt[at] != 0 {
		return 0
	}
	return uint16(pkt[at+1])<<8 | uint16(pkt[at+2])
}

func (t *tally) took(n int, d time.Duration) {
	i := bits.Len64(uint64(max(d, 1)-1)) - bucketMin
	t.latency[min(max(i, 0), buckets)].Add(uint64(n))
	t.nanos.Add(uint64(n) * uint64(d))
}

// Stats adds up the workers' counters.
func (s *Server) Stats() Stats {
	out := Stats{
		Shared:     s.forward.shared.Load(),
		Overloads:  s.forward.overloads.Load(),
		RecursorNo: s.forward.failures.Load(),
		Latency:    Latency{Counts: make([]uint64, buckets+1)},
	}
	for i := range buckets {
		out.Latency.Bounds = append(out.Latency.Bounds, 1<<(bucketMin+i))
	}
	var sums [typeSlots][rcodeSlots]uint64
	s.mu.Lock()
	tallies := slices.Clone(s.tallies)
	out.Names = len(s.book.leaves)
	out.Conflicts = len(s.book.conflicts())
	s.mu.Unlock()
	for _, t := range tallies {
		for i := range sums {
			for j := range sums[i] {
				sums[i][j] += t.answers[i][j].Load()
			}
		}
		for i := range t.latency {
			out.Latency.Counts[i] += t.latency[i].Load()
		}
		out.Latency.Sum += time.Duration(t.nanos.Load())
		out.Ignored += t.ignored.Load()
		out.Unsent += t.unsent.Load()
		out.TCP += t.tcp.Load()
		out.Forwarded += t.asked.Load()
	}
	for i, row := range sums {
		for j, n := range row {
			if n > 0 {
				out.Answers = append(out.Answers, AnswerCount{typeNames[i], rcodeName(j), n})
			}
		}
	}
	return out
}

func rcodeName(r int) string {
	if r == dns.RcodeBadVers {
		return "BADVERS"
	}
	if name, ok := dns.RcodeToString[r]; ok {
		return name
	}
	return "RCODE" + strconv.Itoa(r)
}
