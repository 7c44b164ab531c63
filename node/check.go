package node

import (
	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/checks"
)

// report takes every result of every check of this host. What a check says is
// history; that it says something else than before is news.
func (n *Node) report(id string, r checks.Result) {
	l := &n.local
	l.mu.Lock()
	d, known := l.checks[id]
	before, ran := l.results[id]
	if !known {
		l.mu.Unlock()
		return
	}
	same := ran && before.Status == r.Status
	now := lastResult{Result: r, since: r.At}
	if same {
		now.since = before.since
	}
	l.results[id] = now
	c := l.check(d)
	l.mu.Unlock()
	n.count.results(r)
	if d.TTL > 0 {
		n.disk.keepTTL(id, r)
	}
	if same {
		return
	}
	b, err := catalog.Encode(c)
	if err == nil {
		err = n.say(words{catalog.KeyCheck(id): b})
	}
	if err != nil {
		n.log.Error("tell a status", "check", id, "err", err)
	}
}

// alias is how a node, or an instance on it, is by what the catalog says.
func (n *Node) alias(node, service string) (checks.Status, string, bool) {
	v := n.catalog.View()
	c := v.ByOrigin(n.origin)
	if node != "" {
		c = v.Node(node)
	}
	if c == nil || service != "" && c.Service(service) == nil {
		return checks.Critical, "", false
	}
	health := catalog.Passing
	if !c.Status.Here() {
		return checks.Critical, "the node " + c.Name + " is " + string(c.Status), true
	}
	output := ""
	for _, k := range c.Checks {
		if k.Type == "alias" || service == "" && k.ServiceID != "" || service != "" && k.ServiceID != "" && k.ServiceID != service {
			continue
		}
		if worse := health.Worse(k.Status); worse != health {
			health, output = worse, k.Name+": "+k.Output
		}
	}
	return checks.Status(health), output, true
}

// deregisterCritical takes an instance away whose check has been critical for
// as long as its definition allows.
func (n *Node) deregisterCritical(serviceID, checkID string) {
	n.log.Warn("deregister a service that has been critical for too long", "service", serviceID, "check", checkID)
	if err := n.DeregisterService(serviceID); err != nil {
		n.log.Error("deregister a critical service", "service", serviceID, "err", err)
	}
}
