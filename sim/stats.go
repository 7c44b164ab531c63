package sim

import "sync/atomic"

// Stats count what an endpoint has sent and got. Bytes are payload, without
// any header.
type Stats struct {
	PacketsOut, PacketsIn uint64
	BytesOut, BytesIn     uint64 // of datagrams
	Fragmented            uint64 // datagrams sent that were larger than one packet
	Lost                  uint64 // datagrams sent that a fault or a dead host swallowed
	Overflowed            uint64 // datagrams that came while the receive queue was full, or to no open port

	Dials                         uint64 // streams opened from here
	StreamBytesOut, StreamBytesIn uint64
}

type counters struct {
	packetsOut, packetsIn, bytesOut, bytesIn, fragmented, lost, overflowed atomic.Uint64
	dials, streamOut, streamIn                                             atomic.Uint64
}

// Stats are the counts since the endpoint was added.
func (e *Endpoint) Stats() Stats {
	c := &e.count
	return Stats{
		PacketsOut: c.packetsOut.Load(), PacketsIn: c.packetsIn.Load(),
		BytesOut: c.bytesOut.Load(), BytesIn: c.bytesIn.Load(),
		Fragmented: c.fragmented.Load(), Lost: c.lost.Load(), Overflowed: c.overflowed.Load(),
		Dials: c.dials.Load(), StreamBytesOut: c.streamOut.Load(), StreamBytesIn: c.streamIn.Load(),
	}
}
