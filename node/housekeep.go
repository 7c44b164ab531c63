package node

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

// housekeep forgets, in time, those who are gone.
func (n *Node) housekeep(ctx context.Context) {
	for {
		select {
		case <-time.After(sweepInterval):
			n.sweep()
			if n.disk.missing() {
				n.remakeStore()
			}
		case <-ctx.Done():
			return
		}
	}
}

// remakeStore opens the memory that could not be opened before, and gives it
// everything.
func (n *Node) remakeStore() {
	n.openStore()
	if n.disk.missing() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.catalog.View().Nodes() {
		n.dirty[c.Origin] = true
	}
}

// keepUp writes to disk what changed, a little later: what is lost with the
// power in between, peers have. What it writes is what it still believes.
func (n *Node) keepUp(ctx context.Context) {
	var beat time.Time // when the members were kept last
	for {
		select {
		case <-time.After(keepInterval):
			n.doubtHearsay()
			beat = n.keep(beat)
		case <-ctx.Done():
			n.keep(time.Time{})
			return
		}
	}
}

// keep writes what changed, and who is here when that changed or beatInterval
// is over: an idle node leaves its disk alone. It answers when who is here was
// written last; after an error that is never, so that the disk is tried again.
func (n *Node) keep(beat time.Time) time.Time {
	n.mu.Lock()
	var deltas []catalog.Delta
	var gone []catalog.Origin
	for o := range n.dirty {
		if n.catalog.View().ByOrigin(o) == nil {
			gone = append(gone, o)
			continue
		}
		deltas = append(deltas, n.catalog.Since(o, 0))
	}
	clear(n.dirty)
	now := n.world.Clock()
	var members []string
	due := n.membersMoved || now.Sub(beat) >= beatInterval
	if due {
		members = slices.Collect(maps.Values(n.members))
		n.membersMoved = false
	}
	n.mu.Unlock()
	changes := n.changes.unkept()
	if len(deltas)+len(gone)+len(changes) == 0 && !due {
		return beat // and what was noted of the disk stays
	}
	err := errors.Join(n.disk.keepCatalog(deltas, gone, now), n.disk.keepChanges(changes))
	if due {
		err = errors.Join(err, n.disk.keepMembers(members, now))
		beat = now
	}
	n.disk.note(err)
	if err == nil {
		return beat
	}
	n.mu.Lock() // it is kept when the disk takes it again
	for _, d := range deltas {
		n.dirty[d.Origin] = true
	}
	n.mu.Unlock()
	return time.Time{}
}
