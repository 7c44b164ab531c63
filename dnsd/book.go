package dnsd

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
)

// A book is the writer's side: who claims which name, address and service. It
// turns a change of hosts into the fewest changed names. The caller serialises
// its methods.
type book struct {
	*settings
	hosts    map[string]*record            // by node name as given
	names    map[string][]*record          // claimants by key
	addrs    map[netip.Addr][]*record      // claimants by address
	dcs      map[string]int                // hosts by data centre
	services map[string]map[string]*record // by service in lower case, by node name
	leaves   map[string]*leaf
	disputed map[string]bool // conflicts that are in the log
	touched  touched
}

// A record is a host and the names it claims.
type record struct {
	Host
	node string           // key of the node name in the main domain, "" if it has none
	full map[*zone]string // keys of the node name with the data centre, by domain
	fqdn string           // key of its own name, "" if outside the host domains
	all  []string         // every key
	own  []netip.Addr     // what these resolve to
}

// A group is the instances of a service with a tag ("" for any) in a data
// centre, all in lower case. The data centre "" stands for our own if we have
// one, else for all.
type group struct{ service, tag, dc string }

// touched is what a change may have altered and flush must work out again.
type touched struct {
	names  map[string]bool
	addrs  map[netip.Addr]bool
	groups map[group]bool
	keys   map[string]bool // of the view
}

func newBook(s *settings) *book {
	b := &book{
		settings: s,
		hosts:    map[string]*record{},
		names:    map[string][]*record{},
		addrs:    map[netip.Addr][]*record{},
		dcs:      map[string]int{},
		services: map[string]map[string]*record{},
		leaves:   map[string]*leaf{},
		disputed: map[string]bool{},
	}
	b.reset()
	for _, z := range s.zones {
		b.set(z.key, rankFixed, z.empty)
		if key, ok := makeKey("ns", z.name); ok {
			e := &entry{zone: z, ttl: seconds(s.NodeTTL)}
			e.add(s.NameServer...)
			e.compile()
			b.set(key, rankFixed, e)
		}
	}
	for _, z := range s.domains {
		for _, kind := range []string{"node", "service", "addr"} {
			if key, ok := makeKey(kind, z.name); ok {
				b.set(key, rankFixed, z.empty)
			}
		}
	}
	return b
}

func (b *book) reset() {
	b.touched = touched{map[string]bool{}, map[netip.Addr]bool{}, map[group]bool{}, map[string]bool{}}
}

// put takes a host's new state; false: nothing changed.
func (b *book) put(h Host) bool {
	h = h.clone()
	old := b.hosts[h.Name]
	if old != nil && old.sameNames(&h) {
		if old.sameInstances(&h) {
			return false
		}
		b.unlist(old)
		old.Instances = h.Instances
		b.list(old)
		return true
	}
	if old != nil {
		b.remove(h.Name)
	}
	r := b.newRecord(h)
	b.hosts[h.Name] = r
	b.claim(r)
	b.list(r)
	return true
}

func (b *book) remove(name string) bool {
	r := b.hosts[name]
	if r == nil {
		return false
	}
	delete(b.hosts, name)
	b.unlist(r)
	b.unclaim(r)
	return true
}

func (b *book) newRecord(h Host) *record {
	r := &record{Host: h, full: map[*zone]string{}}
	for _, a := range [2]netip.Addr{h.v4(), h.v6()} {
		if a.IsValid() {
			r.own = append(r.own, a)
		}
	}
	for i, z := range b.domains {
		plain, ok1 := makeKey(h.Name, "node", z.name)
		full, ok2 := makeKey(h.Name, "node", h.Datacenter, z.name)
		if !ok1 || !ok2 || h.Name == "" {
			b.Logger.Warn("node name does not fit into DNS", "node", h.Name, "domain", z.name)
			continue
		}
		r.all = append(r.all, plain)
		if full != plain {
			r.all = append(r.all, full)
		}
		r.full[z] = full
		if i == 0 {
			r.node = plain
		}
	}
	if h.FQDN == "" {
		return r
	}
	key, ok := makeKey(h.FQDN)
	if !ok {
		b.Logger.Warn("host name does not fit into DNS", "node", h.Name, "fqdn", h.FQDN)
	} else if z := b.zoneOf(key); z != nil && z.hosts {
		r.fqdn = key
		r.all = append(r.all, key)
	}
	return r
}

