package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/yodel-mesh/yodel/catalog"
)

// ErrNoNode answers for a name that no node has.
var ErrNoNode = errors.New("no such node")

// Ready is nil when this node answers for its own name, forward and reverse;
// what still lacks otherwise.
func (n *Node) Ready(ctx context.Context) error {
	self := n.catalog.View().ByOrigin(n.origin)
	if self == nil || self.Status != catalog.Alive {
		return errors.New("this node is not in its own mesh yet")
	}
	if held := n.catalog.View().Node(self.Name); held.Origin != n.origin {
		return fmt.Errorf("the name %s is held by %s at %s", self.Name, held.Origin, held.Address)
	}
	if err := n.dns.Healthy(ctx); err != nil {
		return fmt.Errorf("DNS: %w", err)
	}
	return nil
}

// Lookup is where DNS on this node sends those who ask for a service in a data
// centre.
func (n *Node) Lookup(service, datacenter string) ([]netip.AddrPort, error) {
	return n.dns.Lookup(service, datacenter)
}

// Waiting is how much waits in the queues of this node: what gossip told and
// what is to be pulled.
func (n *Node) Waiting() int { return n.mesh.Stats().Queued + len(n.pulls) }

// Summary is equal on two nodes that know the same entries.
func (n *Node) Summary() uint64 { return n.summary.Load() }

// Digest is how far this node has come with each origin.
func (n *Node) Digest() []catalog.Row {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.catalog.Digest(catalog.Origin{})
}

// View is what this node believes now.
func (n *Node) View() *catalog.View { return n.catalog.View() }

// Origin is the identity of this node.
func (n *Node) Origin() catalog.Origin { return n.origin }
