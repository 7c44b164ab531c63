package facts

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/yodel-mesh/yodel/catalog"
)

// interfacesMax and addressesMax are more than a host with many virtual
// networks has; each interface costs a netlink dump to ask.
const (
	interfacesMax = 128
	addressesMax  = 64 // of one interface
)

// interfaces reads those that are up and have an address by which others reach
// the host: not loopback, not link-local, not the temporary ones of RFC 8981,
// which change every day. inet6 is the path of /proc/net/if_inet6.
func interfaces(inet6 string) ([]catalog.Interface, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	flags, _ := read(inet6) // absent without IPv6
	passing := temporary(flags)
	slices.SortFunc(list, func(a, b net.Interface) int { return strings.Compare(a.Name, b.Name) })
	var found []catalog.Interface
	var problems []error
	for _, i := range list {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		if len(found) == interfacesMax {
			problems = append(problems, fmt.Errorf("only the first %d interfaces are kept", interfacesMax))
			break
		}
		addrs, err := i.Addrs()
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", i.Name, err))
			continue
		}
		if said := addresses(addrs, passing); len(said) > 0 {
			found = append(found, catalog.Interface{
				Name: i.Name, MAC: i.HardwareAddr.String(), MTU: i.MTU, Addresses: said,
			})
		}
	}
	return found, errors.Join(problems...)
}

// addresses are those worth saying, with prefix length, sorted.
func addresses(list []net.Addr, passing map[netip.Addr]bool) []string {
	var said []string
	for _, a := range list {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		ip := p.Addr().WithZone("")
		if ip.IsLinkLocalUnicast() || ip.IsLoopback() || passing[ip] {
			continue
		}
		said = append(said, netip.PrefixFrom(ip, p.Bits()).String())
	}
	slices.Sort(said)
	said = slices.Compact(said)
	return said[:min(len(said), addressesMax)]
}

// temporary reads /proc/net/if_inet6 for the addresses that will not stay or
// are not yet proven to be ours (IFA_F_TEMPORARY 01, IFA_F_DADFAILED 08,
// IFA_F_TENTATIVE 40).
//
//	fd000000000000000000000000000002 04 40 00 80     eth0
//	address                          if len scope flags name
func temporary(s string) map[netip.Addr]bool {
	found := map[netip.Addr]bool{}
	for line := range strings.Lines(s) {
		f := strings.Fields(line)
		if len(f) != 6 || len(f[0]) != 32 {
			continue
		}
		flags, err := strconv.ParseUint(f[4], 16, 32)
		if err != nil || flags&0x49 == 0 {
			continue
		}
		var colons []string
		for i := 0; i < 32; i += 4 {
			colons = append(colons, f[0][i:i+4])
		}
		if ip, err := netip.ParseAddr(strings.Join(colons, ":")); err == nil {
			found[ip] = true
		}
	}
	return found
}
