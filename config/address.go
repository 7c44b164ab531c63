package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

const addressHint = `write an IP address or a template such as "{{ GetPrivateIP }}"`

// address is one IP address, or a template that becomes one.
func address(any bool) form[netip.Addr] {
	return form[netip.Addr]{kind: "address", read: func(r *reader, v *value, into *netip.Addr) {
		list := r.addresses(v)
		switch {
		case len(list) == 0:
		case len(list) > 1:
			r.fail(v.at, fmt.Sprintf("%d addresses, want one", len(list)), "")
		case !any && list[0].IsUnspecified():
			r.fail(v.at, fmt.Sprintf("%s is no address that others could reach", list[0]), addressHint)
		default:
			*into = list[0]
		}
	}}
}

// addressList is one or more addresses separated by spaces. It replaces what
// earlier files gave.
func addressList() form[[]netip.Addr] {
	return form[[]netip.Addr]{kind: "addresses", read: func(r *reader, v *value, into *[]netip.Addr) {
		if list := r.addresses(v); len(list) > 0 {
			*into = list
		}
	}}
}

func (r *reader) addresses(v *value) []netip.Addr {
	s, ok := r.text(v)
	if !ok {
		return nil
	}
	expanded, err := expand(s)
	if err != nil {
		r.fail(v.at, shorten(err.Error()), addressHint)
		return nil
	}
	var list []netip.Addr
	for part := range strings.FieldsSeq(expanded) {
		addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(part, "["), "]"))
		if err != nil {
			hint := addressHint
			if strings.HasPrefix(part, "unix:") {
				hint = "unix sockets are not supported"
			}
			r.fail(v.at, fmt.Sprintf("%q is no IP address", shorten(part)), hint)
			return nil
		}
		if addr = addr.Unmap(); !slices.Contains(list, addr) {
			list = append(list, addr)
		}
	}
	if len(list) == 0 {
		r.fail(v.at, "is empty", addressHint)
	}
	return list
}

// recursors is a list of resolvers: addresses, with or without a port, or
// templates.
func recursors() form[[]netip.AddrPort] {
	return form[[]netip.AddrPort]{kind: "list of strings", read: func(r *reader, v *value, into *[]netip.AddrPort) {
		r.items(v, func(item *value) {
			s, ok := r.text(item)
			if !ok {
				return
			}
			expanded, err := expand(s)
			if err != nil {
				r.fail(item.at, shorten(err.Error()), addressHint)
				return
			}
			for part := range strings.FieldsSeq(expanded) {
				addr, ok := recursor(part)
				if !ok {
					r.fail(item.at, fmt.Sprintf("%q is no resolver", shorten(part)), `write "192.0.2.53" or "192.0.2.53:53"`)
					return
				}
				if !slices.Contains(*into, addr) {
					*into = append(*into, addr)
				}
			}
		})
	}}
}

func recursor(s string) (netip.AddrPort, bool) {
	if a, err := netip.ParseAddrPort(s); err == nil {
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), a.Port() != 0 && !a.Addr().IsUnspecified()
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return netip.AddrPortFrom(a.Unmap(), 53), err == nil && !a.IsUnspecified()
}

// Advertise is the address that others are told, as far as it is written:
// advertise_addr, else bind_addr if that is one address. Otherwise it is for
// the host to choose.
func (c Config) Advertise() (a netip.Addr, written bool) {
	if c.AdvertiseAddr.IsValid() {
		return c.AdvertiseAddr, true
	}
	return c.BindAddr, !c.BindAddr.IsUnspecified()
}

// DNSAddrs are where DNS listens, UDP and TCP; none if it is not served.
func (c Config) DNSAddrs() []netip.AddrPort { return c.listen(c.Addresses.DNS, c.Ports.DNS) }

// HTTPAddrs are where the HTTP API listens; none if it is not served.
func (c Config) HTTPAddrs() []netip.AddrPort { return c.listen(c.Addresses.HTTP, c.Ports.HTTP) }

func (c Config) listen(own []netip.Addr, port int) []netip.AddrPort {
	if port < 0 {
		return nil
	}
	if own == nil {
		own = c.ClientAddrs
	}
	list := make([]netip.AddrPort, len(own))
	for i, addr := range own {
		list[i] = netip.AddrPortFrom(addr, uint16(port))
	}
	return list
}

// GossipAddr is where gossip listens, UDP and TCP.
func (c Config) GossipAddr() netip.AddrPort {
	return netip.AddrPortFrom(c.BindAddr, uint16(c.Ports.Gossip))
}

// PeerAddr is where peers connect to, TCP.
func (c Config) PeerAddr() netip.AddrPort {
	return netip.AddrPortFrom(c.BindAddr, uint16(c.Ports.Peer))
}
