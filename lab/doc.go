// Package lab runs real yodel agents, each on a host of its own: a network
// namespace with an address, a host name, files under /etc and a cable to a
// switch. Cables can be pulled, pairs of hosts cut off from each other, packets
// lost. Nothing of it touches the network of the machine, and everything is
// removed again, also what a run that crashed left behind.
//
// It needs root, iproute2, nftables and util-linux on Linux.
package lab
