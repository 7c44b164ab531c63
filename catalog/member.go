package catalog

import "time"

// Status is a node as gossip sees it.
type Status string

// The statuses of a member. The empty status means: ask somebody else.
const (
	Alive   Status = "alive"
	Leaving Status = "leaving"
	Left    Status = "left"
	Failed  Status = "failed"
)

func (s Status) valid() bool {
	switch s {
	case "", Alive, Leaving, Left, Failed:
		return true
	}
	return false
}

// Here says whether the member takes part in the mesh.
func (s Status) Here() bool { return s == Alive || s == Leaving }

// Member is a node as gossip tells of it, before or without any entry.
type Member struct {
	Origin     Origin
	Name       string
	Datacenter string
	Address    string
	PeerPort   int
	Status     Status
	At         time.Time // when this host saw it so
}
