package facts

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// answerMax is the most that a server may send to who said nothing of EDNS
// (RFC 1035 2.3.4).
const answerMax = 512

// askAddrs asks one server for the addresses of a name.
func askAddrs(ctx context.Context, server netip.AddrPort, name string, v4 bool) ([]netip.Addr, error) {
	kind := dnsmessage.TypeAAAA
	if v4 {
		kind = dnsmessage.TypeA
	}
	answers, err := ask(ctx, server, name, kind)
	if err != nil {
		return nil, err
	}
	var found []netip.Addr
	for _, a := range answers {
		switch body := a.Body.(type) {
		case *dnsmessage.AResource:
			found = append(found, netip.AddrFrom4(body.A))
		case *dnsmessage.AAAAResource:
			found = append(found, netip.AddrFrom16(body.AAAA))
		}
	}
	if len(found) == 0 {
		return nil, errors.New("no address")
	}
	return found, nil
}

// askNames asks one server for the names of an address.
func askNames(ctx context.Context, server netip.AddrPort, addr netip.Addr) ([]string, error) {
	answers, err := ask(ctx, server, reverseName(addr), dnsmessage.TypePTR)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, a := range answers {
		if body, ok := a.Body.(*dnsmessage.PTRResource); ok {
			found = append(found, body.PTR.String())
		}
	}
	return found, nil
}

// reverseName is the name that has the PTR of an address (RFC 1035 3.5, RFC 3596 2.5).
func reverseName(addr netip.Addr) string {
	var b strings.Builder
	if addr.Is4() {
		a := addr.As4()
		return fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa.", a[3], a[2], a[1], a[0])
	}
	a := addr.As16()
	for i := 15; i >= 0; i-- {
		fmt.Fprintf(&b, "%x.%x.", a[i]&0xf, a[i]>>4)
	}
	return b.String() + "ip6.arpa."
}

// ask sends one question over UDP and waits lookupTimeout for the answer.
func ask(ctx context.Context, server netip.AddrPort, name string, kind dnsmessage.Type) ([]dnsmessage.Resource, error) {
	n, err := dnsmessage.NewName(strings.TrimSuffix(name, ".") + ".")
	if err != nil {
		return nil, fmt.Errorf("ask for %q: %w", name, err)
	}
	question := dnsmessage.Question{Name: n, Type: kind, Class: dnsmessage.ClassINET}
	query := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: uint16(rand.Uint32()), RecursionDesired: true},
		Questions: []dnsmessage.Question{question},
	}
	packet, err := query.Pack()
	if err != nil {
		return nil, fmt.Errorf("ask for %q: %w", name, err)
	}
	deadline := time.Now().Add(lookupTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", server.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	if _, err := conn.Write(packet); err != nil {
		return nil, err
	}
	buf := make([]byte, answerMax)
	for {
		size, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		answers, ours, err := parseAnswer(buf[:size], query.ID, question)
		if ours {
			return answers, err
		}
	}
}

// parseAnswer reads the answer to a question. ours is false for a packet that
// answers another one.
func parseAnswer(packet []byte, id uint16, q dnsmessage.Question) (answers []dnsmessage.Resource, ours bool, err error) {
	var m dnsmessage.Message
	if err := m.Unpack(packet); err != nil || m.ID != id || !m.Response {
		return nil, false, nil
	}
	if len(m.Questions) != 1 || m.Questions[0].Type != q.Type || !strings.EqualFold(m.Questions[0].Name.String(), q.Name.String()) {
		return nil, false, nil
	}
	if m.RCode != dnsmessage.RCodeSuccess {
		return nil, true, errors.New(strings.TrimPrefix(m.RCode.String(), "RCode"))
	}
	return m.Answers, true, nil
}
