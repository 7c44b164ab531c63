package facts

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
)

// Status is how fit a host is in one respect.
type Status string

// The statuses of a finding. Warn works and will hurt some day.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Finding is what one look at the host found.
type Finding struct {
	Check  string `json:"Check"` // "forward", "clock", ...
	Status Status `json:"Status"`
	Detail string `json:"Detail"`
	Hint   string `json:"Hint,omitempty"` // what to do; empty if all is well
}

// Port is one that the agent listens on.
type Port struct {
	Name    string // "gossip", "dns", ...
	Network string // "tcp" or "udp"
	Addr    netip.AddrPort
}

// FitOptions say what this host is meant to be. All may be left zero.
type FitOptions struct {
	Root     string         // as of Options
	Name     string         // of the node; empty: what hostname -f says
	Address  netip.Addr     // as others reach it; zero: as Primary chooses
	Resolver netip.AddrPort // yodel's DNS, asked beside the system's resolver; zero: it is not
	DataDir  string         // empty: not looked at
	Ports    []Port
}

// resolver is what programs on the host ask, files included.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupAddr(ctx context.Context, addr string) ([]string, error)
}

// Fit looks whether the host can carry a node, and what of it would make
// Hadoop, Kerberos or the JVM stumble. It changes nothing, asks the resolvers
// of the host, and is done within a few lookupTimeouts. Every check has at
// least one finding, in a fixed order.
func Fit(ctx context.Context, o FitOptions) []Finding {
	return fit(ctx, o, &net.Resolver{PreferGo: true})
}

func fit(ctx context.Context, o FitOptions, system resolver) []Finding {
	c := New(Options{Root: o.Root})
	var found []Finding
	kernel, err := hostName(c.root)
	if err != nil {
		found = append(found, Finding{"name", Fail, err.Error(), "set one with hostnamectl set-hostname"})
	}
	full := c.fqdn(ctx, kernel)
	name := strings.ToLower(o.Name)
	if name == "" {
		name = full
	}
	if name == "" {
		name = strings.ToLower(kernel)
	}
	addr := o.Address
	if !addr.IsValid() {
		if addr, err = Primary(); err != nil {
			found = append(found, Finding{"address", Fail, err.Error(), errHint.Error()})
		}
	}
	found = append(found, judgeName(o.Name, kernel, full)...)
	found = append(found, c.fitNames(ctx, system, name, addr)...)
	if o.Resolver.IsValid() {
		found = append(found, fitResolver(ctx, o.Resolver, name, addr)...)
	}
	found = append(found, judgeResolv(word(c.path("etc/resolv.conf")), o.Resolver))
	found = append(found, fitClock())
	for _, p := range o.Ports {
		found = append(found, fitPort(c.root, p))
	}
	if o.DataDir != "" {
		found = append(found, fitDir(filepath.Join(c.root, o.DataDir)))
	}
	return append(found, fitFiles())
}

// fitNames asks the files and the resolver of the system.
func (c *Collector) fitNames(ctx context.Context, system resolver, name string, addr netip.Addr) []Finding {
	found := []Finding{judgeNSS(word(c.path("etc/nsswitch.conf")))}
	file, err := read(c.path("etc/hosts"))
	if err != nil {
		found = append(found, Finding{"hosts file", Warn, err.Error(), "make it readable for everyone, with the host's own name in it"})
	} else {
		found = append(found, judgeHosts(parseHosts(file), name, addr))
	}
	forward, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addrs, err := system.LookupNetIP(forward, "ip", name)
	found = append(found, judgeForward("forward", name, addr, addrs, err))
	if !addr.IsValid() {
		return found
	}
	back, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	names, err := system.LookupAddr(back, addr.String())
	return append(found, judgeReverse("reverse", name, addr, names, err))
}

// fitResolver asks one DNS server itself, past the files of the system.
func fitResolver(ctx context.Context, server netip.AddrPort, name string, addr netip.Addr) []Finding {
	if !addr.IsValid() {
		return nil
	}
	addrs, err := askAddrs(ctx, server, name, addr.Is4())
	found := []Finding{judgeForward("forward by "+server.String(), name, addr, addrs, err)}
	names, err := askNames(ctx, server, addr)
	return append(found, judgeReverse("reverse by "+server.String(), name, addr, names, err))
}

