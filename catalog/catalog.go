package catalog

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// OriginsMax bounds how many origins are known at once: ten times the largest
// fleet in mind, with hosts that were reinstalled.
const OriginsMax = 20_000

// ErrOutdated refuses the word on an origin that nobody has seen for longer
// than the memory of the mesh: it was forgotten everywhere and must not return.
var ErrOutdated = errors.New("not seen for longer than the mesh remembers")

// ErrAhead says that others know more of this node than it does itself: its
// disk was restored from a copy, or its numbers were lost.
var ErrAhead = errors.New("the mesh knows later entries of this node than it has itself")

// Catalog is what this node knows of all nodes. Its methods other than View
// must not be called at the same time; View may be, always.
type Catalog struct {
	self    Origin
	memory  time.Duration // how long an origin that is gone is remembered
	origins map[Origin]*known
	summary uint64
	index   uint64
	view    atomic.Pointer[View]
}

// known is one origin: what it said, and the node that follows from it.
type known struct {
	said   *said
	node   *Node
	doubts int // see Settle
}

// News is the answer of the door: what of it was new, and what that changed.
type News struct {
	Origin  Origin
	Entries []Entry  // by number; empty: nothing new
	Gap     bool     // something before it is missing: pull
	Before  *Node    // nil: unknown until now
	After   *Node    // nil: forgotten
	Changes []Change // for the change log
	Bad     []error  // entries that could not be read; kept and passed on all the same
}

// Any says whether what we believe has changed.
func (n News) Any() bool { return n.Before != n.After || len(n.Entries) > 0 }

// New makes an empty catalog for the node self. An origin that is gone is
// remembered for memory.
func New(self Origin, memory time.Duration) *Catalog {
	c := &Catalog{self: self, memory: memory, origins: make(map[Origin]*known)}
	c.view.Store(newView(nil, 0))
	return c
}

// View is the present belief. It never changes; ask again for a later one.
func (c *Catalog) View() *View { return c.view.Load() }

// Summary is equal on two nodes that know the same entries.
func (c *Catalog) Summary() uint64 { return c.summary }

// Learn takes what was said of one origin, by itself or passed on, and answers
// what of it was news. It is the only way in for entries.
func (c *Catalog) Learn(d Delta, now time.Time) (News, error) {
	if err := d.check(); err != nil {
		return News{}, err
	}
	k, known := c.origins[d.Origin]
	if !known {
		if c.outdated(d, now) {
			return News{}, fmt.Errorf("learn of %s: %w", d.Origin, ErrOutdated)
		}
		if len(c.origins) >= OriginsMax {
			return News{}, fmt.Errorf("learn of %s: %d origins are known, the limit", d.Origin, OriginsMax)
		}
		k = c.newKnown(d, now)
	}
	sum := k.said.sum(d.Origin)
	entries, gap, err := k.said.apply(d)
	if err != nil {
		return News{}, fmt.Errorf("learn of %s: %w", d.Origin, err)
	}
	c.origins[d.Origin] = k
	c.summary ^= sum ^ k.said.sum(d.Origin)
	news := News{Origin: d.Origin, Entries: entries, Gap: gap}
	if known {
		news.Before = k.node
	}
	node, bad := k.node.with(entries)
	news.Bad = bad
	c.believe(k, c.vouched(node, d, now), &news, now)
	return news, nil
}

// Ahead says whether d is a word on this very node that it did not say itself
// since it last started.
func (c *Catalog) Ahead(d Delta) bool {
	k := c.origins[c.self]
	return d.Origin == c.self && (k == nil || d.To > k.said.have)
}

func (c *Catalog) newKnown(d Delta, now time.Time) *known {
	status := d.Status
	vouched := d.Seen == 0 && status.Here() // the sender's gossip shows it now, and ours soon
	if (status == "" || status.Here()) && !vouched && d.Origin != c.self {
		status = Failed // until gossip shows it
	}
	return &known{
		said: new(said),
		node: &Node{Origin: d.Origin, Status: status, StatusSince: now, LastSeen: d.seen(now)},
	}
}

// outdated says whether nobody has seen the origin for longer than the mesh
// remembers. A claim from the future is no claim: its clock is wrong.
func (c *Catalog) outdated(d Delta, now time.Time) bool {
	seen := d.seen(now)
	return d.Origin != c.self && (now.Sub(seen) > c.memory || seen.Sub(now) > clockSlack)
}

// clockSlack is how far clocks of two hosts may be apart without anyone being
// told: Kerberos allows the same.
const clockSlack = 5 * time.Minute

