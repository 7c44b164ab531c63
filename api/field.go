package api

import (
	"reflect"
	"slices"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

// field is what a filter over T can ask for. docs/filters.md lists them.
type field[T any] struct {
	name    string
	aliases []string
	typ     reflect.Type
	get     func(T) reflect.Value
}

func (f field[T]) root() root {
	return root{f.name, f.aliases, deref(operand{f.name, f.typ, func(s *scope) (reflect.Value, bool) {
		return f.get(s.subject.(T)), true
	}})}
}

func of[T, V any](name string, get func(T) V, aliases ...string) field[T] {
	return field[T]{name, aliases, reflect.TypeFor[V](), func(v T) reflect.Value { return reflect.ValueOf(get(v)) }}
}

// NodeFilter is a filter over nodes. An empty expression matches all.
func NodeFilter(expr string) (*Filter[*catalog.Node], error) {
	return parseFilter(expr, "a node", nodeFields())
}

func serviceFilter(expr string) (*Filter[instanceOn], error) {
	return parseFilter(expr, "a service", serviceFields())
}

func checkFilter(expr string) (*Filter[checkOn], error) {
	return parseFilter(expr, "a check", checkFields())
}

func nodeFields() []field[*catalog.Node] {
	type node = *catalog.Node
	return []field[node]{
		of("Node", func(n node) string { return n.Name }, "Name"),
		of("ID", func(n node) string { return n.Origin.String() }),
		of("Address", func(n node) string { return n.Address }),
		of("Datacenter", func(n node) string { return n.Datacenter }),
		of("Rack", func(n node) string { return n.Rack }),
		of("FQDN", func(n node) string { return n.FQDN }),
		of("Status", func(n node) catalog.Status { return n.Status }),
		of("StatusSince", func(n node) time.Time { return n.StatusSince }),
		of("LastSeen", func(n node) time.Time { return n.LastSeen }),
		of("Version", func(n node) string { return n.Version }),
		of("PeerPort", func(n node) int { return n.PeerPort }),
		of("Tags", func(n node) map[string]string { return n.Tags }),
		of("Meta", func(n node) map[string]string { return n.Meta }),
		of("Facts", func(n node) catalog.Told { return n.Facts }),
		of("Health", NodeHealth),
		of("Services", nodeServices),
		of("Instances", nodeInstances),
		of("Checks", nodeChecks),
	}
}

// nodeServices are the names of the services on a node.
func nodeServices(n *catalog.Node) []string {
	names := make([]string, 0, len(n.Services))
	for _, s := range n.Services {
		if !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	return names
}

func nodeInstances(n *catalog.Node) []Instance {
	all := make([]Instance, len(n.Services))
	for i, s := range n.Services {
		all[i] = instanceOn{n, s}.wire()
	}
	return all
}

// nodeChecks are the statuses of all checks on a node, by check id.
func nodeChecks(n *catalog.Node) map[string]catalog.Health {
	all := make(map[string]catalog.Health, len(n.Checks))
	for _, c := range n.Checks {
		all[c.ID] = c.Status
	}
	return all
}

func serviceFields() []field[instanceOn] {
	fields := []field[instanceOn]{
		of("Service", func(i instanceOn) string { return i.Name }, "Name", "ServiceName"),
		of("ID", func(i instanceOn) string { return i.ID }, "ServiceID"),
		of("Address", func(i instanceOn) string { return i.wire().Address }),
		of("Port", func(i instanceOn) int { return i.Port }, "ServicePort"),
		of("Tags", func(i instanceOn) []string { return i.Tags }, "ServiceTags"),
		of("Meta", func(i instanceOn) map[string]string { return i.Meta }, "ServiceMeta"),
		of("Status", func(i instanceOn) catalog.Health { return i.node.Health(i.ID) }),
	}
	return append(fields, ofNode(func(i instanceOn) *catalog.Node { return i.node })...)
}

func checkFields() []field[checkOn] {
	fields := []field[checkOn]{
		of("CheckID", func(c checkOn) string { return c.ID }, "ID"),
		of("Name", func(c checkOn) string { return c.Name }),
		of("Status", func(c checkOn) catalog.Health { return c.Status }),
		of("Output", func(c checkOn) string { return c.Output }),
		of("Notes", func(c checkOn) string { return c.Notes }),
		of("ServiceID", func(c checkOn) string { return c.ServiceID }),
		of("ServiceName", func(c checkOn) string { return c.Service }, "Service"),
		of("Type", func(c checkOn) string { return c.Type }),
		of("Since", func(c checkOn) time.Time { return c.Since }),
	}
	return append(fields, ofNode(func(c checkOn) *catalog.Node { return c.node })...)
}

// ofNode are the fields of the node that a thing is on.
func ofNode[T any](node func(T) *catalog.Node) []field[T] {
	return []field[T]{
		of("Node", func(v T) string { return node(v).Name }),
		of("NodeAddress", func(v T) string { return node(v).Address }),
		of("NodeStatus", func(v T) catalog.Status { return node(v).Status }),
		of("NodeTags", func(v T) map[string]string { return node(v).Tags }),
		of("NodeMeta", func(v T) map[string]string { return node(v).Meta }),
		of("Datacenter", func(v T) string { return node(v).Datacenter }),
		of("Rack", func(v T) string { return node(v).Rack }),
		of("Facts", func(v T) catalog.Told { return node(v).Facts }),
	}
}
