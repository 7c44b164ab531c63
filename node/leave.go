package node

import (
	"context"
	"fmt"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

// lastWordTime is how long the last word has to reach the others before this
// node stops passing words on.
const lastWordTime = 500 * time.Millisecond

// Leave tells the others that this node goes. Its names and instances leave
// every answer at once. Close comes after it.
func (n *Node) Leave(ctx context.Context) error {
	host, err := catalog.Encode(n.host(n.conf(), true))
	if err == nil {
		err = n.say(words{catalog.KeyHost: host})
	}
	if err != nil {
		n.log.Warn("say the last word", "err", err)
	}
	select {
	case <-time.After(lastWordTime):
	case <-ctx.Done():
	}
	return n.mesh.Leave()
}

// ForceLeave makes a failed node one that left.
func (n *Node) ForceLeave(name string) error {
	v := n.catalog.View()
	c := v.Node(name)
	if c == nil {
		return fmt.Errorf("force %s to leave: %w", name, ErrNoNode)
	}
	if c.Status.Here() {
		return fmt.Errorf("force %s to leave: it is %s; run yodel leave on it", name, c.Status)
	}
	n.saw(catalog.Member{Origin: c.Origin, Status: catalog.Left, At: n.world.Clock()})
	return n.mesh.ForceLeave(c.Origin.String())
}

// Join asks the members at addresses to take this node in.
func (n *Node) Join(addresses []string) (int, error) { return n.mesh.Join(addresses) }

// prune forgets a node that left, here and now.
func (n *Node) prune(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.catalog.View().Node(name); c != nil && !c.Status.Here() {
		n.publish(n.catalog.Forget(c.Origin, n.world.Clock()))
	}
}
