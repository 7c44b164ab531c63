package gossip

import (
	"net"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// peer is another member that is alive.
type peer struct {
	id   string
	node *memberlist.Node // as far as a packet needs it
}

// notePeer keeps the list of those whom a word can be handed to, and what the
// summary says of it.
func (m *Mesh) notePeer(sm serf.Member, now Member) {
	if now.ID == m.config.ID {
		return
	}
	old := *m.peers.Load()
	peers := make([]peer, 0, len(old)+1)
	before := false
	for _, p := range old {
		if p.id == now.ID {
			before = true
			continue
		}
		peers = append(peers, p)
	}
	if now.Status == Alive {
		peers = append(peers, peer{now.ID, &memberlist.Node{Name: sm.Name, Addr: append(net.IP(nil), sm.Addr...), Port: sm.Port}})
	}
	m.peers.Store(&peers)
	if before != (now.Status == Alive) {
		m.change(now.ID)
	}
}

// Peers are the ids of the other members that are alive.
func (m *Mesh) Peers() []string {
	peers := *m.peers.Load()
	ids := make([]string, len(peers))
	for i, p := range peers {
		ids[i] = p.id
	}
	return ids
}

// size is how many members are alive, this one included.
func (m *Mesh) size() int { return len(*m.peers.Load()) + 1 }

// idOf is the id of a member that goes by a short name, as long as it is alive.
func (m *Mesh) idOf(name string) string {
	for _, p := range *m.peers.Load() {
		if p.node.Name == name {
			return p.id
		}
	}
	return ""
}
