package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/yodel-mesh/yodel/api"
	"github.com/yodel-mesh/yodel/catalog"
)

func (s *shell) nodes() *cobra.Command {
	return s.selecting(s.asking(&cobra.Command{
		Use: "nodes", Short: "list the nodes with their health, place and tags", Args: atMost(0),
		Example: "  yodel nodes -t role=datanode\n  yodel nodes --filter 'rack == \"/dc1/r12\" and Facts.Memory.Total > 64GB'\n  yodel nodes --filter '\"datanode\" in Services and Health != passing'",
		RunE: s.with(func(ctx context.Context, c *api.Client, _ []string) error {
			nodes, err := c.Nodes(ctx, s.selection)
			if err != nil {
				return err
			}
			if done, err := s.emit(nodes); done {
				return err
			}
			t := s.table("NODE", "ADDRESS", "STATUS", "HEALTH", "DATACENTER", "RACK", "TAGS")
			for _, n := range nodes {
				t.add(n.Name, n.Address, statusCell(n, time.Now()), healthCell(api.NodeHealth(n)), n.Datacenter, n.Rack, pairs(n.Tags))
			}
			if err := t.print(); err != nil {
				return err
			}
			return s.warnOfConflicts(ctx, c)
		}),
	}))
}

func (s *shell) node() *cobra.Command {
	c := &cobra.Command{Use: "node", Short: "one node: everything known of it, and what changed", Args: cobra.ArbitraryArgs, RunE: group}
	c.AddCommand(s.nodeShow(), s.nodeChanges())
	return c
}

func (s *shell) nodeShow() *cobra.Command {
	return s.asking(&cobra.Command{
		Use: "show NAME", Short: "show everything known of one node", Args: exactly("NAME"), ValidArgsFunction: s.nodeNames,
		RunE: s.with(func(ctx context.Context, c *api.Client, args []string) error {
			n, err := c.Node(ctx, args[0])
			if err != nil {
				return err
			}
			if done, err := s.emit(n); done {
				return err
			}
			return s.describe(n, time.Now())
		}),
	})
}

// describe prints a node for people.
func (s *shell) describe(n *catalog.Node, now time.Time) error {
	t := &table{shell: s}
	line := func(name string, value any) {
		if value != "" {
			t.add(cell{name, bold}, value)
		}
	}
	line("Node", n.Name)
	line("ID", n.Origin)
	line("Status", statusCell(n, now))
	line("Health", healthCell(api.NodeHealth(n)))
	line("Address", n.Address)
	line("FQDN", n.FQDN)
	line("Datacenter", n.Datacenter)
	line("Rack", n.Rack)
	line("Tags", pairs(n.Tags))
	line("Meta", pairs(n.Meta))
	line("Version", n.Version)
	line("Conflict", n.Conflict)
	s.describeFacts(n.Facts.Facts(), line, now)
	if err := t.print(); err != nil {
		return err
	}
	if len(n.Services) > 0 {
		fmt.Fprintln(s.env.Out)
		t := s.table("SERVICE", "ID", "ADDRESS", "STATUS", "TAGS")
		for _, i := range n.Services {
			t.add(i.Name, i.ID, hostPort(or(i.Address, n.Address), i.Port), healthCell(n.Health(i.ID)), strings.Join(i.Tags, ","))
		}
		if err := t.print(); err != nil {
			return err
		}
	}
	if len(n.Checks) == 0 {
		return nil
	}
	fmt.Fprintln(s.env.Out)
	checks := s.table("CHECK", "SERVICE", "STATUS", "SINCE", "OUTPUT")
	for _, c := range n.Checks {
		checks.add(c.ID, c.Service, healthCell(c.Status), since(c.Since, now), firstLine(c.Output))
	}
	return checks.print()
}

func (s *shell) describeFacts(f catalog.Facts, line func(string, any), now time.Time) {
	line("System", words(f.OS.Name, f.OS.Version, f.OS.Kernel, f.OS.Arch, f.OS.Virtual))
	line("Machine", words(f.OS.Vendor, f.OS.Product, f.OS.Serial))
	if f.CPU.Threads > 0 {
		line("CPU", words(fmt.Sprintf("%d threads, %d cores,", f.CPU.Threads, f.CPU.Cores), plural(f.CPU.Sockets, "socket")+",", f.CPU.Model))
	}
	if f.Memory.Total > 0 {
		line("Memory", size(f.Memory.Total)+", swap "+size(f.Memory.Swap))
	}
	if !f.Boot.Time.IsZero() {
		line("Booted", f.Boot.Time.UTC().Format(time.RFC3339)+" ("+ago(f.Boot.Time, now)+" ago)")
	}
	for _, d := range f.Disks {
		line("Disk "+d.Name, words(size(d.Size), d.Type, d.Model, d.Serial))
	}
	for _, m := range f.Mounts {
		readOnly := ""
		if m.ReadOnly {
			readOnly = "read-only"
		}
		line("Mount "+m.Path, words(m.Device, m.Type, size(m.Used)+" of "+size(m.Size), readOnly))
	}
	for _, i := range f.Interfaces {
		line("Interface "+i.Name, words(strings.Join(i.Addresses, " "), i.MAC))
	}
}

