package sim

// Stats count what an endpoint has sent and got since it was added. Bytes are
// payload; those of headers are apart, for datagrams. TCP's are not counted:
// 52 for each packet of up to 1,448 bytes, as much for every second packet in
// acknowledgement, and about 400 to open and close a stream.
type Stats struct {
	// Datagrams. Each has a header of 28 bytes, IPv4 and UDP, and one larger
	// than 1,472 bytes is fragmented, with 20 more in each further packet.
	PacketsOut, PacketsIn uint64
	BytesOut, BytesIn     uint64
	HeadersOut, HeadersIn uint64
	Fragmented            uint64 // sent

	// Datagrams sent that did not arrive, by the reason.
	Cut       uint64 // Cut, Down, Mute
	Lost      uint64 // Loss
	Congested uint64 // Bandwidth
	Unreached uint64 // nobody has the address, or one of the two hosts or processes is dead

	// Datagrams that came and were not taken, by the reason.
	Overflowed uint64 // the receive buffer was full, or that for sending while stalled
	Unopened   uint64 // to a port that is not open

	Dials, Accepts                uint64 // streams opened from and to here
	StreamBytesOut, StreamBytesIn uint64 // written, and arrived
	Resent                        uint64 // pieces of streams that had to be sent again
}

// Dropped is how many datagrams this endpoint has sent or got in vain.
func (s Stats) Dropped() uint64 {
	return s.Cut + s.Lost + s.Congested + s.Unreached + s.Overflowed + s.Unopened
}

// Stats are the counts until now.
func (e *Endpoint) Stats() Stats {
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	return e.stats
}
