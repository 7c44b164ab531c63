package gossip

import (
	"time"

	"github.com/hashicorp/memberlist"
)

// summaryMax bounds the summary in an ack: it rides in every probe packet.
const summaryMax = 64

// summaries rides on memberlist's probes: who answers one says in a few bytes
// what it knows, so that two members find out for nothing that they differ.
type summaries struct{ config *Config }

func (m *Mesh) ping() memberlist.PingDelegate { return summaries{&m.config} }

// AckPayload is called on memberlist's packet reader.
func (s summaries) AckPayload() []byte {
	if s.config.Summary == nil {
		return nil
	}
	return s.config.Summary()
}

// NotifyPingComplete is called for each direct probe that was answered.
func (s summaries) NotifyPingComplete(other *memberlist.Node, rtt time.Duration, payload []byte) {
	if s.config.Compare != nil && len(payload) > 0 && len(payload) <= summaryMax {
		s.config.Compare(other.Name, payload, rtt)
	}
}
