// Package world puts real nodes into the simulated network: hosts in data
// centres and racks, what happens to them, and what must hold all the same.
//
// Reading order: Config and World (world.go), Host (host.go), the steps of a
// Plan (plan.go, step.go, random.go), the invariants (invariant.go and the
// files named after them), and the experiments that measure (experiment.go and
// the files named after them).
//
// Everything runs in the virtual time of a testing/synctest bubble: a test
// makes its own, the command calls Virtual. A goroutine of the bubble must not
// wait for anything outside it.
package world
