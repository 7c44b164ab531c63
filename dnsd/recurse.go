package dnsd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

const (
	// 512 questions wait at most some seconds each: a hundred a second while
	// every recursor is dead, tens of thousands while one answers.
	asksMax = 512
	// A recursor that failed is asked after the others for this long.
	restTime = 10 * time.Second
)

// An ask is an answer that needs others: for a foreign name, or for the foreign
// name that one of ours is an alias of.
type ask struct {
	r *response
	q dns.Question
}

func (r *response) foreign(q dns.Question) *ask {
	if len(r.recursors) == 0 || !r.msg.RecursionDesired {
		r.msg.Rcode = dns.RcodeRefused
		return nil
	}
	return &ask{r, q}
}

func (r *response) chase(target string, q dns.Question) *ask {
	if len(r.recursors) == 0 || !r.msg.RecursionDesired {
		return nil
	}
	q.Name = target
	return &ask{r, q}
}

// take puts what a recursor said (nil: nothing) into the answer.
func (a *ask) take(got *dns.Msg) []byte {
	m := a.r.msg
	switch {
	case got == nil:
		m.Rcode = dns.RcodeServerFailure
	case len(m.Answer) > 0: // an alias of ours leads there
		m.Answer = append(m.Answer, got.Answer...)
		m.Rcode = got.Rcode
	default:
		m.Rcode, m.AuthenticatedData = got.Rcode, got.AuthenticatedData
		m.Answer, m.Ns, m.Extra = got.Answer, got.Ns, withoutOPT(got.Extra)
		m.Truncated = false
	}
	if m.Rcode > 0xF {
		m.Rcode = dns.RcodeServerFailure
	}
	return a.r.pack()
}

func withoutOPT(rrs []dns.RR) []dns.RR {
	var out []dns.RR
	for _, rr := range rrs {
		if rr.Header().Rrtype != dns.TypeOPT {
			out = append(out, rr)
		}
	}
	return out
}

// A forwarder asks recursors. It bounds how many questions are out, and asks
// equal ones once: a loop of forwarders through us ends in one timeout.
type forwarder struct {
	slots chan struct{} // asksMax, see there
	own   func(netip.AddrPort) bool

	mu      sync.Mutex
	flights map[flightKey]*flight
	failed  map[netip.AddrPort]time.Time // when a recursor last failed

	shared, overloads, failures atomic.Uint64
}

type flightKey struct {
	name   string
	qtype  uint16
	do, cd bool
}

type flight struct {
	done chan struct{}
	msg  *dns.Msg // nil: nobody answered. Read-only once done is closed
}

func newForwarder(own func(netip.AddrPort) bool) *forwarder {
	return &forwarder{
		slots:   make(chan struct{}, asksMax),
		own:     own,
		flights: map[flightKey]*flight{},
		failed:  map[netip.AddrPort]time.Time{},
	}
}

// reserve takes one of the slots, or says at once that there is none.
func (f *forwarder) reserve() bool {
	select {
	case f.slots <- struct{}{}:
		return true
	default:
		f.overloads.Add(1)
		return false
	}
}

func (f *forwarder) release() { <-f.slots }

// run answers an ask. The caller holds a slot. It takes at most the timeout of
// each recursor, one after the other.
func (f *forwarder) run(ctx context.Context, a *ask) []byte {
	key := flightKey{strings.ToLower(a.q.Name), a.q.Qtype, a.r.edns != nil && a.r.edns.Do(), a.r.msg.CheckingDisabled}
	f.mu.Lock()
	fl := f.flights[key]
	if fl != nil {
		f.mu.Unlock()
		f.shared.Add(1)
		select {
		case <-fl.done:
		case <-ctx.Done():
			return a.take(nil)
		}
		return a.take(fl.answer())
	}
	fl = &flight{done: make(chan struct{})}
	f.flights[key] = fl
	f.mu.Unlock()

	fl.msg = f.exchange(ctx, a)
	f.mu.Lock()
	delete(f.flights, key)
	f.mu.Unlock()
	close(fl.done)
	return a.take(fl.answer())
}

