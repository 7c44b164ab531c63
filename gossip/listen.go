package gossip

import (
	"net"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// listen translates Serf's events and passes them on. Serf sends them while it
// holds its lock on the members, so nothing here waits for anything.
func (m *Mesh) listen() {
	for {
		select {
		case e := <-m.events:
			m.take(e)
		case <-m.done:
			return
		}
	}
}

func (m *Mesh) take(e serf.Event) {
	switch e := e.(type) {
	case serf.MemberEvent:
		for _, sm := range e.Members {
			mm := member(sm)
			switch e.Type {
			case serf.EventMemberReap:
				mm.Status = Reaped
			case serf.EventMemberFailed:
				mm.Status = Failed
			case serf.EventMemberLeave:
				mm.Status = Left
			}
			m.notePeer(sm, mm.Status)
			m.config.Member(mm)
		}
	case serf.UserEvent:
		m.heard.Add(1)
		if m.config.Heard(e.Name, e.Payload) {
			m.forward(e)
		}
	}
}

// notePeer keeps the list of those whom a word can be handed to.
func (m *Mesh) notePeer(sm serf.Member, s Status) {
	if sm.Name == m.config.ID {
		return
	}
	old := *m.peers.Load()
	peers := make([]*memberlist.Node, 0, len(old)+1)
	for _, p := range old {
		if p.Name != sm.Name {
			peers = append(peers, p)
		}
	}
	if s == Alive {
		peers = append(peers, &memberlist.Node{Name: sm.Name, Addr: append(net.IP(nil), sm.Addr...), Port: sm.Port})
	}
	m.peers.Store(&peers)
}

// Peers are the ids of the other members that are alive.
func (m *Mesh) Peers() []string {
	peers := *m.peers.Load()
	ids := make([]string, len(peers))
	for i, p := range peers {
		ids[i] = p.Name
	}
	return ids
}
