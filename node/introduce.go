package node

import (
	"context"
	"strings"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/config"
)

// introduce says who this node is, before anybody can ask.
func (n *Node) introduce(ctx context.Context) error {
	n.look(ctx)
	return n.declare()
}

// declare says everything that this node has to say of itself, and takes back
// what it said before and does not say now.
func (n *Node) declare() error {
	w, err := n.local.words()
	if err != nil {
		return err
	}
	host, err := catalog.Encode(n.host(n.conf(), false))
	if err != nil {
		return err
	}
	w[catalog.KeyHost] = host
	if f := n.facts.Load(); f != nil {
		entries, err := catalog.FactEntries(*f)
		if err != nil {
			return err
		}
		for key, value := range entries {
			w[key] = value
		}
	}
	for key := range n.own() {
		if _, still := w[key]; !still && !strings.HasPrefix(key, "facts/") {
			w[key] = nil
		}
	}
	return n.say(w)
}

// host is this node's word on itself as a member.
func (n *Node) host(c *config.Config, left bool) catalog.Host {
	self := n.mesh.Self()
	h := catalog.Host{
		Name: c.NodeName, Datacenter: c.Datacenter, Rack: c.Rack, Address: self.Address, PeerPort: n.peerPort(),
		Tags: c.Tags, Meta: c.NodeMeta, Version: Version, Left: left,
	}
	if f := n.facts.Load(); f != nil {
		h.FQDN = f.OS.FQDN
	}
	return h
}

// lookAround refreshes the facts now and then. Only what changed travels.
func (n *Node) lookAround(ctx context.Context) {
	for {
		select {
		case <-time.After(factsInterval):
		case <-n.lookWake:
		case <-ctx.Done():
			return
		}
		n.look(ctx)
		if err := n.declare(); err != nil {
			n.log.Error("tell the facts", "err", err)
		}
	}
}

// look collects the facts. What could not be read is logged when it changes.
func (n *Node) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, factsTimeout)
	defer cancel()
	f, errs := n.world.Facts(ctx)
	n.facts.Store(&f)
	text := ""
	for _, err := range errs {
		text += err.Error() + "; "
	}
	if before := n.factsTrouble.Swap(&text); before == nil && text != "" || before != nil && *before != text {
		n.log.Warn("facts are incomplete", "errors", text)
	}
}
