package config

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/yodel-mesh/yodel/checks"
)

// places are where definitions were written, so that rules about several of
// them can name lines. The first of each name counts, and the repetitions.
type places map[string][]position

func (p places) add(name string, at position) { p[name] = append(p[name], at) }

func (p places) first(name string) position {
	if list := p[name]; len(list) > 0 {
		return list[0]
	}
	return position{}
}

// validate holds the rules that need more than one value.
func (r *reader) validate(c *Config) {
	r.identity(c)
	r.ports(c)
	r.http(c)
	r.domains(c)
	r.unique(*c)
	r.scripts(c)
	r.references(c)
}

// at reports a problem at the place where a path was last set.
func (r *reader) at(path, what, hint string) {
	r.in(path, func() { r.fail(r.where[path], what, hint) })
}

func (r *reader) identity(c *Config) {
	if _, given := r.where["data_dir"]; !given && !r.unread && !c.Dev {
		r.at("data_dir", "is not set", `write data_dir = "/var/lib/yodel", or start with --dev to keep nothing`)
	}
	for path, n := range map[string]int{"services": len(c.Services), "checks": checksOf(c)} {
		if n > maxServices {
			r.at(path, fmt.Sprintf("%d of them, limit %d", n, maxServices), "")
		}
	}
	for path, list := range map[string]map[string]string{"node_meta": c.NodeMeta, "tags": c.Tags} {
		if len(list) > maxMeta {
			r.at(path, fmt.Sprintf("%d keys, limit %d", len(list), maxMeta), "")
		}
	}
}

// checksOf is how many checks there are, of the node and of services.
func checksOf(c *Config) int {
	n := len(c.Checks)
	for i := range c.Services {
		n += len(c.Services[i].Checks)
	}
	return n
}

// listener is something that binds ports.
type listener struct {
	path string
	port int
	on   []netip.Addr
}

func (r *reader) ports(c *Config) {
	on := func(own []netip.Addr) []netip.Addr {
		if own == nil {
			return c.ClientAddrs
		}
		return own
	}
	bind := []netip.Addr{c.BindAddr}
	all := []listener{
		{"ports.dns", c.Ports.DNS, on(c.Addresses.DNS)},
		{"ports.http", c.Ports.HTTP, on(c.Addresses.HTTP)},
		{"ports.gossip", c.Ports.Gossip, bind},
		{"ports.peer", c.Ports.Peer, bind},
	}
	for i, one := range all {
		if one.port == 0 && !c.Dev {
			r.at(one.path, "0 is no port", portHint(i < 2))
		}
		for _, other := range all[:i] {
			if one.port > 0 && one.port == other.port && overlap(one.on, other.on) {
				r.clash(one, other)
			}
		}
	}
}

// clash blames the one that was set.
func (r *reader) clash(one, other listener) {
	if r.where[one.path] == (position{}) {
		one, other = other, one
	}
	r.at(one.path, fmt.Sprintf("%d is also %s, on the same address", one.port, other.path), "give each its own")
}

func overlap(a, b []netip.Addr) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y || x.IsUnspecified() && (x.Is6() || y.Is4()) || y.IsUnspecified() && (y.Is6() || x.Is4()) {
				return true
			}
		}
	}
	return false
}

func (r *reader) http(c *Config) {
	if _, file := r.where["http_token_file"]; file && r.where["http_token"] != (position{}) {
		r.at("http_token_file", "http_token is set too", "keep one of them")
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		r.at("tls", "has only one of cert_file and key_file", "set both")
	} else if c.TLS.CertFile != "" {
		if _, err := tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile); err != nil {
			r.at("tls", err.Error(), "")
		}
	}
	open := slices.ContainsFunc(c.HTTPAddrs(), func(a netip.AddrPort) bool { return !a.Addr().IsLoopback() })
	if !open || c.HTTPInsecure || c.HTTPToken != "" && c.TLS.CertFile != "" {
		return
	}
	path := "client_addr"
	if c.Addresses.HTTP != nil {
		path = "addresses.http"
	}
	r.at(path, "HTTP beyond loopback needs TLS and a token",
		"set tls { cert_file, key_file } and http_token_file, or addresses { http = \"127.0.0.1\" }, or http_insecure = true")
}

func (r *reader) domains(c *Config) {
	if c.AltDomain == c.Domain {
		r.at("alt_domain", fmt.Sprintf("%q is the domain", c.Domain), "leave it out")
	}
	for _, zone := range c.HostDomains {
		for _, own := range []string{c.Domain, c.AltDomain} {
			if own != "" && strings.HasSuffix("."+zone, "."+own) { // the other way round is common, and clear: the longer one counts
				r.at("host_domains", fmt.Sprintf("%q lies inside the domain %q, where names mean something else", zone, own),
					"list the zones that the hosts had before yodel")
			}
		}
	}
}

// unique holds ids of services, and of checks, apart.
func (r *reader) unique(c Config) {
	for name, list := range r.places {
		for _, again := range list[1:] {
			kind, id, _ := strings.Cut(name, " ")
			path, hint := "services", "give one of them another id"
			if kind == "check" {
				path = "checks"
			}
			r.in(path, func() {
				r.fail(again, fmt.Sprintf("a second %s with the id %q, the first at %s", kind, shorten(id), list[0]), hint)
			})
		}
	}
}

func (r *reader) scripts(c *Config) {
	if c.EnableScriptChecks || c.EnableLocalScriptChecks {
		return
	}
	off := func(path string, list []checks.Definition) {
		for _, d := range list {
			if kind := d.Kind(); kind == "script" || kind == "docker" {
				r.in(path, func() {
					r.fail(r.places.first(checkPlace(d.ID)), fmt.Sprintf("the check %q runs a program, and those are off", d.ID),
						"set enable_local_script_checks = true")
				})
			}
		}
	}
	off("checks", c.Checks)
	for i := range c.Services {
		off("services", c.Services[i].Checks)
	}
}

// references warns of names that no file defines: a program may yet register them.
func (r *reader) references(c *Config) {
	for _, d := range c.Checks {
		for key, id := range map[string]string{"service_id": d.ServiceID, "alias_service": d.AliasService} {
			if id == "" || d.AliasNode != "" || len(r.places["service "+id]) > 0 {
				continue
			}
			r.in("checks."+key, func() {
				r.warn(r.places.first(checkPlace(d.ID)), fmt.Sprintf("no file has a service with the id %q", shorten(id)),
					"it counts once something registers one")
			})
		}
	}
}
