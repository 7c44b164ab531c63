package node

import (
	"context"
	"errors"
	"fmt"

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

// View is what this node believes now.
func (n *Node) View() *catalog.View { return n.catalog.View() }

// Origin is the identity of this node.
func (n *Node) Origin() catalog.Origin { return n.origin }
