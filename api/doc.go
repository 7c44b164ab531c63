// Package api is the HTTP contract, both sides: the handler that a node serves
// and the client that the command line uses. Paths, parameters and shapes are
// Consul's where Consul has them; /v1/mesh is ours.
//
// It answers from an immutable view, without a lock. It knows nothing of
// gossip, stores or configuration: a Backend does. It is the only importer of
// go-bexpr.
package api
