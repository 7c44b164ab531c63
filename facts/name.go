package facts

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"
)

// lookupTimeout bounds one question to the resolver. It is less than glibc's
// five seconds for a server that does not answer.
const lookupTimeout = 2 * time.Second

// fqdn is the host's fully qualified name as hostname -f and the JVM find it:
// the host name if it has a domain, else the canonical name that /etc/hosts
// gives for it, else what the resolver says. The resolver is asked once in the
// life of a Collector: a name must not come and go with a name server.
func (c *Collector) fqdn(ctx context.Context, host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if strings.Contains(host, ".") || host == "" {
		return host
	}
	if file, err := read(c.path("etc/hosts")); err == nil {
		if name, ok := parseHosts(file).canonical(host); ok {
			return qualified(name) // as glibc: what the file has is final
		}
	}
	before := c.before.OS
	known := ""
	if strings.HasPrefix(before.FQDN, host+".") {
		known = before.FQDN
	}
	if c.asked == host {
		return known
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	name, err := c.lookup(ctx, host)
	if err != nil {
		if nx, ok := errors.AsType[*net.DNSError](err); ok && nx.IsNotFound {
			c.asked = host
		}
		return known
	}
	c.asked = host
	if name = qualified(name); name == "" {
		return known
	}
	return name
}

// qualified is name in lower case and without a final dot; empty if it has no domain.
func qualified(name string) string {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if !strings.Contains(name, ".") {
		return ""
	}
	return name
}

// canonical asks the system's resolver, search domains included.
func canonical(ctx context.Context, host string) (string, error) {
	return (&net.Resolver{PreferGo: true}).LookupCNAME(ctx, host)
}

// hosts is what hosts(5) says, in its order.
type hosts []hostLine

type hostLine struct {
	addr  netip.Addr
	names []string // the first is the canonical one
}

func parseHosts(s string) hosts {
	var h hosts
	for line := range strings.Lines(s) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		if addr, err := netip.ParseAddr(f[0]); err == nil {
			h = append(h, hostLine{addr.Unmap(), f[1:]})
		}
	}
	return h
}

// canonical is the first name on the first line that has name.
func (h hosts) canonical(name string) (string, bool) {
	for _, l := range h {
		for _, n := range l.names {
			if strings.EqualFold(n, name) {
				return l.names[0], true
			}
		}
	}
	return "", false
}

// addrs are the addresses of name.
func (h hosts) addrs(name string) []netip.Addr {
	var found []netip.Addr
	for _, l := range h {
		for _, n := range l.names {
			if strings.EqualFold(n, name) {
				found = append(found, l.addr)
				break
			}
		}
	}
	return found
}
