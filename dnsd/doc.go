// Package dnsd answers DNS questions about hosts and service instances.
//
// It promises that every question that can be read gets an answer, and that a
// reader never waits for a writer: Put swaps small immutable maps, and answers
// to the common questions lie in them as finished wire data. It knows nothing
// of gossip or the catalog: hosts go in, DNS packets come out. It is the only
// importer of miekg/dns.
//
// A packet takes one of two paths. Server.quick answers the usual question (one
// question, class IN, a common type, at most a plain OPT) by copying wire data,
// without a lock or an allocation. Everything else goes to Server.answer, which
// decodes with miekg/dns: odd packets, TCP, names that are computed, truncation
// and recursion. Both read the same entries, and a property test holds them to
// the same answers.
package dnsd
