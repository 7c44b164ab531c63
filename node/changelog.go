package node

import (
	"slices"
	"sync"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

// changesMax bounds the change log: a fleet of 1,000 that restarts makes 3,000.
const changesMax = 10_000

// changeLog is what became different, oldest first.
type changeLog struct {
	mu   sync.Mutex
	ring []catalog.Change
	kept int // of ring, how many are in the store
}

func (l *changeLog) add(changes []catalog.Change) {
	if len(changes) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring = append(l.ring, changes...)
	if over := len(l.ring) - changesMax; over > changesMax/10 {
		l.ring = slices.Clone(l.ring[over:])
		l.kept = max(0, l.kept-over)
	}
}

// restore puts what the disk remembers before everything else.
func (l *changeLog) restore(changes []catalog.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring = append(changes, l.ring...)
	l.kept = len(changes)
}

// since are the changes after a moment, of one node or, with an empty name, of all.
func (l *changeLog) since(t time.Time, node string) []catalog.Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []catalog.Change{}
	for _, c := range l.ring {
		if c.At.After(t) && (node == "" || c.Node == node) {
			out = append(out, c)
		}
	}
	return out
}

// unkept are the changes that are not in the store yet.
func (l *changeLog) unkept() []catalog.Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := slices.Clone(l.ring[l.kept:])
	l.kept = len(l.ring)
	return out
}
