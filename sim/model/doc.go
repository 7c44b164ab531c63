// Package model says what a mesh of 10,000 to 100,000 nodes would do, where the
// real code no longer fits in one process: news, deaths, doubts and idle
// traffic of members that follow the rules of memberlist, Serf and package
// gossip, as discrete events. It starts no goroutine, reads no clock and uses
// nothing of the other packages; equal configurations give equal results.
//
// It follows, message by message: eager push on first sight; timer-driven
// gossip with its copies, order and packet size; words that ride on probes;
// probes in shuffled rounds, indirect ones, the stream that is tried last;
// Lifeguard's awareness, suspicions with confirmations, refutations; push/pull;
// summaries on acknowledgements and the pulls that they lead to; loss, latency
// and jitter by distance; nodes that are short of CPU; and a mesh of meshes,
// one for each data centre.
//
// It leaves out: joining and leaving, Serf's intents and reconnects, the time
// that a packet takes on a CPU, the bandwidth of links, and that the dead drop
// out of the member list after half a minute.
//
// What it says is compared with the real code at 100 nodes in its tests, and
// at 300 and 1,000 when asked (YODEL_MODEL_NODES=300,1000).
package model