func (s *shell) nodeChanges() *cobra.Command {
	var since string
	c := s.asking(&cobra.Command{
		Use: "changes [NAME]", Short: "what changed on a node, or on all: a disk gone, another rack, a new address", Args: atMost(1),
		ValidArgsFunction: s.nodeNames,
		RunE: s.with(func(ctx context.Context, c *api.Client, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			changes, err := c.Changes(ctx, since, name)
			if err != nil {
				return err
			}
			if done, err := s.emit(changes); done {
				return err
			}
			t := s.table("WHEN", "NODE", "WHAT", "BEFORE", "AFTER")
			for _, one := range changes {
				t.add(one.At.Local().Format(time.DateTime), one.Node, one.What, or(one.Before, "-"), or(one.After, "-"))
			}
			return t.print()
		}),
	})
	c.Flags().StringVar(&since, "since", "", "only those after this: 24h, 7d, a time such as 2026-11-21T08:00:00Z")
	return c
}

func (s *shell) services() *cobra.Command {
	return s.selecting(s.asking(&cobra.Command{
		Use: "services [NAME]", Short: "list the services, or the instances of one", Args: atMost(1),
		RunE: s.with(func(ctx context.Context, c *api.Client, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			instances, err := c.Services(ctx, name, s.selection)
			if err != nil {
				return err
			}
			if done, err := s.emit(instances); done {
				return err
			}
			if name == "" {
				return s.summarize(instances)
			}
			t := s.table("NODE", "ID", "ADDRESS", "STATUS", "DATACENTER", "TAGS")
			for _, i := range instances {
				t.add(i.Node, i.ID, hostPort(i.Address, i.Port), healthCell(i.Status), i.Datacenter, strings.Join(i.Tags, ","))
			}
			return t.print()
		}),
	}))
}

// summarize prints one line per service: instances are by service already.
func (s *shell) summarize(instances []api.Instance) error {
	t := s.table("SERVICE", "INSTANCES", "PASSING", "WARNING", "CRITICAL", "TAGS")
	for len(instances) > 0 {
		name, n := instances[0].Name, 0
		count := make(map[catalog.Health]int)
		var tags []string
		for n < len(instances) && instances[n].Name == name {
			count[instances[n].Status]++
			tags = append(tags, instances[n].Tags...)
			n++
		}
		slices.Sort(tags)
		shown := func(h catalog.Health) cell {
			if count[h] == 0 {
				return cell{text: "0"}
			}
			return cell{itoa(count[h]), healthCell(h).colour}
		}
		t.add(name, n, shown(catalog.Passing), shown(catalog.Warning), shown(catalog.Critical), strings.Join(slices.Compact(tags), ","))
		instances = instances[n:]
	}
	return t.print()
}

func (s *shell) checks() *cobra.Command {
	return s.selecting(s.asking(&cobra.Command{
		Use: "checks", Short: "list the checks of all nodes, the worst first", Args: atMost(0),
		Example: "  yodel checks --filter 'Status != passing'",
		RunE: s.with(func(ctx context.Context, c *api.Client, _ []string) error {
			all, err := c.Checks(ctx, s.selection)
			if err != nil {
				return err
			}
			slices.SortStableFunc(all, func(a, b api.NodeCheck) int {
				switch {
				case a.Status == b.Status:
					return 0
				case a.Status.Worse(b.Status) == a.Status:
					return -1
				}
				return 1
			})
			if done, err := s.emit(all); done {
				return err
			}
			t := s.table("NODE", "CHECK", "SERVICE", "STATUS", "SINCE", "OUTPUT")
			for _, one := range all {
				node := one.Node
				if !one.NodeStatus.Here() {
					node += " (" + string(one.NodeStatus) + ")"
				}
				t.add(node, one.ID, one.Service, healthCell(one.Status), since(one.Since, time.Now()), firstLine(one.Output))
			}
			return t.print()
		}),
	}))
}

func since(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return ago(t, now)
}

// firstLine is what of an output fits beside the rest.
func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if r := []rune(line); len(r) > 60 {
		return string(r[:57]) + "..."
	}
	return line
}

func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

// words joins what is not empty.
func words(s ...string) string {
	return strings.Join(slices.DeleteFunc(s, func(one string) bool { return one == "" }), " ")
}
