// Package peer opens streams between two hosts, each of which has proven which
// host it is.
//
// A host's identity is an ed25519 key that is born with its data directory;
// the first 16 bytes of the SHA-256 of the public key name it. A stream is one
// TLS 1.3 connection for one verb: frames both ways, within limits on size,
// number and time, whatever the other side does. A host that is not trusted,
// or is not the one that was asked for, fails in the TLS handshake: no byte of
// its own is read before.
//
// The package knows nothing of what is exchanged nor of who is a member: it
// asks the Trust function that it is given. It needs a net.Listener and a dial
// function, not a network, so that it runs over an in-memory one.
package peer
