package model

import "fmt"

// Wire is how long messages are, in bytes of UDP or TCP payload: names of 10
// letters, IPv4, no encryption.
type Wire struct {
	Overhead int // added to each datagram: encryption, or the headers of IP and UDP if they are to count

	Ping, Ack, Indirect, Nack int // probes; an ack carries a summary
	RelayedAck                int // without one
	Suspect, Dead, Alive      int
	Checksum                  int // before gossip, and before a ping of a suspect
	Word                      int // around the word of an event

	PushPull          int // one side of an exchange of member lists,
	PushPullPerMember int // for each member in it,
	PushPullPerWord   int // and around each word
	StreamPing        int // both sides of a probe over a stream
	Pull, PullPerNode int // both sides of a pull that learns one thing: handshake, question, answer
}

// Measured are the lengths that the real code sends, with a host name of 20
// letters in the tags. Those of datagrams and of push/pull are held by tests; a
// pull was measured among 2 and 24 nodes (1,650 and 1,950 bytes).
func Measured() Wire {
	return Wire{
		Ping: 79, Ack: 40, RelayedAck: 20, Indirect: 105, Nack: 11,
		Suspect: 47, Dead: 47, Alive: 126, Checksum: 5, Word: 35,
		PushPull: 1130, PushPullPerMember: 143, PushPullPerWord: 45,
		StreamPing: 98, Pull: 1600, PullPerNode: 20,
	}
}

func (w Wire) check() error {
	for _, f := range []struct {
		name  string
		value int
	}{
		{"Overhead", w.Overhead}, {"Ping", w.Ping}, {"Ack", w.Ack}, {"RelayedAck", w.RelayedAck}, {"Indirect", w.Indirect}, {"Nack", w.Nack},
		{"Suspect", w.Suspect}, {"Dead", w.Dead}, {"Alive", w.Alive}, {"Checksum", w.Checksum}, {"Word", w.Word},
	} {
		if f.value < 0 || f.value > datagramMax/4 {
			return fmt.Errorf("Config.Wire.%s: %d, want 0 to %d", f.name, f.value, datagramMax/4)
		}
	}
	for _, f := range []struct {
		name  string
		value int
	}{
		{"PushPull", w.PushPull}, {"PushPullPerMember", w.PushPullPerMember}, {"PushPullPerWord", w.PushPullPerWord},
		{"StreamPing", w.StreamPing}, {"Pull", w.Pull}, {"PullPerNode", w.PullPerNode},
	} {
		if f.value < 0 {
			return fmt.Errorf("Config.Wire.%s: %d is negative", f.name, f.value)
		}
	}
	return nil
}
