package node

import (
	"context"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/gossip"
)

// The kinds of words that nodes say to each other.
const (
	wordNews = "news" // a Delta
	wordHint = "hint" // a Row: there is more than a word can carry; pull
)

// tellPause merges the news of this node: a mesh that is told of each alone
// drowns in 400 of them per second.
const tellPause = 200 * time.Millisecond

// tellSoon wakes tell. It never waits.
func (n *Node) tellSoon() {
	select {
	case n.tellWake <- struct{}{}:
	default:
	}
}

// behindBy asks for catchUp: whoever finds out must not wait for it.
func (n *Node) behindBy(number uint64) {
	select {
	case n.behind <- number:
	default: // it is on its way
	}
}

// tell says what is new of this node to the mesh: at once, and then at most
// once in each pause.
func (n *Node) tell(ctx context.Context) {
	var told uint64
	for {
		select {
		case <-n.tellWake:
			told = n.tellSince(told)
		case number := <-n.behind:
			n.catchUp(number)
			continue
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(tellPause):
		case <-ctx.Done():
			return
		}
	}
}

func (n *Node) tellSince(told uint64) uint64 {
	n.mu.Lock()
	d := n.catalog.Since(n.origin, told)
	n.mu.Unlock()
	if d.To <= told {
		return told
	}
	d.Seen, d.Status = 0, catalog.Alive // it speaks, so it lives
	kind := wordNews
	b, err := catalog.Encode(d)
	if err == nil && len(kind)+len(b) > gossip.WordMax {
		kind = wordHint
		b, err = catalog.Encode(catalog.Row{Origin: n.origin, Have: d.To})
	}
	if err == nil {
		err = n.mesh.Say(kind, b)
	}
	if err != nil {
		n.log.Warn("tell the mesh", "err", err) // peers will find out by comparing
	}
	return d.To
}
