package node

import (
	"net/netip"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/dnsd"
)

// publish makes what was news visible to those who ask. The caller holds n.mu,
// so that everybody sees the same order; nothing here waits. Whoever has much to
// publish does it at once: DNS makes the answers for a service anew each time.
func (n *Node) publish(all ...catalog.News) {
	n.summary.Store(n.catalog.Summary()) // moves without news, too: when a pull closes a gap that held none
	names := make(map[string]bool)
	told := false
	for _, news := range all {
		for _, err := range news.Bad {
			n.count.unread.Add(1)
			n.log.Warn("keep an entry that this version cannot read", "err", err)
		}
		if !news.Any() {
			continue
		}
		told = true
		if n.world.Watch != nil {
			n.world.Watch(news)
		}
		n.changes.add(news.Changes)
		n.logChanges(news.Changes)
		n.tellDisputes(news.Changes)
		n.dirty[news.Origin] = true
		names[nameOf(news.Before)], names[nameOf(news.After)] = true, true
	}
	if !told {
		return
	}
	n.resolve(names)
	close(n.changed)
	n.changed = make(chan struct{})
}

func nameOf(n *catalog.Node) string {
	if n == nil {
		return ""
	}
	return n.Name
}

// resolve hands DNS whoever has each of the names now.
func (n *Node) resolve(names map[string]bool) {
	if n.dns == nil {
		return
	}
	var hosts []dnsd.Host
	var gone []string
	v := n.catalog.View()
	for name := range names {
		switch holder := v.Node(name); {
		case name == "":
		case holder == nil || holder.Status == catalog.Left:
			gone = append(gone, name)
		default:
			hosts = append(hosts, hostOf(holder))
		}
	}
	n.dns.Remove(gone...)
	n.dns.Put(hosts...)
}

// hostOf is a node as DNS sees it. A node that failed keeps its names, since
// they are an identity; its instances are gone.
func hostOf(c *catalog.Node) dnsd.Host {
	h := dnsd.Host{Name: c.Name, Datacenter: c.Datacenter, FQDN: c.FQDN, Meta: c.Meta, Down: !c.Status.Here()}
	if a, err := netip.ParseAddr(c.Address); err == nil {
		h.Addrs = []netip.Addr{a}
	}
	for _, s := range c.Services {
		health := dnsHealth(c.Health(s.ID))
		weight := s.Weights.Passing
		if health == dnsd.Warning {
			weight = s.Weights.Warning
		}
		h.Instances = append(h.Instances, dnsd.Instance{
			ID: s.ID, Service: s.Name, Tags: s.Tags, Address: s.Address,
			Port: uint16(s.Port), Weight: uint16(max(0, min(weight, 65535))), Health: health,
		})
	}
	return h
}

func dnsHealth(h catalog.Health) dnsd.Health {
	switch h {
	case catalog.Passing:
		return dnsd.Passing
	case catalog.Warning:
		return dnsd.Warning
	}
	return dnsd.Critical
}

// logChanges writes what happened to other hosts into the log: states of
// members, and facts, as they change.
func (n *Node) logChanges(changes []catalog.Change) {
	for _, c := range changes {
		n.log.Info("change", "node", c.Node, "what", c.What, "before", c.Before, "after", c.After)
	}
}
