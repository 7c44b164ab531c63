package node

import (
	"context"
	"net"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/facts"
	"github.com/yodel-mesh/yodel/gossip"
)

// World is what a node stands on. The zero value is the machine; a simulator
// brings its own.
type World struct {
	Transport gossip.Transport                                         // gossip; nil: sockets
	Listen    func(address string) (net.Listener, error)               // peers
	Dial      func(ctx context.Context, addr string) (net.Conn, error) // peers
	Facts     func(context.Context) (catalog.Facts, []error)
	Lose      func(kind string) bool // whether a word that arrived is lost; nil: none
	Settings  gossip.Settings        // zero: those that ship
	Clock     func() time.Time       // of this host, for what it tells people and peers; nil: time.Now
	Watch     func(catalog.News)     // sees everything that changes belief, in order; it must not wait. nil: nobody

	// ProbeStore opens the store in a process of its own first, which a damaged
	// table may end. nil: that is risked here.
	ProbeStore func(dir string) error
}

// settleWorld makes what the world left open the machine's. Facts begin from
// those that this node told last, so that a value on the edge stays where it was.
func (n *Node) settleWorld(context.Context) error {
	if n.world.Listen == nil {
		n.world.Listen = func(address string) (net.Listener, error) { return net.Listen("tcp", address) }
	}
	if n.world.Facts == nil {
		o := facts.Options{Version: Version}
		if self := n.catalog.View().ByOrigin(n.origin); self != nil {
			o.Previous = self.Facts.Facts()
		}
		n.world.Facts = facts.New(o).Collect
	}
	return nil
}

// The rhythm of a node.
const (
	factsInterval = time.Minute      // a disk that goes is known within it
	factsTimeout  = 20 * time.Second // a dead mount costs seconds, once
	sweepInterval = time.Minute
	keepInterval  = 2 * time.Second // what is lost with the power, at most; peers have it
	beatInterval  = time.Minute     // how exactly a restart knows when the others were last seen
)
