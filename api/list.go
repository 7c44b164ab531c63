package api

import (
	"strings"

	"github.com/yodel-mesh/yodel/catalog"
)

// Instance is an instance of a service and the node it is on.
type Instance struct {
	catalog.Service
	Status      catalog.Health // the worst of the node, its checks and those of the instance
	Node        string
	NodeAddress string
	NodeStatus  catalog.Status
	Datacenter  string
	Rack        string
}

// NodeCheck is a check and the node it is of.
type NodeCheck struct {
	catalog.Check
	Node       string
	NodeStatus catalog.Status
	Datacenter string
	Rack       string
}

// instanceOn pairs an instance with its node.
type instanceOn struct {
	node *catalog.Node
	*catalog.Service
}

// checkOn pairs a check with its node.
type checkOn struct {
	node *catalog.Node
	*catalog.Check
}

func (i instanceOn) wire() Instance {
	s := *i.Service
	if s.Address == "" {
		s.Address = i.node.Address
	}
	return Instance{
		Service: wholeService(s), Status: i.node.Health(s.ID), Node: i.node.Name, NodeAddress: i.node.Address,
		NodeStatus: i.node.Status, Datacenter: i.node.Datacenter, Rack: i.node.Rack,
	}
}

func (c checkOn) wire() NodeCheck {
	return NodeCheck{Check: *c.Check, Node: c.node.Name, NodeStatus: c.node.Status, Datacenter: c.node.Datacenter, Rack: c.node.Rack}
}

// NodeHealth is the worst status of all checks on a node, those of its
// instances included. A node that is not here is critical.
func NodeHealth(n *catalog.Node) catalog.Health {
	worst := n.Health("")
	for _, c := range n.Checks {
		worst = worst.Worse(c.Status)
	}
	return worst
}

// whole is the node with empty lists and maps where it has none, so that JSON
// says [] and {} and never null.
func whole(n *catalog.Node) *catalog.Node {
	c := *n
	c.Tags, c.Meta = wholeMap(c.Tags), wholeMap(c.Meta)
	services := make([]*catalog.Service, len(c.Services))
	for i, s := range c.Services {
		filled := wholeService(*s)
		services[i] = &filled
	}
	c.Services, c.Checks = services, wholeList(c.Checks)
	return &c
}

func wholeService(s catalog.Service) catalog.Service {
	s.Tags, s.Meta = wholeList(s.Tags), wholeMap(s.Meta)
	return s
}

func wholeList[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func wholeMap[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

// tagged says whether a node has every one of the tags "key=value".
func tagged(n *catalog.Node, tags [][2]string) bool {
	for _, t := range tags {
		if n.Tags[t[0]] != t[1] {
			return false
		}
	}
	return true
}

// tagsMax bounds the tags of one question: no host has as many roles.
const tagsMax = 32

// parseTags reads "role=datanode".
func parseTags(texts []string) ([][2]string, error) {
	if len(texts) > tagsMax {
		return nil, Invalid("%d tags, limit %d", len(texts), tagsMax)
	}
	var tags [][2]string
	for _, t := range texts {
		key, value, ok := strings.Cut(t, "=")
		if !ok || key == "" {
			return nil, Invalid("tag %.60q: write key=value, such as role=datanode", t)
		}
		tags = append(tags, [2]string{key, value})
	}
	return tags, nil
}
