// Package node is one host: it joins gossip, the peer port, the store, the
// checks, DNS and the HTTP interface, and is the only package that sees them
// all.
//
// The path of a fact, in the order of the files to read:
//
//	check.go    a probe looked; if the status changed, it is said
//	say.go      what this node says of itself becomes entries
//	learn.go    ONE DOOR: does it change what we believe?
//	tell.go     if it does, the mesh hears it
//	hear.go     on another host: a message becomes an entry, the same door
//	publish.go  what is believed becomes what is answered
//	pull.go     what do you have that I lack: the repair for every lost message
package node
