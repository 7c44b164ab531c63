package gossip

import (
	"net"
	"strconv"

	"github.com/hashicorp/serf/serf"
)

// Status is what the mesh says of a member.
type Status string

// The statuses of a member.
const (
	Alive   Status = "alive"
	Leaving Status = "leaving"
	Left    Status = "left"
	Failed  Status = "failed"
	Reaped  Status = "reaped" // forgotten by the mesh
)

// Member is a node as the mesh sees it.
type Member struct {
	ID         string // the text form of its origin
	Name       string
	Datacenter string
	Address    string
	Port       int
	PeerPort   int
	Status     Status
}

// Tags are what a member says of itself in every membership message, in 512
// bytes: only what is needed before the first entry arrives.
const (
	tagName       = "n"
	tagDatacenter = "d"
	tagPeerPort   = "p"
)

func tags(c Config) map[string]string {
	return map[string]string{tagName: c.Name, tagDatacenter: c.Datacenter, tagPeerPort: strconv.Itoa(c.PeerPort)}
}

func member(m serf.Member) Member {
	port, _ := strconv.Atoi(m.Tags[tagPeerPort])
	if port < 0 || port > 65535 {
		port = 0
	}
	return Member{
		ID: m.Name, Name: m.Tags[tagName], Datacenter: m.Tags[tagDatacenter], PeerPort: port,
		Address: m.Addr.String(), Port: int(m.Port), Status: status(m.Status),
	}
}

func status(s serf.MemberStatus) Status {
	switch s {
	case serf.StatusAlive:
		return Alive
	case serf.StatusLeaving:
		return Leaving
	case serf.StatusLeft:
		return Left
	}
	return Failed
}

// HostPort is where the member gossips.
func (m Member) HostPort() string { return net.JoinHostPort(m.Address, strconv.Itoa(m.Port)) }
