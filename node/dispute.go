package node

import "github.com/yodel-mesh/yodel/catalog"

// disputes are the nodes here under a name that another has, as far as the log
// has told of them.
type disputes map[catalog.Origin]string

// tellDisputes logs when a conflict of names begins and when it ends. The caller
// holds n.mu.
func (n *Node) tellDisputes(changes []catalog.Change) {
	moved := false
	for _, c := range changes {
		moved = moved || c.What == "status" || c.What == "name" || c.What == "forgotten"
	}
	if !moved {
		return
	}
	now := make(disputes)
	for _, c := range n.catalog.View().Conflicts() {
		now[c.Origin] = c.Name
		if n.disputes[c.Origin] != c.Name {
			n.log.Error("conflict of names", "node", c.Name, "not_answered_for", c.Origin, "address", c.Address, "hint", c.Conflict)
		}
	}
	for origin, name := range n.disputes {
		if now[origin] != name {
			n.log.Info("the conflict of names is over", "node", name, "was_not_answered_for", origin)
		}
	}
	n.disputes = now
}