func (b *book) claim(r *record) {
	for _, key := range r.all {
		b.names[key] = append(b.names[key], r)
		b.touched.names[key] = true
	}
	for _, a := range r.Addrs {
		if slices.Contains(b.addrs[a], r) {
			continue
		}
		b.addrs[a] = append(b.addrs[a], r)
		b.touched.addrs[a] = true
	}
	if b.dcs[r.Datacenter]++; b.dcs[r.Datacenter] == 1 {
		b.setAddrZone(r.Datacenter, true)
	}
}

func (b *book) unclaim(r *record) {
	drop := func(rs []*record) []*record {
		return slices.DeleteFunc(rs, func(o *record) bool { return o == r })
	}
	for _, key := range r.all {
		if b.names[key] = drop(b.names[key]); len(b.names[key]) == 0 {
			delete(b.names, key)
		}
		b.touched.names[key] = true
	}
	for _, a := range r.Addrs {
		if b.addrs[a] = drop(b.addrs[a]); len(b.addrs[a]) == 0 {
			delete(b.addrs, a)
		}
		b.touched.addrs[a] = true
	}
	if b.dcs[r.Datacenter]--; b.dcs[r.Datacenter] == 0 {
		delete(b.dcs, r.Datacenter)
		b.setAddrZone(r.Datacenter, false)
	}
}

// setAddrZone makes addr.<dc>.<domain> exist while the data centre has hosts.
func (b *book) setAddrZone(dc string, exists bool) {
	for _, z := range b.domains {
		key, ok := makeKey("addr", dc, z.name)
		if !ok || dc == "" {
			continue
		}
		e := z.empty
		if !exists {
			e = nil
		}
		b.set(key, rankAddr, e)
	}
}

func (b *book) list(r *record) {
	for _, in := range r.Instances {
		if b.services[in.Service] == nil {
			b.services[in.Service] = map[string]*record{}
		}
		b.services[in.Service][r.Name] = r
		b.touchGroups(r, in)
		if _, ok := makeKey(in.Address); !ok {
			b.Logger.Warn("instance address is neither an IP address nor a host name",
				"node", r.Name, "service", in.Service, "address", in.Address)
		}
	}
}

func (b *book) unlist(r *record) {
	for _, in := range r.Instances {
		delete(b.services[in.Service], r.Name)
		if len(b.services[in.Service]) == 0 {
			delete(b.services, in.Service)
		}
		b.touchGroups(r, in)
	}
}

func (b *book) touchGroups(r *record, in Instance) {
	touch := func(dc string) {
		b.touched.groups[group{in.Service, "", dc}] = true
		for _, tag := range in.Tags {
			b.touched.groups[group{in.Service, tag, dc}] = true
		}
	}
	if b.Datacenter == "" || b.Datacenter == r.Datacenter {
		touch("")
	}
	if r.Datacenter != b.Datacenter {
		touch(r.Datacenter)
	}
}

// winner is who answers for a name that several claim: the same on every node.
// A live host beats a failed one, so that a rebuilt host takes over its name.
func winner(rs []*record) *record {
	if len(rs) == 0 {
		return nil
	}
	return slices.MinFunc(rs, func(a, b *record) int {
		return cmp.Or(compareDown(a, b), cmp.Compare(a.Name, b.Name))
	})
}

// addrWinner moreover prefers a host whose A or AAAA the address is.
func addrWinner(addr netip.Addr, rs []*record) *record {
	if len(rs) == 0 {
		return nil
	}
	return slices.MinFunc(rs, func(a, b *record) int {
		return cmp.Or(compareDown(a, b), -compareBool(a.primary(addr), b.primary(addr)), cmp.Compare(a.Name, b.Name))
	})
}

func compareDown(a, b *record) int { return compareBool(a.Down, b.Down) }

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// primary tells whether the host's own names resolve to a.
func (h *Host) primary(a netip.Addr) bool { return a == h.v4() || a == h.v6() }

// owns tells whether key answers with r's addresses.
func (b *book) owns(key string, r *record) bool { return key != "" && winner(b.names[key]) == r }