// judgeName judges the name of the node (empty: none configured), the kernel's
// and the one that hostname -f says (empty: none).
func judgeName(node, kernel, full string) []Finding {
	name := node
	if name == "" {
		name = kernel
	}
	var found []Finding
	bad := func(s Status, detail, hint string) { found = append(found, Finding{"name", s, detail, hint}) }
	if strings.Contains(name, "_") {
		bad(Fail, fmt.Sprintf("%s has an underscore: java.net.URI finds no host in hdfs://%s/", name, name), "rename the host, with - instead of _")
	}
	if name != strings.ToLower(name) {
		bad(Warn, name+" has capital letters, which some programs compare letter by letter", "rename the host to "+strings.ToLower(name))
	}
	short, _, _ := strings.Cut(strings.ToLower(name), ".")
	if short == "localhost" || short == "" {
		bad(Fail, fmt.Sprintf("%q is no name of its own", name), "set one with hostnamectl set-hostname")
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if len(label) > 63 || strings.Trim(label, "-") != label || label == "" {
			bad(Fail, fmt.Sprintf("%q is no part of a host name: 1 to 63 letters, digits and -, none at the ends (RFC 1123)", label), "rename the host")
			break
		}
	}
	switch {
	case full == "":
		bad(Warn, "hostname -f knows no domain for "+kernel, "put the address, the full name and the short one into /etc/hosts, in this order")
	case strings.Contains(node, ".") && !strings.EqualFold(node, full):
		bad(Fail, fmt.Sprintf("node_name is %s, hostname -f says %s", node, full), "make them the same: Kerberos principals and region servers go by hostname -f")
	}
	if found == nil {
		bad(OK, full, "")
	}
	return found
}

// judgeHosts judges what the hosts file says of the host itself.
func judgeHosts(h hosts, name string, addr netip.Addr) Finding {
	const check = "hosts file"
	short, _, _ := strings.Cut(name, ".")
	line := fmt.Sprintf("%s %s %s", addr, name, short)
	if !addr.IsValid() {
		line = "ADDRESS " + name + " " + short
	}
	addrs := append(h.addrs(name), h.addrs(short)...)
	if len(addrs) == 0 {
		return Finding{check, Warn, name + " is not in /etc/hosts: at boot it resolves only once something answers DNS", "add: " + line}
	}
	for _, a := range addrs {
		switch {
		case a.IsLoopback():
			return Finding{check, Fail, fmt.Sprintf("/etc/hosts has %s at %s: daemons listen and register there, where no other host reaches them", name, a),
				"replace that line by: " + line}
		case addr.IsValid() && a.Is4() == addr.Is4() && a != addr:
			return Finding{check, Fail, fmt.Sprintf("/etc/hosts has %s at %s, the host is at %s", name, a, addr), "replace that line by: " + line}
		}
	}
	if first, ok := h.canonical(short); ok && strings.Contains(name, ".") && first != name {
		return Finding{check, Warn, fmt.Sprintf("the first name of the line is %s: that is what hostname -f and reverse lookups say", first), "write: " + line}
	}
	return Finding{check, OK, fmt.Sprintf("%s at %v", name, addrs[0]), ""}
}

// judgeNSS judges the line "hosts:" of nsswitch.conf(5).
func judgeNSS(s string) Finding {
	const check, hint = "nsswitch", "write in /etc/nsswitch.conf: hosts: files dns"
	var sources []string
	for line := range strings.Lines(s) {
		line, _, _ = strings.Cut(line, "#")
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "hosts:"); ok {
			sources = strings.Fields(rest)
		}
	}
	if sources == nil {
		return Finding{check, Warn, "no line for hosts: glibc asks dns before files", hint}
	}
	files, dns := len(sources), len(sources)
	for i, source := range sources {
		switch source {
		case "files":
			files = min(files, i)
		case "dns", "resolve":
			dns = min(dns, i)
		}
	}
	said := "hosts: " + strings.Join(sources, " ")
	switch {
	case dns == len(sources):
		return Finding{check, Fail, said + ": DNS is never asked", hint}
	case files > dns:
		return Finding{check, Warn, said + ": the host's own name depends on DNS", hint}
	}
	return Finding{check, OK, said, ""}
}

