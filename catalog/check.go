package catalog

import "time"

// Health is the status of a check: passing, warning or critical. They are
// Consul's words and the only ones on the wire.
type Health string

// The statuses of a check, from best to worst.
const (
	Passing  Health = "passing"
	Warning  Health = "warning"
	Critical Health = "critical"
)

// Worse is the worse of two statuses; what is not a status counts as critical.
func (h Health) Worse(other Health) Health {
	if rank(other) > rank(h) {
		return other
	}
	return h
}

func rank(h Health) int {
	switch h {
	case Passing:
		return 0
	case Warning:
		return 1
	}
	return 2
}

// Check is a check as the mesh knows it: its status, since when, and the
// output of the run that brought the status. A run that changes only the
// output is history and does not travel.
type Check struct {
	ID        string    `json:"CheckID" cbor:"1,keyasint"`
	Name      string    `json:"Name" cbor:"2,keyasint"`
	Status    Health    `json:"Status" cbor:"3,keyasint"`
	Output    string    `json:"Output" cbor:"4,keyasint,omitempty"` // at most OutputMax bytes
	Notes     string    `json:"Notes" cbor:"5,keyasint,omitempty"`
	ServiceID string    `json:"ServiceID" cbor:"6,keyasint,omitempty"` // empty: a check of the node
	Service   string    `json:"ServiceName" cbor:"7,keyasint,omitempty"`
	Type      string    `json:"Type" cbor:"8,keyasint,omitempty"` // script, http, tcp, ...
	Interval  string    `json:"Interval,omitempty" cbor:"9,keyasint,omitempty"`
	Since     time.Time `json:"Since" cbor:"10,keyasint,omitzero"` // for people
}
