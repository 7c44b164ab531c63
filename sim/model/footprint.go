package model

// Memory of an agent, resident: not simulated but reckoned, from what was
// measured of real ones.
const (
	agentMemory   = 39 << 20 // of an agent that knows nobody: bench/footprint, 300 members, less what it kept of them
	memberMemory  = 800      // what memberlist and Serf keep of each member: 300 to 2,000 real members in one process
	catalogMemory = 12 << 10 // what the catalog keeps of a Hadoop host with 26 disks: its BenchmarkBytesPerHost
	garbage       = 1.25     // the collector lets a quarter lie about
)

// Footprint is how many bytes of memory an agent takes, in the mesh of its data
// centre and, of a bridge, in the mesh of bridges too. All nodes are in the
// catalog of each, whichever mesh they are members of.
func (c Config) Footprint() (node, bridge int64) {
	c = c.withDefaults()
	members := c.Nodes
	if c.Bridges > 0 {
		members = (c.Nodes + c.Datacenters - 1) / c.Datacenters
	}
	sum := func(members int) int64 {
		return agentMemory + int64(garbage*float64(c.Nodes*catalogMemory+members*memberMemory))
	}
	return sum(members), sum(members + c.Bridges*c.Datacenters)
}
