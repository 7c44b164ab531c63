package node

import (
	"sync/atomic"
	"time"
)

// lagging is since when the peers that we compared with know something else.
type lagging struct{ since atomic.Int64 } // Unix ns; 0: equal at the last comparison

// compared notes the result of one comparison.
func (l *lagging) compared(equal bool) {
	if equal {
		l.since.Store(0)
		return
	}
	l.since.CompareAndSwap(0, time.Now().UnixNano())
}

// lag is for how long this node has differed from those it compared with.
func (n *Node) lag() time.Duration {
	since := n.lagging.since.Load()
	if since == 0 {
		return 0
	}
	return time.Since(time.Unix(0, since))
}
