package peer

import "time"

// Sizes of what the other side may send. Both directions of a stream are held
// to the same ones, so a sender learns of a limit before its peer does.
const (
	// FrameMax bounds one message, and so the memory that one Receive takes.
	// A whole catalog goes in several frames.
	FrameMax = 1 << 20

	// StreamBytesMax bounds one direction of one stream. A catalog of 1,000
	// hosts with 50 entries of 300 bytes each is 15 MB.
	StreamBytesMax = 64 << 20

	// StreamFramesMax bounds the frames in one direction, or empty ones would
	// be free. 65,536 frames reach StreamBytesMax at 1 KiB each.
	StreamFramesMax = 1 << 16

	// verbMax bounds the name of a verb; names are short words.
	verbMax = 64

	// refusalMax bounds the text that says why a stream failed: one line of a
	// log.
	refusalMax = 1 << 10

	// handshakeBytesMax bounds what is read before the other side is known.
	// Ours takes about 700 bytes, with a post-quantum key share 1.2 kB more;
	// the standard library alone would take a certificate of 256 KiB.
	handshakeBytesMax = 8 << 10
)

// Numbers of what goes on at once.
const (
	// streamsMax bounds the streams that a server carries: with FrameMax, 64
	// MiB in the worst case. A host of a mesh of 1,000 is asked for about one
	// exchange per second, each of milliseconds.
	streamsMax = 64

	// streamsPerPeerMax keeps one host from taking all of them.
	streamsPerPeerMax = 8

	// handshakesMax bounds the connections whose other side is not known yet.
	// Each may hold handshakeBytesMax and two small stacks.
	handshakesMax = 128

	// handshakesPerSourceMax keeps one address from holding all of them for
	// handshakeTimeout.
	handshakesPerSourceMax = 16

	// acceptsPerSource is how many connections per second one address may
	// open: a handshake costs about 0.5 ms of CPU, so one address can take 5 %
	// of a core. Many agents on one loopback address stay below it.
	acceptsPerSource = 100
)

const (
	// handshakeTimeout covers connect and TLS: four round trips, of which one
	// may be lost and resent after 3 s.
	handshakeTimeout = 5 * time.Second

	// idleTimeout covers one frame, from the wish to read or write it to its
	// last byte: FrameMax at 1 Mbit/s.
	idleTimeout = 10 * time.Second

	// streamTimeout covers a whole stream: StreamBytesMax at 10 Mbit/s. It is
	// what ends a peer that sends one byte just before each idleTimeout.
	streamTimeout = 60 * time.Second

	// lingerTimeout is how long a server that has said its last word waits for
	// the other side to stop talking: closing at once would reset the
	// connection and take the last word with it.
	lingerTimeout = time.Second

	// acceptPause is how long a listener rests that cannot accept, for want of
	// file descriptors for instance.
	acceptPause = 100 * time.Millisecond

	// complaintInterval is how often refused connections are worth a line in
	// the log.
	complaintInterval = time.Minute
)

// pace is what tests shorten.
type pace struct {
	handshake, idle, stream, linger time.Duration
}

func defaultPace() pace {
	return pace{handshakeTimeout, idleTimeout, streamTimeout, lingerTimeout}
}
