package dnsd

import (
	"fmt"
	"net/netip"

	"github.com/miekg/dns"
)

// Lookup is what a client is told of a service in a data centre over TCP: where
// each healthy instance is, in no order. It takes the way of every question, but
// no socket.
func (s *Server) Lookup(service, datacenter string) ([]netip.AddrPort, error) {
	name := service + ".service." + datacenter + "." + dns.Fqdn(s.live.Load().Domain)
	req := new(dns.Msg).SetQuestion(name, dns.TypeSRV)
	pkt, err := req.Pack()
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", service, err)
	}
	reply, ask := s.answer(pkt, false, 0)
	got := new(dns.Msg)
	switch {
	case ask != nil:
		return nil, fmt.Errorf("look up %s: not a name of ours", service)
	case got.Unpack(reply) != nil:
		return nil, fmt.Errorf("look up %s: a garbled answer", service)
	case got.Rcode != dns.RcodeSuccess && got.Rcode != dns.RcodeNameError:
		return nil, fmt.Errorf("look up %s: %s", service, rcodeName(got.Rcode))
	}
	addrs := make(map[string]netip.Addr)
	for _, rr := range got.Extra {
		if a, ok := rr.(*dns.A); ok {
			addrs[a.Hdr.Name], _ = netip.AddrFromSlice(a.A.To4())
		}
		if a, ok := rr.(*dns.AAAA); ok {
			addrs[a.Hdr.Name], _ = netip.AddrFromSlice(a.AAAA)
		}
	}
	var out []netip.AddrPort
	for _, rr := range got.Answer {
		if srv, ok := rr.(*dns.SRV); ok {
			out = append(out, netip.AddrPortFrom(addrs[srv.Target], srv.Port))
		}
	}
	return out, nil
}
