package gossip

import (
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
			case serf.EventMemberJoin, serf.EventMemberUpdate:
				// Serf may take one that has returned for leaving, because of what it
				// once heard, and says nothing when it finds out better.
				mm.Status = Alive
			case serf.EventMemberReap:
				mm.Status = Reaped
			case serf.EventMemberFailed:
				mm.Status = Failed
			case serf.EventMemberLeave:
				mm.Status = Left
			}
			m.notePeer(sm, mm)
			m.config.Member(mm)
		}
	case serf.UserEvent:
		m.heard.Add(1)
		if m.config.Heard(e.Name, e.Payload) {
			m.forward(e)
		}
	}
}
