// Package catalog is what every node knows of every node, and the one door
// through which any of it changes.
//
// A node's word about itself is a set of entries, each written only by its
// origin and numbered by it; nothing here is ordered by a clock. Learn takes
// what was said and answers with what was news. View is the belief that
// follows: immutable, complete, and read without a lock.
//
// The package does no I/O, starts no goroutine and asks nobody for the time.
package catalog
