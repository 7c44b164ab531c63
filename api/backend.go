package api

import (
	"context"
	"net/http"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

// Backend is the node behind the interface. Errors of type *Error keep their
// status; any other becomes 500.
type Backend interface {
	Reader
	Registry
	Mesh
}

// Reader is what a node knows.
type Reader interface {
	View() *catalog.View
	// Wait returns when the view's index is above index, or ctx is done.
	Wait(ctx context.Context, index uint64)
	Self() Self
	// Members are all that gossip remembers, in any order.
	Members() []Member
	// Changes are those after since, oldest first; an empty node means all.
	Changes(since time.Time, node string) []catalog.Change
	// Ready says why this node should not be asked yet. Empty: it may be.
	Ready() []string
	Metrics() http.Handler
}

// Registry is what runs on this host and how it is.
type Registry interface {
	// RegisterService takes one service, HCL or JSON, in Consul's spelling.
	RegisterService(definition []byte) error
	// RegisterCheck takes one check likewise.
	RegisterCheck(definition []byte) error
	// RegisterFile takes a file of definitions; name is for messages.
	RegisterFile(name string, body []byte) (Registered, error)
	DeregisterService(id string) error
	DeregisterCheck(id string) error
	// Maintain takes an instance, or with an empty id the node, out of every
	// answer, or puts it back.
	Maintain(serviceID string, on bool, reason string) error
	// SetTTL is a sign of life of a TTL check.
	SetTTL(checkID string, status catalog.Health, output string) error
}

// Mesh is what a person does to the node and the mesh.
type Mesh interface {
	// Join says how many of the addresses took this node in.
	Join(addresses []string) (int, error)
	// Leave begins a graceful leave, after which the process ends.
	Leave() error
	ForceLeave(node string, prune bool) error
	Reload() (Reloaded, error)
	// Keyring does "list", "install", "use" or "remove" on every member. An
	// error may come with what was answered.
	Keyring(operation, key string) (Keyring, error)
}

// Self is what a node says of its own process.
type Self struct {
	Name       string
	Origin     catalog.Origin
	Datacenter string
	Version    string
	Started    time.Time
	// Stats are counts for people: goroutines, catalog size and the like.
	Stats map[string]string
}

// Member is a node as gossip sees it, in Consul's shape.
type Member struct {
	Name   string
	Addr   string
	Port   uint16
	Tags   map[string]string // "id", "dc" and "build" at least
	Status MemberStatus

	ProtocolMin, ProtocolMax, ProtocolCur uint8
	DelegateMin, DelegateMax, DelegateCur uint8
}

// MemberStatus is Serf's number for a member's status.
type MemberStatus int

// MemberStatusOf is the number of a status; 0 is none of them.
func MemberStatusOf(s catalog.Status) MemberStatus {
	switch s {
	case catalog.Alive:
		return 1
	case catalog.Leaving:
		return 2
	case catalog.Left:
		return 3
	case catalog.Failed:
		return 4
	}
	return 0
}

// String is the status in words.
func (s MemberStatus) String() string {
	for _, word := range []catalog.Status{catalog.Alive, catalog.Leaving, catalog.Left, catalog.Failed} {
		if MemberStatusOf(word) == s {
			return string(word)
		}
	}
	return "none"
}

// Registered is what a file of definitions brought, by id.
type Registered struct {
	Services []string
	Checks   []string
}

// Reloaded is which configuration keys changed.
type Reloaded struct {
	Applied []string
	Restart []string // changed in the files, and in force after a restart
	Notes   []string // warnings about the files
}

// Keyring is one datacenter's answer to a keyring request, in Consul's shape.
type Keyring struct {
	WAN         bool
	Datacenter  string
	Segment     string
	Messages    map[string]string `json:",omitempty"` // by member: what it complained of
	Keys        map[string]int    // base64 of a key: on how many members it is
	PrimaryKeys map[string]int    // base64 of a key: on how many members it encrypts
	NumNodes    int
	NumResp     int // members that answered; Consul has no such field
}
