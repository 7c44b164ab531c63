package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/yodel-mesh/yodel/api"
	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/config"
	"github.com/yodel-mesh/yodel/facts"
)

// doctorTime bounds all looks together: a resolver that hangs costs seconds.
const doctorTime = 30 * time.Second

func (s *shell) doctor() *cobra.Command {
	var paths pathFlags
	paths.paths = new([]string)
	c := s.asking(&cobra.Command{
		Use: "doctor", Short: "is this host fit: name, forward = reverse, clock, ports, resolver, keys", Args: atMost(0),
		Long: "doctor looks at this host, its configuration and its agent, and changes nothing. It exits\nwith 1 if something must be mended.",
	})
	c.Flags().Var(paths, "config-file", "the configuration of the agent (default "+configDir+" if it is there)")
	c.Flags().Var(paths, "config-dir", "likewise, a directory")
	c.RunE = func(c *cobra.Command, _ []string) error {
		client, err := s.client()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(c.Context(), doctorTime)
		defer cancel()
		return s.printFindings(s.examine(ctx, client, *paths.paths))
	}
	return c
}

// examine is everything that doctor looks at.
func (s *shell) examine(ctx context.Context, client *api.Client, paths []string) []facts.Finding {
	c, found := readConfig(paths)
	agent, self := examineAgent(ctx, client)
	o := facts.FitOptions{}
	switch {
	case c != nil:
		o = fitOptions(*c)
	case self != nil:
		o.Name = self.Name
		o.Address, _ = netip.ParseAddr(self.Address) // invalid: Fit finds one
	}
	found = append(found, facts.Fit(ctx, o)...)
	if c != nil {
		found = append(found, examineKeys(*c)...)
	}
	return append(found, agent...)
}

// readConfig is the configuration, or nil when there is none to be had.
func readConfig(paths []string) (*config.Config, []facts.Finding) {
	const check = "configuration"
	if len(paths) == 0 {
		if _, err := os.Stat(configDir); err != nil {
			return nil, []facts.Finding{{Check: check, Status: facts.Warn, Detail: configDir + " is not there: looking at the host alone",
				Hint: "name the configuration by --config-dir, or make one: yodel init"}}
		}
		paths = []string{configDir}
	}
	c, _, err := config.Load(config.Source{Paths: paths})
	var problems config.Problems
	if errors.As(err, &problems) && len(problems) > 0 {
		return nil, []facts.Finding{{Check: check, Status: facts.Fail, Detail: problems[0].String(),
			Hint: "yodel validate " + strings.Join(paths, " ") + " lists " + plural(len(problems), "problem")}}
	}
	return &c, []facts.Finding{{Check: check, Status: facts.OK, Detail: strings.Join(paths, " ")}}
}

func fitOptions(c config.Config) facts.FitOptions {
	o := facts.FitOptions{Name: c.NodeName, DataDir: c.DataDir}
	if a, written := c.Advertise(); written {
		o.Address = a
	}
	for _, a := range c.DNSAddrs() {
		o.Resolver = a
		o.Ports = append(o.Ports, facts.Port{Name: "dns", Network: "udp", Addr: a}, facts.Port{Name: "dns", Network: "tcp", Addr: a})
	}
	for _, a := range c.HTTPAddrs() {
		o.Ports = append(o.Ports, facts.Port{Name: "http", Network: "tcp", Addr: a})
	}
	o.Ports = append(o.Ports,
		facts.Port{Name: "gossip", Network: "udp", Addr: c.GossipAddr()}, facts.Port{Name: "gossip", Network: "tcp", Addr: c.GossipAddr()},
		facts.Port{Name: "peer", Network: "tcp", Addr: c.PeerAddr()})
	return o
}

func examineKeys(c config.Config) []facts.Finding {
	found := []facts.Finding{{Check: "gossip key", Status: facts.OK, Detail: "gossip is encrypted"}}
	if len(c.Encrypt) == 0 {
		found[0] = facts.Finding{Check: "gossip key", Status: facts.Warn, Detail: "gossip is not encrypted: whoever reaches its port is a member",
			Hint: "set encrypt on every host to the same key: yodel keyring generate makes one"}
	}
	if c.AllowedSignersFile == "" {
		return found
	}
	signers := facts.Finding{Check: "signers", Status: facts.OK, Detail: c.AllowedSignersFile + " can be read"}
	if _, err := os.ReadFile(c.AllowedSignersFile); err != nil {
		signers.Status, signers.Detail, signers.Hint = facts.Fail, err.Error(), "without it no job runs here: let the user of the agent read it"
	}
	return append(found, signers)
}

