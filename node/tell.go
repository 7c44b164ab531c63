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

// What this node says within a pause is merged into one word. A word costs every
// member some 18 packets, so the pauses grow while all speak at once: the mesh as
// a whole stays near tellBusy words a second, and what was last said is still
// known to all within 2 s.
const (
	tellPauseMin = 200 * time.Millisecond
	tellPauseMax = 1500 * time.Millisecond
	tellBusy     = 100 // words a second, of all members
)

// tellPause is how long to be silent after a word when so many words were heard
// in a time.
func tellPause(heard uint64, in time.Duration) time.Duration {
	rate := float64(heard) / max(in, tellPauseMin).Seconds()
	return min(max(tellPauseMin, time.Duration(rate/tellBusy*float64(tellPauseMin))), tellPauseMax)
}

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

// tell says what is new of this node to the mesh: at once, and then not before a
// pause is over.
func (n *Node) tell(ctx context.Context) {
	var told uint64
	before, at := n.mesh.Stats().Heard, time.Now()
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
		heard, now := n.mesh.Stats().Heard, time.Now()
		pause := tellPause(heard-before, now.Sub(at))
		before, at = heard, now
		select {
		case <-time.After(pause):
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
