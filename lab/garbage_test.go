//go:build linux

package lab

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"github.com/yodel-mesh/yodel/catalog"
)

const (
	garbageTime = 30 * time.Second
	// What an agent may hold more after the garbage than before it: the
	// collector keeps up to twice what lives, and the counts of types and rcodes grow once.
	growthMax     = 64 << 20
	goroutinesMax = 64
	logMax        = 256 << 10
)

// TestGarbageOnEveryPort: random bytes and mutated copies of real traffic, at
// full speed, at every port of every agent.
func TestGarbageOnEveryPort(t *testing.T) {
	l := newLab(t, 4)
	hosts, attacker := l.Hosts[:3], l.Hosts[3]
	start(t, hosts)
	garbage(t, hosts, attacker, garbageTime, func(h *Host) error { return h.Resolves(h.FQDN(), h.Address) })
	within(t, healBudget, "all is as before", hosts, func() error { return errors.Join(whole(hosts), resolve(hosts, hosts)) })
}

// TestGarbageWithoutAKey: nothing stands between the garbage and the decoders
// of the gossip. Whoever can reach the ports of such a mesh can invent members
// and take names, and mutated packets do. So the answers may be wrong; but the
// agents must not fall, grow or fall silent.
func TestGarbageWithoutAKey(t *testing.T) {
	l := newLab(t, 4)
	for _, h := range l.Hosts {
		h.Key = ""
	}
	hosts, attacker := l.Hosts[:3], l.Hosts[3]
	start(t, hosts)
	garbage(t, hosts, attacker, garbageTime/2, func(h *Host) error {
		_, err := h.Ask(h.FQDN(), dns.TypeA)
		return err
	})
}

// garbage attacks hosts for a time, and asks meanwhile.
func garbage(t *testing.T, hosts []*Host, attacker *Host, lasts time.Duration, ask func(*Host) error) {
	t.Helper()
	seeds := capture(t, hosts)
	t.Logf("seeds: %d packets of gossip, %d pieces of streams", len(seeds.packets), len(seeds.pieces))
	time.Sleep(time.Second)
	before := sizes(t, hosts)
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	var sent, opened atomic.Int64
	var wg sync.WaitGroup
	for i, h := range hosts {
		at := func(port int) string { return net.JoinHostPort(h.Address, strconv.Itoa(port)) }
		own := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
		wg.Go(func() { throw(ctx, attacker, at(GossipPort), seeds.packets, &sent, uint64(i)) })
		wg.Go(func() { pour(ctx, attacker, at(GossipPort), seeds.pieces, &opened, uint64(i)) })
		wg.Go(func() { pour(ctx, attacker, at(PeerPort), seeds.pieces, &opened, uint64(i)) })
		wg.Go(func() { throw(ctx, h, own(DNSPort), questions(h), &sent, uint64(i)) })
		wg.Go(func() { pour(ctx, h, own(DNSPort), questions(h), &opened, uint64(i)) })
		wg.Go(func() { pour(ctx, h, own(HTTPPort), requests(h), &opened, uint64(i)) })
	}
	asked, repeated, lost := askMeanwhile(ctx, t, hosts, ask)
	wg.Wait()
	t.Logf("%d packets sent, %d connections made; %d questions, %d asked twice, %d unanswered", sent.Load(), opened.Load(), asked, repeated, lost)
	if asked < 50 || lost > asked/100 {
		t.Errorf("%d of %d questions were not answered", lost, asked)
	}
	noGrowth(t, hosts, before)
}

// askMeanwhile asks every host until ctx ends. As resolvers do, it asks twice,
// for a second each: what the flood leaves no room for in the socket's queue
// is lost before the agent can see it.
func askMeanwhile(ctx context.Context, t *testing.T, hosts []*Host, ask func(*Host) error) (asked, repeated, lost int) {
	for ; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		for _, h := range hosts {
			asked++
			if ask(h) != nil {
				repeated++
				if err := ask(h); err != nil {
					lost++
					t.Log(err)
				}
			}
			ok(t, h.Crashed())
		}
	}
	return asked, repeated, lost
}

// size is what must stay bounded: bytes, goroutines, bytes.
type size struct{ resident, goroutines, log float64 }

func (s size) String() string {
	return fmt.Sprintf("%.1f MiB, %.0f goroutines, %.0f KiB of log", s.resident/(1<<20), s.goroutines, s.log/(1<<10))
}

func sizes(t *testing.T, hosts []*Host) []size {
	t.Helper()
	out := make([]size, len(hosts))
	for i, h := range hosts {
		m, err := h.Metrics()
		ok(t, err)
		out[i] = size{m["process_resident_memory_bytes"], m["go_goroutines"], float64(len(h.Log()))}
		if out[i].resident == 0 || out[i].goroutines == 0 {
			t.Fatalf("%s does not say how big it is", h.Name)
		}
	}
	return out
}

// noGrowth waits a while for connections to end, and compares.
func noGrowth(t *testing.T, hosts []*Host, before []size) {
	t.Helper()
	within(t, 30*time.Second, "the agents are as small as before", hosts, func() error {
		for i, now := range sizes(t, hosts) {
			if now.goroutines > before[i].goroutines+goroutinesMax || now.resident > before[i].resident+growthMax ||
				now.log > before[i].log+logMax {
				return fmt.Errorf("%s was %s, is %s", hosts[i].Name, before[i], now)
			}
		}
		return nil
	})
	for i, now := range sizes(t, hosts) {
		t.Logf("%s before: %s; after: %s", hosts[i].Name, before[i], now)
	}
}