// judgeForward judges the addresses found for name.
func judgeForward(check, name string, addr netip.Addr, got []netip.Addr, err error) Finding {
	if err != nil {
		return Finding{check, Fail, fmt.Sprintf("look up %s: %v", name, err), "put the host into /etc/hosts, and see whether the resolver answers: docs/resolvers.md"}
	}
	own := false
	for _, a := range got {
		a = a.Unmap()
		own = own || a == addr
		if a.IsLoopback() {
			return Finding{check, Fail, fmt.Sprintf("%s is %s, which on every host is the host itself", name, a), "put the address that others use into /etc/hosts"}
		}
	}
	if !addr.IsValid() || own {
		return Finding{check, OK, fmt.Sprintf("%s is %v", name, got), ""}
	}
	return Finding{check, Fail, fmt.Sprintf("%s is %v, the host is at %s", name, got, addr), "correct the record, or set advertise_addr"}
}

// judgeReverse judges the names found for addr. The JVM takes the first only if
// it resolves to addr again, and keeps its capital letters.
func judgeReverse(check, name string, addr netip.Addr, got []string, err error) Finding {
	if err != nil {
		return Finding{check, Fail, fmt.Sprintf("look up %s: %v", addr, err),
			"forward the reverse zone to yodel (docs/resolvers.md): the NameNode refuses DataNodes whose address has no name"}
	}
	var names []string
	for _, n := range got {
		names = append(names, strings.TrimSuffix(n, "."))
	}
	switch {
	case len(names) == 0:
		return Finding{check, Fail, fmt.Sprintf("%s has no name", addr), "forward the reverse zone to yodel (docs/resolvers.md)"}
	case !strings.EqualFold(names[0], name):
		return Finding{check, Fail, fmt.Sprintf("%s is %s, the host is %s", addr, names[0], name), "make the reverse name the host's own full name"}
	case names[0] != strings.ToLower(names[0]):
		return Finding{check, Warn, fmt.Sprintf("%s is %s, with capital letters", addr, names[0]), "write the name in lower case"}
	case len(names) > 1 && !strings.HasPrefix(name, names[1]+"."):
		return Finding{check, Warn, fmt.Sprintf("%s has several names, %v: which of them is used is chance", addr, names), "keep one"}
	}
	return Finding{check, OK, fmt.Sprintf("%s is %s", addr, names[0]), ""}
}

// judgeResolv judges resolv.conf(5). If yodel's DNS is on port 53 it should be
// the first name server.
func judgeResolv(s string, yodel netip.AddrPort) Finding {
	const check = "resolv.conf"
	var servers, options []string
	for line := range strings.Lines(s) {
		f := strings.Fields(line)
		switch {
		case len(f) > 1 && f[0] == "nameserver":
			servers = append(servers, f[1])
		case len(f) > 1 && f[0] == "options":
			options = append(options, f[1:]...)
		}
	}
	said := "name servers " + strings.Join(servers, ", ")
	brief := false
	for _, o := range options {
		if o == "rotate" {
			return Finding{check, Warn, "options rotate sends questions past the first name server", "take rotate out of /etc/resolv.conf"}
		}
		brief = brief || strings.HasPrefix(o, "timeout:") && o != "timeout:5"
	}
	switch {
	case len(servers) == 0:
		return Finding{check, Warn, "no name server", "docs/resolvers.md has a recipe for each resolver"}
	case len(servers) > 3:
		return Finding{check, Warn, fmt.Sprintf("%d name servers, of which glibc asks the first three", len(servers)), "keep three"}
	case yodel.Port() == 53 && servers[0] != yodel.Addr().String():
		return Finding{check, Warn, said + ": yodel answers at " + yodel.Addr().String() + " and is not the first",
			"put nameserver " + yodel.Addr().String() + " first, unless a local resolver forwards to it (docs/resolvers.md)"}
	case len(servers) > 1 && !brief:
		return Finding{check, Warn, said + ": one that does not answer costs 5 s", "add: options timeout:1 attempts:2"}
	}
	return Finding{check, OK, said, ""}
}
