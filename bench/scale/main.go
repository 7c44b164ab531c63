// Command scale says what meshes of 100 to 100,000 nodes would do and cost, by
// the model of package sim/model: a flat mesh and a mesh of meshes side by
// side, and what the settings of the probes trade against each other.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/yodel-mesh/yodel/gossip"
	"github.com/yodel-mesh/yodel/sim/model"
	"github.com/yodel-mesh/yodel/sim/report"
)

func main() {
	var b bench
	nodes := flag.String("nodes", "100,1000,3000,10000,30000", "sizes of the mesh; 100,000 need 4 GB and ten minutes")
	flag.IntVar(&b.home, "datacenter", 1000, "nodes of a data centre, in a mesh of meshes")
	flag.IntVar(&b.bridges, "bridges", 3, "of each data centre")
	flag.IntVar(&b.runs, "runs", 20, "deaths and news for each size, fewer above 10,000 nodes")
	flag.Uint64Var(&b.seed, "seed", 1, "of everything random")
	html := flag.String("html", "", "write the report with its plots to this file")
	json := flag.String("json", "", "write the report as JSON to this file")
	flag.Parse()
	for s := range strings.SplitSeq(*nodes, ",") {
		n, err := strconv.Atoi(s)
		exit(err)
		b.nodes = append(b.nodes, n)
	}
	exit(b.run())
	exit(b.report.Text(os.Stdout))
	exit(save(*html, b.report.HTML))
	exit(save(*json, b.report.JSON))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench scale:", err)
		os.Exit(1)
	}
}

func save(path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

type bench struct {
	nodes               []int
	home, bridges, runs int
	seed                uint64
	report              report.Report
}

func (b *bench) run() error {
	b.report.Title = "Meshes of up to 100,000 nodes, by the model"
	b.report.Notes = []string{
		fmt.Sprintf("Links: 0.5 to 0.6 ms one way within a data centre, 10 to 11 ms between two, no loss unless said. The settings that ship; words of 120 bytes; seed %d.", b.seed),
		"Bytes are payload, without the headers of IP, UDP and TCP. Streams are counted both ways at the node that opens them.",
		"Memory is reckoned from measured sizes: 39 MB of an agent, 12 kB for each node in its catalog, 0.8 kB for each member of its mesh, and a quarter for garbage.",
	}
	if err := b.sizes(); err != nil {
		return err
	}
	if err := b.settings(); err != nil {
		return err
	}
	return b.doubts()
}

// lan are a mesh's settings with what package gossip and node add to Serf, which
// is nothing when the settings are Serf's.
func lan(s gossip.Settings) model.Settings {
	out := model.Settings{
		GossipInterval: s.GossipInterval, GossipNodes: s.GossipNodes, RetransmitMult: s.RetransmitMult, EagerNodes: s.EagerNodes,
		ProbeInterval: s.ProbeInterval, ProbeTimeout: s.ProbeTimeout, IndirectChecks: s.IndirectChecks,
		SuspicionMult: s.SuspicionMult, SuspicionMax: s.SuspicionMax, SuspicionWindow: s.SuspicionWindow,
		AwarenessMax: s.AwarenessMax, PushPullInterval: s.PushPullInterval, EventBuffer: 1024,
	}
	if s == gossip.Stock() {
		out.EventBuffer = 512
		return out
	}
	out.ExchangePause, out.ExchangePausePerNode, out.ExchangeQuiet, out.ExchangeLate = 5*time.Second, time.Millisecond, 3*time.Second, 20*time.Second
	out.PullPause, out.PullPausePerNode, out.PullPatience = 300*time.Millisecond, time.Millisecond, 10*time.Second
	return out
}

func (b *bench) world(nodes int, bridged bool) model.Config {
	c := model.Config{
		Nodes: nodes, Datacenters: max(1, nodes/b.home), Settings: lan(gossip.LAN()), Seed: b.seed, MemoryMax: 8 << 30, Patience: 5 * time.Minute,
		Links: model.Links{
			Datacenter: model.Link{Latency: 500 * time.Microsecond, Jitter: 100 * time.Microsecond},
			Between:    model.Link{Latency: 10 * time.Millisecond, Jitter: time.Millisecond},
		},
	}
	if bridged && c.Datacenters > 1 {
		c.Bridges = b.bridges
	}
	return c
}
