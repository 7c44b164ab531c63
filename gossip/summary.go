package gossip

import (
	"encoding/binary"
	"hash/fnv"
	"time"

	"github.com/hashicorp/memberlist"
)

const (
	// summaryMax bounds what rides on an ack: it is in every answer to a probe.
	summaryMax = 64

	// membershipLength is our own part of it: a sum of all members alive.
	membershipLength = 4
)

// AckPayload is called on memberlist's packet reader, for each probe that is
// answered: in a few bytes two members find out for nothing that they differ.
func (m *Mesh) AckPayload() []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, summaryMax), m.membership.Load())
	if m.config.Summary != nil {
		b = append(b, m.config.Summary()...)
	}
	return b
}

// NotifyPingComplete is called for each direct probe that was answered.
func (m *Mesh) NotifyPingComplete(other *memberlist.Node, rtt time.Duration, payload []byte) {
	if len(payload) < membershipLength || len(payload) > summaryMax {
		return
	}
	if binary.BigEndian.Uint32(payload) != m.membership.Load() {
		m.differSoon(other.Address())
	}
	id := m.idOf(other.Name)
	if m.config.Compare != nil && id != "" && len(payload) > membershipLength {
		m.config.Compare(id, payload[membershipLength:], rtt)
	}
}

// change notes that a member has come to be alive, or no longer is.
func (m *Mesh) change(id string) {
	m.membership.Store(m.membership.Load() ^ hashOf(id)) // only listen writes
	m.moved.Store(time.Now().UnixNano())
}

func hashOf(id string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(id))
	return h.Sum32()
}
