package facts

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/yodel-mesh/yodel/catalog"
)

// Primary is the address to advertise when none is configured: the private
// IPv4 address of the interface with the default route, as Consul has it; on
// a host without a default route the only private one there is; on a host
// without IPv4 the IPv6 one chosen alike. More than one is an error, which
// names them and the key to set.
//
// Consul's own go-sockaddr is not used because it starts "ip route".
func Primary() (netip.Addr, error) {
	list, err := interfaces("/proc/net/if_inet6")
	if len(list) == 0 && err != nil {
		return netip.Addr{}, fmt.Errorf("choose address: %w", err)
	}
	return primary(list, defaultRoutes("/"))
}

var errHint = errors.New("set advertise_addr (or bind_addr) to the address by which the other hosts reach this one")

// primary chooses among the addresses of list; routes are the names of the
// interfaces with a default route.
func primary(list []catalog.Interface, routes []string) (netip.Addr, error) {
	public := ""
	for _, v4 := range []bool{true, false} {
		var routed, others []netip.Addr
		for _, i := range list {
			for _, s := range i.Addresses {
				p, err := netip.ParsePrefix(s)
				if err != nil || p.Addr().Is4() != v4 {
					continue
				}
				switch {
				case !private(p.Addr()):
					public = p.Addr().String()
				case slices.Contains(routes, i.Name):
					routed = append(routed, p.Addr())
				default:
					others = append(others, p.Addr())
				}
			}
		}
		if len(routed) == 0 && len(routes) == 0 {
			routed = others
		}
		if len(routed) == 1 {
			return routed[0], nil
		}
		if len(routed) > 1 {
			return netip.Addr{}, fmt.Errorf("choose address: several private ones, %v: %w", routed, errHint)
		}
		if len(others) > 0 {
			return netip.Addr{}, fmt.Errorf("choose address: none of %v is on the interface with the default route (%s): %w",
				others, strings.Join(routes, ", "), errHint)
		}
	}
	if public != "" {
		return netip.Addr{}, fmt.Errorf("choose address: only public ones such as %s: %w", public, errHint)
	}
	return netip.Addr{}, fmt.Errorf("choose address: no interface is up with an address: %w", errHint)
}

// special are the networks of RFC 6890 that a site may use for itself, beside
// those that netip calls private.
var special = []netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
}

func private(a netip.Addr) bool {
	return a.IsPrivate() || slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}

// defaultRoutes are the names of the interfaces with the default route of the
// least metric, of IPv4 and of IPv6.
func defaultRoutes(root string) []string {
	v4, _ := read(filepath.Join(root, "proc/net/route"))
	v6, _ := read(filepath.Join(root, "proc/net/ipv6_route"))
	return append(routes4(v4), routes6(v6)...)
}

const (
	routeUp     = 0x1
	routeReject = 0x200
)

// routes4 reads /proc/net/route; numbers are hexadecimal but for the metric.
//
//	Iface Destination Gateway Flags RefCnt Use Metric Mask ...
func routes4(s string) []string {
	var found least
	for line := range strings.Lines(s) {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		flags, err := strconv.ParseUint(f[3], 16, 32)
		metric, err2 := strconv.ParseUint(f[6], 10, 32)
		if err == nil && err2 == nil {
			found.add(f[0], flags, metric)
		}
	}
	return found.names
}

// routes6 reads /proc/net/ipv6_route; all numbers are hexadecimal.
//
//	destination len source len gateway metric refs use flags iface
func routes6(s string) []string {
	var found least
	for line := range strings.Lines(s) {
		f := strings.Fields(line)
		if len(f) != 10 || f[1] != "00" || strings.Trim(f[0], "0") != "" || f[9] == "lo" {
			continue
		}
		metric, err := strconv.ParseUint(f[5], 16, 32)
		flags, err2 := strconv.ParseUint(f[8], 16, 32)
		if err == nil && err2 == nil {
			found.add(f[9], flags, metric)
		}
	}
	return found.names
}

// least keeps the names of the routes with the least metric.
type least struct {
	metric uint64
	names  []string
}

func (l *least) add(name string, flags, metric uint64) {
	if flags&routeUp == 0 || flags&routeReject != 0 || len(l.names) > 0 && metric > l.metric {
		return
	}
	if len(l.names) > 0 && metric < l.metric {
		l.names = nil
	}
	l.metric = metric
	if !slices.Contains(l.names, name) {
		l.names = append(l.names, name)
	}
}
