package node

import (
	"encoding/binary"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/gossip"
)

// heard takes a word of another node. It answers whether it was news, and then
// the mesh hands it on. It never waits.
func (n *Node) heard(kind string, word []byte) bool {
	if n.world.Lose != nil && n.world.Lose(kind) {
		return false
	}
	switch kind {
	case wordNews:
		var d catalog.Delta
		if err := catalog.Decode(word, &d); err != nil {
			n.count.garbled.Add(1)
			return false
		}
		return n.heardNews(d)
	case wordHint:
		var r catalog.Row
		if err := catalog.Decode(word, &r); err != nil {
			n.count.garbled.Add(1)
			return false
		}
		return n.heardHint(r)
	}
	return false // of a later version
}

func (n *Node) heardNews(d catalog.Delta) bool {
	if d.Origin == n.origin && d.To <= n.have() {
		return true // our own word, on its way out
	}
	fresh := false
	for _, news := range n.learn(d) {
		if news.Gap {
			n.pullSoon(pull{from: d.Origin, only: d.Origin, number: d.To, spread: true})
		}
		fresh = fresh || news.Any()
	}
	return fresh
}

func (n *Node) heardHint(r catalog.Row) bool {
	n.mu.Lock()
	have := n.catalog.Digest(r.Origin)[0].Have
	n.mu.Unlock()
	if r.Origin == n.origin {
		return r.Have <= have
	}
	if r.Have <= have {
		return false
	}
	n.pullSoon(pull{from: r.Origin, only: r.Origin, number: r.Have, spread: true})
	return true
}

// summaryLength is of what rides on the answer to a probe:
//
//	0                8                16
//	| what we know   | our time, ms   |
const summaryLength = 16

// summarize is what rides on the answer to a probe. It never waits.
func (n *Node) summarize() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, summaryLength), n.summary.Load())
	return binary.BigEndian.AppendUint64(b, uint64(n.world.Clock().UnixMilli()))
}

// compare hears the summary of a member that answered a probe: if it knows
// something else than we do, we ask what.
func (n *Node) compare(id string, summary []byte, rtt time.Duration) {
	o, err := catalog.ParseOrigin(id)
	if err != nil || len(summary) < summaryLength { // a later version may say more
		n.count.garbled.Add(1)
		return
	}
	theirs := binary.BigEndian.Uint64(summary)
	n.hearTime(id, time.UnixMilli(int64(binary.BigEndian.Uint64(summary[8:]))), rtt)
	equal := theirs == n.summary.Load()
	n.lagging.compared(equal)
	if !equal {
		n.pullSoon(pull{from: o, theirs: theirs})
	}
}

// member takes what the mesh tells of a member.
func (n *Node) member(m gossip.Member) {
	o, err := catalog.ParseOrigin(m.ID)
	if err != nil {
		n.count.garbled.Add(1)
		return
	}
	n.noteMember(m)
	if m.Status == gossip.Reaped {
		return // the sweep forgets it by the same rule
	}
	n.saw(catalog.Member{
		Origin: o, Name: m.Name, Datacenter: m.Datacenter, Address: m.Address,
		PeerPort: m.PeerPort, Status: catalog.Status(m.Status), At: n.world.Clock(),
	})
}
