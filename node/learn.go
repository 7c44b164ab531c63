package node

import (
	"errors"

	"github.com/yodel-mesh/yodel/catalog"
)

// learn is the door: everything that changes what this node believes, of
// itself or of others, comes through here. Its answers say what was news, and
// that alone decides whether anybody is told.
func (n *Node) learn(deltas ...catalog.Delta) []catalog.News {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.world.Clock()
	all := make([]catalog.News, 0, len(deltas))
	for _, d := range deltas {
		if n.catalog.Ahead(d) {
			n.behindBy(d.To)
			continue
		}
		news, err := n.catalog.Learn(d, now)
		if err != nil {
			n.refuse(d, err)
			continue
		}
		all = append(all, news)
	}
	n.publish(all...)
	return all
}

// refuse counts what was not believed. An origin that is forgotten is nobody's
// mistake: a host that was away for long still remembers it.
func (n *Node) refuse(d catalog.Delta, err error) {
	n.count.refused.Add(1)
	if !errors.Is(err, catalog.ErrOutdated) {
		n.log.Warn("refused what a peer said", "origin", d.Origin, "err", err)
	}
}

// saw is the door for what gossip tells of a member.
func (n *Node) saw(m catalog.Member) catalog.News {
	n.mu.Lock()
	defer n.mu.Unlock()
	news := n.catalog.Saw(m)
	n.publish(news)
	return news
}

// sweep is the door on the way out.
func (n *Node) sweep() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.publish(n.catalog.Sweep(n.world.Clock())...)
}

// hearsayMax is for how many keepIntervals a member that only a peer vouches for
// counts as here: gossip shows one that lives within seconds. It may also have
// died meanwhile, and of the death of one that it never knew gossip says nothing.
const hearsayMax = 4

// doubtHearsay takes for failed those for whom nobody but a peer has vouched.
func (n *Node) doubtHearsay() {
	if !n.settled.Load() {
		return // settle does it
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.publish(n.catalog.Settle(n.world.Clock(), hearsayMax)...)
}
