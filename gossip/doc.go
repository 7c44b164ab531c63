// Package gossip is who is here, and small words to everyone, fast. It is the
// only importer of Serf and memberlist.
//
// A word is a hint: it may come twice, late or never, and nothing may depend
// on it. Members are named by their origin, never by their host name, so two
// hosts of one name, or one host rebuilt, are simply two members.
//
// The package does not know what a word means.
package gossip
