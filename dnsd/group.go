package dnsd

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
)

// setGroup gives all names of a group their entry, in each domain.
func (b *book) setGroup(g group) {
	for _, z := range b.domains {
		e := b.groupEntry(g, z)
		for _, key := range b.groupKeys(g, z) {
			b.set(key, rankService, e)
		}
	}
}

// groupKeys are the names of a group: Consul's and those of RFC 2782, where
// the word service may be left out and the protocol tcp stands for any tag.
func (b *book) groupKeys(g group, z *zone) []string {
	if g.service == "" || strings.Contains(g.service, ".") {
		return nil // everything before the last label would be a tag
	}
	var keys []string
	add := func(parts ...string) {
		if key, ok := makeKey(parts...); ok {
			keys = append(keys, key)
		}
	}
	dcs := []string{g.dc}
	if g.dc == "" && b.Datacenter != "" {
		dcs = append(dcs, b.Datacenter)
	}
	proto := g.tag
	if g.tag == "" {
		proto = "tcp"
	}
	for _, dc := range dcs {
		add(g.tag, g.service, "service", dc, z.name)
		if g.tag == "tcp" || strings.Contains(g.tag, ".") {
			continue
		}
		add("_"+g.service, "_"+proto, "service", dc, z.name)
		add("_"+g.service, "_"+proto, dc, z.name)
	}
	return keys
}

// A gathering is a group's entry in the making. The sets keep it linear: a
// service may run on every host.
type gathering struct {
	*entry
	addrs   map[netip.Addr]bool
	targets map[targetID]bool
}

type targetID struct {
	key  string
	port uint16
}

// groupEntry is nil if no instance is left to connect to.
func (b *book) groupEntry(g group, z *zone) *entry {
	hosts := b.services[g.service]
	e := gathering{
		entry:   &entry{zone: z, ttl: b.serviceTTL(g.service)},
		addrs:   make(map[netip.Addr]bool, len(hosts)),
		targets: make(map[targetID]bool, len(hosts)),
	}
	for _, r := range hosts {
		if r.Down || !b.inScope(g.dc, r.Datacenter) {
			continue
		}
		for i := range r.Instances {
			in := &r.Instances[i]
			if in.Service == g.service && b.usable(in.Health) && (g.tag == "" || slices.Contains(in.Tags, g.tag)) {
				b.addInstance(e, r, in)
			}
		}
	}
	if len(e.srv) == 0 {
		return nil
	}
	rand.Shuffle(len(e.srv), func(i, j int) { e.srv[i], e.srv[j] = e.srv[j], e.srv[i] })
	rand.Shuffle(len(e.v4), func(i, j int) { e.v4[i], e.v4[j] = e.v4[j], e.v4[i] })
	rand.Shuffle(len(e.v6), func(i, j int) { e.v6[i], e.v6[j] = e.v6[j], e.v6[i] })
	e.compile()
	return e.entry
}

func (b *book) inScope(want, dc string) bool {
	if want == "" {
		want = b.Datacenter
	}
	return want == "" || want == dc
}

func (b *book) usable(h Health) bool {
	return h == Passing || h == Warning && !b.OnlyPassing
}

// addInstance adds one instance's records to e.
func (b *book) addInstance(e gathering, r *record, in *Instance) {
	t := target{port: in.Port, weight: max(in.Weight, 1)}
	if in.Address == "" {
		t.key, t.addrs = b.hostTarget(r, e.zone)
		e.gather(t, t.addrs...)
		return
	}
	if ip, err := netip.ParseAddr(in.Address); err == nil {
		ip = ip.Unmap().WithZone("")
		if r.primary(ip) {
			t.key, t.addrs = b.hostTarget(r, e.zone)
		} else {
			t.key, t.addrs = b.addrName(ip, r.Datacenter, e.zone), []netip.Addr{ip}
		}
		e.gather(t, ip)
		return
	}
	key, ok := makeKey(in.Address)
	if !ok || len(key) == 1 {
		return // the log has it, from list
	}
	t.key = key
	if !slices.Contains(e.alias, text(key)) {
		e.alias = append(e.alias, text(key))
	}
	e.gather(t)
}

func (e gathering) gather(t target, addrs ...netip.Addr) {
	for _, a := range addrs {
		if e.addrs[a] {
			continue
		}
		e.addrs[a] = true
		if a.Is4() {
			e.v4 = append(e.v4, a)
		} else {
			e.v6 = append(e.v6, a)
		}
	}
	if id := (targetID{t.key, t.port}); !e.targets[id] {
		e.targets[id] = true
		e.srv = append(e.srv, t)
	}
}

// hostTarget is a name for the host in zone z that resolves to it, as a key.
func (b *book) hostTarget(r *record, z *zone) (string, []netip.Addr) {
	if key := r.full[z]; b.owns(key, r) {
		return key, r.own
	}
	if len(r.own) > 0 {
		return b.addrName(r.own[0], r.Datacenter, z), r.own[:1]
	}
	return z.key, nil
}
