package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// View is the belief of one moment: every node that is known. It never
// changes and costs nothing to hold.
type View struct {
	Index  uint64 // grows with every change here; of no meaning elsewhere
	byName map[string]*Node
	all    map[Origin]*Node
}

func newView(all map[Origin]*Node, index uint64) *View {
	v := &View{Index: index, all: all, byName: make(map[string]*Node, len(all))}
	for _, n := range all {
		v.name(n)
	}
	return v
}

// name gives a node its name, unless somebody with a better claim has it.
func (v *View) name(n *Node) {
	if n.Name == "" {
		return
	}
	key := strings.ToLower(n.Name)
	if held := v.byName[key]; held == nil || better(n, held) {
		v.byName[key] = n
	}
}

// better says which of two nodes of one name has it: one that is here before
// one that is not, and of two that are here the smaller origin, so that every
// node of the mesh decides alike without asking. Of two that are gone, the one
// seen last.
func better(a, b *Node) bool {
	if a.Status.Here() != b.Status.Here() {
		return a.Status.Here()
	}
	if !a.Status.Here() && !a.LastSeen.Equal(b.LastSeen) {
		return a.LastSeen.After(b.LastSeen)
	}
	return slices.Compare(a.Origin[:], b.Origin[:]) < 0
}

func (v *View) with(n *Node, index uint64) *View {
	next := &View{Index: index, all: maps.Clone(v.all), byName: v.byName}
	if next.all == nil {
		next.all = make(map[Origin]*Node)
	}
	before := v.all[n.Origin]
	next.all[n.Origin] = n
	contested := len(v.byName) != len(v.all) // some node wants a name that another has
	if contested || before != nil && !strings.EqualFold(before.Name, n.Name) || before == nil && v.Node(n.Name) != nil || n.Name == "" {
		return newView(next.all, index)
	}
	next.byName = maps.Clone(v.byName)
	next.byName[strings.ToLower(n.Name)] = n
	return next
}

func (v *View) without(o Origin, index uint64) *View {
	all := maps.Clone(v.all)
	delete(all, o)
	return newView(all, index)
}

// Node is the node that has a name, in any case, or nil.
func (v *View) Node(name string) *Node { return v.byName[strings.ToLower(name)] }

// ByOrigin is the node of an origin, or nil.
func (v *View) ByOrigin(o Origin) *Node { return v.all[o] }

// Nodes are the nodes that have their name, sorted by it.
func (v *View) Nodes() []*Node {
	nodes := slices.Collect(maps.Values(v.byName))
	slices.SortFunc(nodes, func(a, b *Node) int { return strings.Compare(a.Name, b.Name) })
	return nodes
}

// Len is how many nodes have a name.
func (v *View) Len() int { return len(v.byName) }

// Conflicts are the nodes that are here under a name that another node has. Two
// of one address are none: one host was made anew, and the mesh has not yet
// missed what it was before.
func (v *View) Conflicts() []*Node {
	var out []*Node
	for _, n := range v.all {
		if held := v.Node(n.Name); n.Status.Here() && held != nil && held.Origin != n.Origin && held.Address != n.Address && held.Status.Here() {
			c := *n
			c.Conflict = fmt.Sprintf("the name %s is held by %s at %s: give one of the two hosts another node_name", n.Name, held.Origin, held.Address)
			out = append(out, &c)
		}
	}
	slices.SortFunc(out, func(a, b *Node) int { return slices.Compare(a.Origin[:], b.Origin[:]) })
	return out
}