// flush works out everything touched and returns the changed names.
func (b *book) flush() map[string]*entry {
	for key := range b.touched.names {
		b.set(key, rankHost, b.hostEntry(key))
		if rs := b.names[key]; len(rs) == 0 || key == rs[0].node || key == rs[0].fqdn {
			b.announce("name "+text(key), len(rs), winner(rs))
		}
		for _, r := range b.names[key] {
			b.touchDependents(r)
		}
	}
	for a := range b.touched.addrs {
		b.set(reverseKey(a), rankPTR, b.ptrEntry(a))
		b.announce("address "+a.String(), len(b.addrs[a]), addrWinner(a, b.addrs[a]))
	}
	for g := range b.touched.groups {
		b.setGroup(g)
	}
	changes := make(map[string]*entry, len(b.touched.keys))
	for key := range b.touched.keys {
		changes[key] = b.leafEntry(key)
	}
	b.reset()
	return changes
}

// announce logs the begin and the end of a conflict.
func (b *book) announce(what string, claims int, w *record) {
	switch {
	case claims > 1 && !b.disputed[what]:
		b.disputed[what] = true
		b.Logger.Warn("several hosts claim one "+what, "hosts", claims, "answered", w.Name)
	case claims <= 1 && b.disputed[what]:
		delete(b.disputed, what)
		b.Logger.Info("one host claims " + what + " again")
	}
}

// touchDependents: PTR and SRV records name a host by a name that it owns.
func (b *book) touchDependents(r *record) {
	for _, a := range r.Addrs {
		b.touched.addrs[a] = true
	}
	for _, in := range r.Instances {
		b.touchGroups(r, in)
	}
}

func (b *book) hostEntry(key string) *entry {
	r := winner(b.names[key])
	if r == nil {
		return nil
	}
	e := &entry{zone: b.zoneOf(key), ttl: seconds(b.NodeTTL), txt: metaRecords(r.Meta)}
	e.add(r.own...)
	e.compile()
	return e
}

func (b *book) ptrEntry(a netip.Addr) *entry {
	r := addrWinner(a, b.addrs[a])
	if r == nil {
		return nil
	}
	z := b.zoneOf(reverseKey(a))
	if z == nil {
		z = b.reverse
	}
	e := &entry{zone: z, ttl: seconds(b.NodeTTL), ptr: b.nameOf(a, r)}
	e.compile()
	return e
}

// nameOf is the one name of an address: the first of the host's own, its node
// name and the address's addr name that resolves back to the address.
func (b *book) nameOf(a netip.Addr, r *record) string {
	if r.primary(a) {
		for _, key := range [2]string{r.fqdn, r.full[b.domains[0]]} {
			if b.owns(key, r) {
				return text(key)
			}
		}
	}
	return text(b.addrName(a, r.Datacenter, b.domains[0]))
}

// addrName is the key of the name that means just this address.
func (b *book) addrName(a netip.Addr, dc string, z *zone) string {
	key, ok := makeKey(hexAddr(a), "addr", dc, z.name)
	if !ok {
		key, _ = makeKey(hexAddr(a), "addr", z.name)
	}
	return key
}

// A Conflict is a name or an address that several hosts claim.
type Conflict struct {
	What   string   // "name h1.example.org." or "address 10.0.0.1"
	Winner string   // node name of the host that is answered
	Losers []string // the others' node names, sorted
}

func (b *book) conflicts() []Conflict {
	var out []Conflict
	add := func(what string, rs []*record, w *record) {
		c := Conflict{What: what, Winner: w.Name}
		for _, r := range rs {
			if r != w {
				c.Losers = append(c.Losers, r.Name)
			}
		}
		slices.Sort(c.Losers)
		out = append(out, c)
	}
	for key, rs := range b.names {
		if len(rs) > 1 && (key == rs[0].node || key == rs[0].fqdn) {
			add("name "+text(key), rs, winner(rs))
		}
	}
	for a, rs := range b.addrs {
		if len(rs) > 1 {
			add("address "+a.String(), rs, addrWinner(a, rs))
		}
	}
	slices.SortFunc(out, func(a, b Conflict) int { return cmp.Compare(a.What, b.What) })
	return out
}

// snapshot is the hosts as they were put.
func (b *book) snapshot() []Host {
	var out []Host
	for _, name := range slices.Sorted(maps.Keys(b.hosts)) {
		out = append(out, b.hosts[name].Host)
	}
	return out
}
