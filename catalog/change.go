package catalog

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Change is one line of the change log: what became different on a node, and
// when it was learned here.
type Change struct {
	At     time.Time `json:"At" cbor:"1,keyasint"`
	Node   string    `json:"Node" cbor:"2,keyasint"`
	What   string    `json:"What" cbor:"3,keyasint"`
	Before string    `json:"Before" cbor:"4,keyasint,omitempty"`
	After  string    `json:"After" cbor:"5,keyasint,omitempty"`
}

// changes compares two beliefs about one node. What a check says is history
// and not a change of the host.
func changes(before, after *Node, now time.Time) []Change {
	var out []Change
	name := func() string {
		if after != nil && after.Name != "" {
			return after.Name
		}
		if before != nil {
			return before.Name
		}
		return after.Origin.String()
	}()
	note := func(what, b, a string) {
		if b != a {
			out = append(out, Change{At: now, Node: name, What: what, Before: b, After: a})
		}
	}
	switch {
	case after == nil:
		note("forgotten", string(before.Status), "")
		return out
	case before == nil:
		note("status", "", string(after.Status))
		return out
	}
	note("status", string(before.Status), string(after.Status))
	note("name", before.Name, after.Name)
	note("address", before.Address, after.Address)
	note("datacenter", before.Datacenter, after.Datacenter)
	note("rack", before.Rack, after.Rack)
	note("fqdn", before.FQDN, after.FQDN)
	note("version", before.Version, after.Version)
	diffMaps("tag ", before.Tags, after.Tags, note)
	diffMaps("meta ", before.Meta, after.Meta, note)
	diffMaps("service ", services(before), services(after), note)
	if !before.Facts.equal(after.Facts) {
		for _, d := range Differences(before.Facts.Facts(), after.Facts.Facts()) {
			note(d.What, d.Before, d.After)
		}
	}
	return out
}

func services(n *Node) map[string]string {
	m := make(map[string]string, len(n.Services))
	for _, s := range n.Services {
		m[s.ID] = fmt.Sprintf("%s %s:%d %v", s.Name, s.Address, s.Port, s.Tags)
	}
	return m
}

func diffMaps(kind string, before, after map[string]string, note func(what, b, a string)) {
	keys := maps.Clone(before)
	if keys == nil {
		keys = make(map[string]string)
	}
	maps.Copy(keys, after)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		note(kind+k, before[k], after[k])
	}
}