// throw sends packets as fast as they go.
func throw(ctx context.Context, from *Host, to string, seeds [][]byte, sent *atomic.Int64, seed uint64) {
	c, err := from.Dial(ctx, "udp", to)
	if err != nil {
		return
	}
	defer c.Close()
	r := rand.New(rand.NewPCG(seed, 1))
	for ctx.Err() == nil {
		if _, err := c.Write(mutated(r, seeds)); err == nil { // a full queue refuses some
			sent.Add(1)
		}
	}
}

// pour opens connections one after another and sends a few pieces on each.
func pour(ctx context.Context, from *Host, to string, seeds [][]byte, opened *atomic.Int64, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 2))
	for ctx.Err() == nil {
		c, err := from.Dial(ctx, "tcp", to)
		if err != nil {
			time.Sleep(time.Millisecond) // refused for a moment: there are too many
			continue
		}
		opened.Add(1)
		c.SetDeadline(time.Now().Add(50 * time.Millisecond))
		for range r.IntN(4) {
			if _, err := c.Write(mutated(r, seeds)); err != nil {
				break
			}
		}
		if r.IntN(2) == 0 {
			c.Read(make([]byte, 1024)) // whatever it says
		}
		if r.IntN(4) == 0 {
			c.(*net.TCPConn).SetLinger(0) // end with a reset
		}
		c.Close()
	}
}

// mutated is random bytes, or a seed with some of it changed.
func mutated(r *rand.Rand, seeds [][]byte) []byte {
	if len(seeds) == 0 || r.IntN(4) == 0 {
		b := make([]byte, r.IntN(1400))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	b := bytes.Clone(seeds[r.IntN(len(seeds))])
	for range r.IntN(6) {
		if len(b) == 0 {
			break
		}
		switch i := r.IntN(len(b)); r.IntN(5) {
		case 0:
			b[i] = byte(r.Uint32())
		case 1:
			b[i] ^= 1 << r.IntN(8)
		case 2:
			b = b[:i]
		case 3:
			b = append(b, b[i:]...)
		case 4:
			copy(b[i:], []byte{0xff, 0xff, 0xff, 0xff})
		}
	}
	return b[:min(len(b), 1400)]
}

// questions are DNS messages that are in order, as packets and, behind a
// length, as pieces of a stream.
func questions(h *Host) [][]byte {
	var out [][]byte
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypePTR, dns.TypeANY, dns.TypeTXT, dns.TypeSOA, dns.TypeAXFR} {
		for _, name := range []string{h.FQDN(), "web.service.yodel", "1.0.77.10.in-addr.arpa", "example.org", "."} {
			q := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
			q.SetEdns0(4096, true)
			b, err := q.Pack()
			if err != nil {
				continue
			}
			out = append(out, b, append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
		}
	}
	return out
}

// requests are HTTP requests that are in order.
func requests(h *Host) [][]byte {
	var out [][]byte
	for _, line := range []string{
		"GET /v1/mesh/nodes?filter=Node+==+%22" + h.Name + "%22", "GET /v1/mesh/nodes?index=1&wait=10m", "GET /metrics", "GET /readyz",
		"PUT /v1/mesh/register?name=x", "PUT /v1/agent/check/pass/x", "GET /v1/mesh/changes?since=24h", "GET /v1/catalog/nodes",
	} {
		out = append(out, []byte(line+" HTTP/1.1\r\nHost: 127.0.0.1:8500\r\nContent-Length: 14\r\nAccept-Encoding: gzip\r\n\r\n{\"Name\": \"x!\"}"))
	}
	return out
}

// traffic is what was overheard.
type traffic struct{ packets, pieces [][]byte }

// capture listens on the cable of the first host while it is busy.
func capture(t *testing.T, hosts []*Host) traffic {
	t.Helper()
	var fd int
	ok(t, in(hosts[0].namespace, func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.ETH_P_ALL<<8)
		return err
	}))
	defer unix.Close(fd)
	ok(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}))
	for i := range 5 {
		ok(t, hosts[1].Register(fmt.Sprint("busy", i)))
	}
	ok(t, hosts[0].Stop()) // its return makes streams, and all of them on its own cable
	ok(t, hosts[0].Start())
	var out traffic
	b := make([]byte, 65536)
	for begin := time.Now(); time.Since(begin) < 5*time.Second; {
		if n, _, err := unix.Recvfrom(fd, b, 0); err == nil {
			out.overhear(bytes.Clone(b[:n]))
		}
	}
	within(t, healBudget, "whole again", hosts, func() error {
		return errors.Join(whole(hosts), Status(hosts, hosts[0].Name, catalog.Alive))
	})
	if len(out.packets) < 10 || len(out.pieces) < 2 {
		t.Fatalf("overheard only %d packets and %d pieces", len(out.packets), len(out.pieces))
	}
	return out
}

// overhear keeps what an IPv4 packet carries to or from the gossip and peer ports.
func (c *traffic) overhear(b []byte) {
	const most = 500
	if len(b) < 20 || b[0]>>4 != 4 {
		return
	}
	header := int(b[0]&15) * 4
	protocol, b := b[9], b[min(header, len(b)):]
	if len(b) < 20 {
		return
	}
	from, to := int(binary.BigEndian.Uint16(b)), int(binary.BigEndian.Uint16(b[2:]))
	if from != GossipPort && to != GossipPort && from != PeerPort && to != PeerPort {
		return
	}
	switch {
	case protocol == unix.IPPROTO_UDP && len(c.packets) < most:
		c.packets = append(c.packets, b[8:])
	case protocol == unix.IPPROTO_TCP && len(c.pieces) < most:
		if b = b[min(int(b[12]>>4)*4, len(b)):]; len(b) > 0 {
			c.pieces = append(c.pieces, b)
		}
	}
}
