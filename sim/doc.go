// Package sim runs many nodes in one process.
//
// Its Network is the world between them: endpoints with addresses, datagrams,
// streams with latency, and faults that are values. It works in real time and
// inside a testing/synctest bubble, where it must be made and closed: whatever
// waits here waits on channels and timers of the bubble, and no mutex is held
// meanwhile. Everything random is drawn from one seed, but the order in which
// goroutines ask is the scheduler's: equal seeds make similar runs, not equal
// ones.
//
// Config says how endpoints are joined while nothing is wrong: by how near they
// are, or by the names of their places. Faults come and go over it. Apply and
// Lift forget what the paths between places have become, and the first packet
// on each finds it out again, so that lasting faults cost a packet nothing.
//
// Two traps for who starts real Serf nodes in a bubble: nodes that are made at
// the same instant gossip in lock-step (sleep Network.Random between them), and
// Serf's goroutines outlive its Shutdown (sleep 30 virtual seconds before the
// bubble ends).
//
// Of memberlist it imports the Transport type only.
package sim