// vouched takes the sender's word on the member where gossip here has none.
func (c *Catalog) vouched(n *Node, d Delta, now time.Time) *Node {
	if n.member || d.Status == "" {
		return n
	}
	seen := d.seen(now)
	if !seen.After(n.LastSeen) && (d.Status != Left || n.Status == Left) {
		return n
	}
	m := *n
	if seen.After(m.LastSeen) && seen.Sub(now) <= clockSlack {
		m.LastSeen = seen
	}
	if d.Status == Left {
		m.Status = Left
	}
	return &m
}

// Saw takes what gossip tells of a member.
func (c *Catalog) Saw(m Member) News {
	k, ok := c.origins[m.Origin]
	news := News{Origin: m.Origin}
	if !ok {
		k = &known{said: new(said), node: &Node{Origin: m.Origin, LastSeen: m.At}}
		c.origins[m.Origin] = k
	} else {
		news.Before = k.node
	}
	c.believe(k, k.node.seen(m), &news, m.At)
	return news
}

// Sweep forgets the origins that have been gone for longer than the mesh
// remembers.
func (c *Catalog) Sweep(now time.Time) []News {
	var all []News
	for o, k := range c.origins {
		if o == c.self || k.node.Status.Here() || now.Sub(k.node.LastSeen) <= c.memory {
			continue
		}
		all = append(all, c.Forget(o, now))
	}
	return all
}

// Forget drops an origin and everything it said.
func (c *Catalog) Forget(o Origin, now time.Time) News {
	k, ok := c.origins[o]
	if !ok {
		return News{Origin: o}
	}
	delete(c.origins, o)
	c.summary ^= k.said.sum(o)
	news := News{Origin: o, Before: k.node}
	c.index++
	c.view.Store(c.view.Load().without(o, c.index))
	news.Changes = changes(k.node, nil, now)
	return news
}

// believe makes node what is believed of an origin.
func (c *Catalog) believe(k *known, node *Node, news *News, now time.Time) {
	news.After = node
	if node == news.Before {
		return
	}
	c.index++
	node.Index = c.index
	k.node = node
	c.view.Store(c.view.Load().with(node, c.index))
	news.Changes = changes(news.Before, node, now)
}

// Digest is what this node knows, for a peer to compare. only narrows it to
// one origin; the zero Origin means all.
func (c *Catalog) Digest(only Origin) []Row {
	if only != (Origin{}) {
		row := Row{Origin: only}
		if k := c.origins[only]; k != nil {
			row.Have = k.said.have
		}
		return []Row{row}
	}
	rows := make([]Row, 0, len(c.origins))
	for o, k := range c.origins {
		rows = append(rows, Row{Origin: o, Have: k.said.have})
	}
	return rows
}

// Missing is what a peer with this digest lacks. all says that origins that
// the digest does not name are lacking too.
func (c *Catalog) Missing(digest []Row, all bool) []Delta {
	have := make(map[Origin]uint64, len(digest))
	for _, r := range digest {
		have[r.Origin] = r.Have
	}
	var out []Delta
	for o, k := range c.origins {
		h, named := have[o]
		if (named || all) && h < k.said.have {
			out = append(out, c.delta(o, k, h))
		}
	}
	return out
}

// Since is everything an origin said above number.
func (c *Catalog) Since(o Origin, number uint64) Delta {
	k := c.origins[o]
	if k == nil {
		return Delta{Origin: o}
	}
	return c.delta(o, k, number)
}

func (c *Catalog) delta(o Origin, k *known, number uint64) Delta {
	from, entries := k.said.since(number)
	d := Delta{Origin: o, From: from, To: k.said.have, Floor: k.said.floor, Status: k.node.Status, Entries: entries}
	if !d.Status.Here() || !k.node.member {
		d.Seen = k.node.LastSeen.Unix()
	}
	return d
}

// Restore takes what this node's own disk remembers of an origin. One that was
// here when it was written is taken to be here until gossip has had its say.
func (c *Catalog) Restore(d Delta, now time.Time) (News, error) {
	news, err := c.Learn(d, now)
	if err != nil || news.After == nil || !d.Status.Here() {
		return news, err
	}
	k := c.origins[d.Origin]
	n := *k.node
	n.Status = d.Status
	c.believe(k, &n, &news, now)
	return news, nil
}

// Settle takes for failed those who are here only by the word of the disk or of
// a peer, once it has found them so more than patience times: gossip would have
// shown them. It counts, since a clock may be put right meanwhile.
func (c *Catalog) Settle(now time.Time, patience int) []News {
	var all []News
	for o, k := range c.origins {
		if k.node.member || !k.node.Status.Here() || o == c.self {
			k.doubts = 0
			continue
		}
		if k.doubts++; k.doubts <= patience {
			continue
		}
		news := News{Origin: o, Before: k.node}
		n := *k.node
		n.Status, n.StatusSince = Failed, now
		c.believe(k, &n, &news, now)
		all = append(all, news)
	}
	return all
}
