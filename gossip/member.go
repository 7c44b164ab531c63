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
	tagRest       = "i"
)

// shortName is how much of its id a member goes by among Serf's: two names are
// in every probe, and so in most of what an idle mesh sends. 10 characters of
// base32 are 50 bits; the rest of the id is a tag. Two members of one short
// name, once in a billion meshes of 1,000, are told as a copied identity.
const shortName = 10

func short(id string) string { return id[:min(shortName, len(id))] }

func tags(c Config) map[string]string {
	return map[string]string{
		tagName: c.Name, tagDatacenter: c.Datacenter, tagPeerPort: strconv.Itoa(c.PeerPort),
		tagRest: c.ID[len(short(c.ID)):],
	}
}

func member(m serf.Member) Member {
	port, _ := strconv.Atoi(m.Tags[tagPeerPort])
	if port < 0 || port > 65535 {
		port = 0
	}
	return Member{
		ID: m.Name + m.Tags[tagRest], Name: m.Tags[tagName], Datacenter: m.Tags[tagDatacenter], PeerPort: port,
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