// answer is a copy for one asker, nil if nobody answered.
func (fl *flight) answer() *dns.Msg {
	if fl.msg == nil {
		return nil
	}
	return fl.msg.Copy()
}

// exchange asks the recursors in turn. Servers that fail or refuse are passed
// over; if none does better, the last such answer counts.
func (f *forwarder) exchange(ctx context.Context, a *ask) *dns.Msg {
	var last *dns.Msg
	for _, addr := range f.order(a.r.recursors, a.r.RandomRecursors) {
		if ctx.Err() != nil {
			break
		}
		got, err := askOne(ctx, addr, a, a.r.RecursorTimeout)
		f.note(addr, err != nil)
		if err != nil {
			f.failures.Add(1)
			continue
		}
		switch last = got; got.Rcode {
		case dns.RcodeSuccess, dns.RcodeNameError:
			return got
		}
	}
	return last
}

// order puts recursors that lately failed behind the others, and leaves out
// ourselves.
func (f *forwarder) order(addrs []netip.AddrPort, random bool) []netip.AddrPort {
	f.mu.Lock()
	defer f.mu.Unlock()
	var good, bad []netip.AddrPort
	for _, addr := range addrs {
		switch at, failed := f.failed[addr]; {
		case f.own(addr):
		case failed && time.Since(at) < restTime:
			bad = append(bad, addr)
		default:
			good = append(good, addr)
		}
	}
	if random {
		rand.Shuffle(len(good), func(i, j int) { good[i], good[j] = good[j], good[i] })
	}
	return append(good, bad...)
}

func (f *forwarder) note(addr netip.AddrPort, failed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !failed {
		delete(f.failed, addr)
		return
	}
	f.failed[addr] = time.Now()
}

// askOne asks over UDP, from a port of its own, and over TCP if the answer did
// not fit.
func askOne(ctx context.Context, addr netip.AddrPort, a *ask, timeout time.Duration) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req := &dns.Msg{
		MsgHdr:   dns.MsgHdr{Id: dns.Id(), RecursionDesired: true, CheckingDisabled: a.r.msg.CheckingDisabled},
		Question: []dns.Question{a.q},
	}
	req.SetEdns0(udpMax, a.r.edns != nil && a.r.edns.Do())
	got, err := exchangeOver(ctx, "udp", addr, req)
	if err == nil && got.Truncated {
		return exchangeOver(ctx, "tcp", addr, req)
	}
	return got, err
}

var errMismatch = errors.New("answer to another question")

func exchangeOver(ctx context.Context, network string, addr netip.AddrPort, req *dns.Msg) (*dns.Msg, error) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, network, addr.String())
	if err != nil {
		return nil, fmt.Errorf("ask recursor %s: %w", addr, err)
	}
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	conn := &dns.Conn{Conn: raw, UDPSize: dns.MaxMsgSize}
	if err := conn.WriteMsg(req); err != nil {
		return nil, fmt.Errorf("ask recursor %s: %w", addr, err)
	}
	for {
		got, err := conn.ReadMsg()
		if err == nil && !answers(got, req) {
			err = errMismatch
		}
		switch {
		case err == nil:
			return got, nil
		case network == "udp" && ctx.Err() == nil && (got != nil || errors.Is(err, errMismatch)):
			continue // forged or late: wait for the true one
		}
		return nil, fmt.Errorf("ask recursor %s: %w", addr, err)
	}
}

// answers tells whether got answers req: same id and question. An error may
// come without the question.
func answers(got, req *dns.Msg) bool {
	if got.Id != req.Id || !got.Response {
		return false
	}
	if len(got.Question) == 0 {
		return got.Rcode != dns.RcodeSuccess && got.Rcode != dns.RcodeNameError
	}
	g, q := got.Question[0], req.Question[0]
	return len(got.Question) == 1 && strings.EqualFold(g.Name, q.Name) && g.Qtype == q.Qtype && g.Qclass == q.Qclass
}
