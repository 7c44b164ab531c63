package dnsd

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// Health is what the checks of an instance, and of its node, say together.
type Health uint8

// Critical instances are in no answer. Warning ones are, unless OnlyPassing.
const (
	Passing Health = iota
	Warning
	Critical
)

// A Host is everything DNS says of one node.
type Host struct {
	Name       string       // node name, unique; may hold dots; answered without regard to case
	Datacenter string       // "": the node has no names with a data centre
	FQDN       string       // the host's own fully qualified name, "" for none; used if inside HostDomains
	Addrs      []netip.Addr // the first IPv4 and the first IPv6 address are its A and AAAA; each has a PTR
	Meta       map[string]string
	Instances  []Instance
	Down       bool // the node is failed: its instances are gone, its names stay, and it loses conflicts
}

// An Instance is one copy of a service on a host.
type Instance struct {
	ID      string
	Service string
	Tags    []string
	Address string // IP address or host name; "": the host's own addresses
	Port    uint16
	Weight  uint16 // of the SRV record; 0 means 1
	Health  Health
}

// clone keeps the server independent of the caller's slices and maps, and
// brings names and addresses into the one form that is compared.
func (h Host) clone() Host {
	h.FQDN = strings.ToLower(strings.TrimSuffix(h.FQDN, "."))
	h.Datacenter = strings.ToLower(h.Datacenter)
	h.Meta = maps.Clone(h.Meta)
	h.Addrs = slices.Clone(h.Addrs)
	for i, a := range h.Addrs {
		h.Addrs[i] = a.Unmap().WithZone("")
	}
	h.Addrs = slices.DeleteFunc(h.Addrs, func(a netip.Addr) bool { return !a.IsValid() || a.IsUnspecified() })
	h.Instances = slices.Clone(h.Instances)
	for i := range h.Instances {
		in := &h.Instances[i]
		in.Service = strings.ToLower(in.Service)
		in.Tags = slices.Clone(in.Tags)
		for j, tag := range in.Tags {
			in.Tags[j] = strings.ToLower(tag)
		}
	}
	return h
}

// sameNames tells whether o has the same names, addresses, and claim to them.
func (h *Host) sameNames(o *Host) bool {
	return h.Name == o.Name && h.Datacenter == o.Datacenter && h.FQDN == o.FQDN && h.Down == o.Down &&
		slices.Equal(h.Addrs, o.Addrs) && maps.Equal(h.Meta, o.Meta)
}

func (h *Host) sameInstances(o *Host) bool {
	return slices.EqualFunc(h.Instances, o.Instances, func(a, b Instance) bool {
		return a.ID == b.ID && a.Service == b.Service && a.Address == b.Address && a.Port == b.Port &&
			a.Weight == b.Weight && a.Health == b.Health && slices.Equal(a.Tags, b.Tags)
	})
}

// v4 and v6 are the host's A and AAAA, invalid if it has none.
func (h *Host) v4() netip.Addr { return first(h.Addrs, netip.Addr.Is4) }
func (h *Host) v6() netip.Addr { return first(h.Addrs, netip.Addr.Is6) }

func first(addrs []netip.Addr, is func(netip.Addr) bool) netip.Addr {
	if i := slices.IndexFunc(addrs, is); i >= 0 {
		return addrs[i]
	}
	return netip.Addr{}
}
