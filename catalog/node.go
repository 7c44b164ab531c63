package catalog

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Host is a node's word on itself as a member: the entry under KeyHost.
type Host struct {
	Name       string            `cbor:"1,keyasint"`
	Datacenter string            `cbor:"2,keyasint"`
	Rack       string            `cbor:"3,keyasint,omitempty"`
	Address    string            `cbor:"4,keyasint"`
	PeerPort   int               `cbor:"5,keyasint"`
	Tags       map[string]string `cbor:"6,keyasint,omitempty"`
	Meta       map[string]string `cbor:"7,keyasint,omitempty"`
	FQDN       string            `cbor:"8,keyasint,omitempty"`
	Version    string            `cbor:"9,keyasint,omitempty"`
	Left       bool              `cbor:"10,keyasint,omitempty"` // its last word
}

// Node is everything known of one node. It is immutable: who changes one
// makes a copy.
type Node struct {
	Name        string            `json:"Node"`
	Origin      Origin            `json:"ID"`
	Address     string            `json:"Address"`
	Datacenter  string            `json:"Datacenter"`
	Rack        string            `json:"Rack"`
	FQDN        string            `json:"FQDN"`
	Status      Status            `json:"Status"`
	StatusSince time.Time         `json:"StatusSince"` // for people
	LastSeen    time.Time         `json:"LastSeen"`    // of one that is gone; for people
	Version     string            `json:"Version"`
	PeerPort    int               `json:"PeerPort"`
	Tags        map[string]string `json:"Tags"`
	Meta        map[string]string `json:"Meta"`
	Facts       Told              `json:"Facts"`
	Services    []*Service        `json:"Services"` // sorted by id
	Checks      []*Check          `json:"Checks"`   // sorted by id
	Conflict    string            `json:"Conflict,omitempty"`
	Index       uint64            `json:"-"` // of the last change, in this node's count

	member bool // gossip here has spoken of it
}

// The keys of a node's entries. A key of any other form is kept and passed on
// for the versions that know it.
const (
	KeyHost    = "host"
	keyFacts   = "facts/"   // + field of Facts
	keyService = "service/" // + id
	keyCheck   = "check/"   // + id
)

// KeyService is the key of an instance.
func KeyService(id string) string { return keyService + id }

// KeyCheck is the key of a check.
func KeyCheck(id string) string { return keyCheck + id }

// with is the node after entries.
func (n *Node) with(entries []Entry) (*Node, []error) {
	if len(entries) == 0 {
		return n, nil
	}
	m := *n
	var bad []error
	for _, e := range entries {
		if err := m.take(e); err != nil {
			bad = append(bad, fmt.Errorf("read entry %q of %s: %w", e.Key, n.Origin, err))
		}
	}
	return &m, bad
}

// take changes n, which nobody else has seen yet.
func (n *Node) take(e Entry) (err error) {
	switch {
	case e.Key == KeyHost:
		return n.takeHost(e)
	case strings.HasPrefix(e.Key, keyFacts):
		n.Facts, err = n.Facts.with(e.Key[len(keyFacts):], e.Value)
		return err
	case strings.HasPrefix(e.Key, keyService):
		return take(&n.Services, e, e.Key[len(keyService):], func(s *Service) string { return s.ID })
	case strings.HasPrefix(e.Key, keyCheck):
		return take(&n.Checks, e, e.Key[len(keyCheck):], func(c *Check) string { return c.ID })
	}
	return nil
}

func (n *Node) takeHost(e Entry) error {
	var h Host
	if e.Value != nil {
		if err := Decode(e.Value, &h); err != nil {
			return err
		}
	}
	n.Name, n.Datacenter, n.Rack, n.Address, n.PeerPort = h.Name, h.Datacenter, h.Rack, h.Address, h.PeerPort
	n.Tags, n.Meta, n.FQDN, n.Version = h.Tags, h.Meta, h.FQDN, h.Version
	if h.Left && !n.member {
		n.Status = Left
	}
	return nil
}

// take puts the item of an entry into its place in a list sorted by id, in a
// copy of the list.
func take[T any](list *[]*T, e Entry, id string, idOf func(*T) string) error {
	at, found := slices.BinarySearchFunc(*list, id, func(item *T, id string) int { return strings.Compare(idOf(item), id) })
	copied := slices.Clone(*list)
	if e.Value == nil {
		if found {
			copied = slices.Delete(copied, at, at+1)
		}
		*list = copied
		return nil
	}
	item := new(T)
	if err := Decode(e.Value, item); err != nil {
		return err
	}
	if idOf(item) != id {
		return fmt.Errorf("it calls itself %.60q", idOf(item))
	}
	if found {
		copied[at] = item
	} else {
		copied = slices.Insert(copied, at, item)
	}
	*list = copied
	return nil
}

// seen is the node after what gossip tells of it.
func (n *Node) seen(m Member) *Node {
	c := *n
	if c.Name == "" || c.Name != m.Name && m.Name != "" {
		c.Name = m.Name
	}
	if m.Address != "" {
		c.Address = m.Address
	}
	if m.Datacenter != "" {
		c.Datacenter = m.Datacenter
	}
	if m.PeerPort != 0 {
		c.PeerPort = m.PeerPort
	}
	if n.Status != m.Status {
		c.Status, c.StatusSince = m.Status, m.At
	}
	// The moment of the last sign of life: this one, or the one before it fell silent.
	if m.Status.Here() || n.Status.Here() {
		c.LastSeen = m.At
	}
	c.member = true
	if same(n, &c) {
		return n
	}
	return &c
}

// same says whether gossip changed nothing that anybody reads. LastSeen of a
// node that is here is always now, and not kept.
func same(a, b *Node) bool {
	return a.member == b.member && a.Name == b.Name && a.Address == b.Address && a.Datacenter == b.Datacenter &&
		a.PeerPort == b.PeerPort && a.Status == b.Status
}

// Health is the worst status among the checks of the node itself and, when
// given, of one of its instances. A node that is not here is critical.
func (n *Node) Health(serviceID string) Health {
	if !n.Status.Here() {
		return Critical
	}
	worst := Passing
	for _, c := range n.Checks {
		if c.ServiceID == "" || c.ServiceID == serviceID {
			worst = worst.Worse(c.Status)
		}
	}
	return worst
}

// Service is the instance with an id, or nil.
func (n *Node) Service(id string) *Service {
	for _, s := range n.Services {
		if s.ID == id {
			return s
		}
	}
	return nil
}
