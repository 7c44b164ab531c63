// Package config turns agent configuration files into one Config.
//
// The keys and their meaning are those of Consul's agent configuration
// (developer.hashicorp.com/consul/docs/agent/config/config-files), in HCL and in
// JSON, so that a directory of Consul service definitions loads as it is. Tables
// of keys (keys.go, definition.go) drive everything: decoding, the nearest right
// name in an error, what a reload can apply, and the documentation.
//
// It promises to report every problem it can see at once, each with file, line,
// key and what to do, and to end in bounded time and memory on any input. It
// knows nothing of the mesh, and it is the only importer of hashicorp/hcl and
// go-sockaddr.
package config