// examineAgent asks the agent how it is, and answers its own node.
func examineAgent(ctx context.Context, client *api.Client) ([]facts.Finding, *catalog.Node) {
	self, err := client.Self(ctx)
	if err != nil {
		return []facts.Finding{{Check: "agent", Status: facts.Fail, Detail: err.Error(), Hint: "start it, and look again"}}, nil
	}
	found := []facts.Finding{{Check: "agent", Status: facts.OK, Detail: fmt.Sprintf("%s %s answers at %s", self.Config.NodeName, self.Config.Version, client.Address())}}
	reasons, err := client.Ready(ctx)
	switch {
	case err != nil:
		found = append(found, facts.Finding{Check: "ready", Status: facts.Fail, Detail: err.Error()})
	case len(reasons) > 0:
		found = append(found, facts.Finding{Check: "ready", Status: facts.Fail, Detail: strings.Join(reasons, "; "), Hint: "look into the agent's log: journalctl -u yodel"})
	default:
		found = append(found, facts.Finding{Check: "ready", Status: facts.OK, Detail: "it answers for its own name, forward and reverse"})
	}
	nodes, err := client.Nodes(ctx, api.Selection{})
	if err != nil {
		return append(found, facts.Finding{Check: "mesh", Status: facts.Fail, Detail: err.Error()}), nil
	}
	conflicts, err := client.Conflicts(ctx)
	if err != nil {
		return append(found, facts.Finding{Check: "mesh", Status: facts.Fail, Detail: err.Error()}), nil
	}
	return append(found, judgeMesh(nodes, conflicts)...), ownNode(nodes, self)
}

func ownNode(nodes []*catalog.Node, self api.Agent) *catalog.Node {
	for _, n := range nodes {
		if n.Origin.String() == self.Config.NodeID {
			return n
		}
	}
	return nil
}

func judgeMesh(nodes, conflicts []*catalog.Node) []facts.Finding {
	var failed []string
	here := 0
	for _, n := range nodes {
		switch {
		case n.Status.Here():
			here++
		case n.Status == catalog.Failed:
			failed = append(failed, n.Name)
		}
	}
	mesh := facts.Finding{Check: "mesh", Status: facts.OK, Detail: plural(here, "node") + " here"}
	switch {
	case len(failed) > 0:
		mesh.Status = facts.Warn
		mesh.Detail += fmt.Sprintf(", %d failed: %s", len(failed), strings.Join(failed[:min(5, len(failed))], ", "))
		mesh.Hint = "repair them, or for those that will not come back: yodel force-leave NAME"
	case here <= 1:
		mesh.Status, mesh.Detail, mesh.Hint = facts.Warn, "this host is alone", "name others in retry_join, or: yodel join HOST"
	}
	found := []facts.Finding{mesh}
	for _, n := range conflicts {
		found = append(found, facts.Finding{Check: "names", Status: facts.Fail, Detail: fmt.Sprintf("%s at %s: %s", n.Name, n.Address, n.Conflict),
			Hint: "set another node_name on one of them"})
	}
	return found
}

// printFindings prints them, and fails if one must be mended.
func (s *shell) printFindings(found []facts.Finding) error {
	bad := 0
	for _, f := range found {
		if f.Status == facts.Fail {
			bad++
		}
	}
	done, err := s.emit(found)
	if err != nil {
		return err
	}
	if !done {
		t := &table{shell: s}
		for _, f := range found {
			colour := map[facts.Status]string{facts.OK: green, facts.Warn: yellow, facts.Fail: red}[f.Status]
			t.add(cell{string(f.Status), colour}, f.Check, f.Detail)
			if f.Hint != "" && f.Status != facts.OK {
				t.add("", "", "-> "+f.Hint)
			}
		}
		if err := t.print(); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%s must be mended", plural(bad, "thing"))
	}
	return nil
}
