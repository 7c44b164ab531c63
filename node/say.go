package node

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/yodel-mesh/yodel/catalog"
)

// words are what a node says of itself: values by key; nil takes a key back.
type words map[string][]byte

// say makes entries of what is different from what was said before, and takes
// them through the door. Only one says at a time: numbers must reach the
// catalog in their order.
func (n *Node) say(w words) error {
	n.sayMu.Lock() // held over the lease's rare fsync; no reader ever waits for it
	defer n.sayMu.Unlock()
	fresh := n.fresh(w)
	if len(fresh) == 0 {
		return nil
	}
	return n.speak(fresh, n.have())
}

// speak numbers entries and learns them as this origin's delta from a number.
func (n *Node) speak(entries []catalog.Entry, from uint64) error {
	first, err := n.numbers.Take(len(entries))
	if err != nil {
		return fmt.Errorf("say %s: %w", entries[0].Key, err)
	}
	for i := range entries {
		entries[i].Number = first + uint64(i)
	}
	d := catalog.Delta{Origin: n.origin, From: from, To: entries[len(entries)-1].Number, Entries: entries, Status: catalog.Alive}
	if from == 0 {
		d.Floor = first - 1
	}
	n.mu.Lock()
	news, err := n.catalog.Learn(d, n.world.Clock())
	if err == nil {
		n.publish(news)
	}
	n.mu.Unlock()
	if err != nil {
		return fmt.Errorf("say %s: %w", entries[0].Key, err)
	}
	n.tellSoon()
	return nil
}

// fresh are the entries of w that differ from what this node said last, in the
// order of their keys, not numbered yet.
func (n *Node) fresh(w words) []catalog.Entry {
	said := n.own()
	var out []catalog.Entry
	for _, key := range slices.Sorted(maps.Keys(w)) {
		if old, ok := said[key]; bytes.Equal(old, w[key]) && ok == (w[key] != nil) {
			continue
		}
		out = append(out, catalog.Entry{Key: key, Value: w[key]})
	}
	return out
}

// own is what this node has said so far.
func (n *Node) own() map[string][]byte {
	n.mu.Lock()
	d := n.catalog.Since(n.origin, 0)
	n.mu.Unlock()
	said := make(map[string][]byte, len(d.Entries))
	for _, e := range d.Entries {
		if e.Value != nil {
			said[e.Key] = e.Value
		}
	}
	return said
}

func (n *Node) have() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.catalog.Since(n.origin, 0).To
}

// catchUp says everything anew above a number that the mesh knows of this node
// and this node does not: its disk was restored from a copy. What the mesh has
// under those numbers is taken back by the whole delta.
func (n *Node) catchUp(number uint64) {
	n.log.Warn("the mesh knows more of this node than it does itself; saying everything anew", "number", number)
	n.sayMu.Lock()
	defer n.sayMu.Unlock()
	if err := n.numbers.Skip(number); err != nil {
		n.log.Error("say everything anew", "err", err)
		return
	}
	said := n.own()
	var all []catalog.Entry
	for _, key := range slices.Sorted(maps.Keys(said)) {
		all = append(all, catalog.Entry{Key: key, Value: said[key]})
	}
	if len(all) == 0 {
		return
	}
	if err := n.speak(all, 0); err != nil {
		n.log.Error("say everything anew", "err", err)
	}
}
