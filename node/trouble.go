package node

import (
	"encoding/base64"
	"sync/atomic"
	"time"

	"github.com/yodel-mesh/yodel/gossip"
)

// troubleInterval is how often one trouble is worth a line in the log.
const troubleInterval = time.Minute

// troubles are what a person must mend, and what to do.
var troubleHints = map[gossip.Trouble]string{
	gossip.WrongKey: "a host speaks to this one with another gossip key: if this host was away during a rotation, " +
		"copy the keyring file of a member into data_dir and restart; else compare encrypt on both",
	gossip.CopiedIdentity: "another host uses the same identity: its data_dir was copied; " +
		"on the copy, stop yodel, remove node-key.pem from data_dir, and start it again",
}

type troubleLog struct{ wrongKey, copied, moved atomic.Int64 }

// A host that comes back at another address before it was missed looks like a
// copied identity for some seconds. It is one when it still does after
// movedAfter; what was seen longer ago than movedBefore is another matter.
const (
	movedAfter  = 30 * time.Second
	movedBefore = 10 * time.Minute
)

// onlyMoved says whether an identity that is seen twice may still be that of a
// host that has moved.
func (l *troubleLog) onlyMoved(now int64) bool {
	first := l.moved.Load()
	if now-first > int64(movedBefore) {
		l.moved.Store(now)
		return true
	}
	return now-first < int64(movedAfter)
}

// trouble tells of what the mesh complains of, loudly but not in a flood. It
// never waits.
func (n *Node) trouble(t gossip.Trouble) {
	at := &n.troubles.wrongKey
	if t == gossip.CopiedIdentity {
		at = &n.troubles.copied
	}
	last, now := at.Load(), time.Now().UnixNano()
	if t == gossip.CopiedIdentity && n.troubles.onlyMoved(now) {
		return
	}
	if now-last < int64(troubleInterval) || !at.CompareAndSwap(last, now) {
		return
	}
	n.log.Error("trouble in the mesh", "trouble", t, "hint", troubleHints[t])
}

func encodeKey(key []byte) string {
	if len(key) == 0 {
		return ""
	}
	return base64.StdEncoding.EncodeToString(key)
}
