package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yodel-mesh/yodel/api"
	"github.com/yodel-mesh/yodel/catalog"
)

func (s *shell) members() *cobra.Command {
	return s.selecting(s.asking(&cobra.Command{
		Use: "members", Short: "list the members of the mesh as gossip sees them", Args: atMost(0),
		RunE: s.with(func(ctx context.Context, c *api.Client, _ []string) error {
			members, err := c.Members(ctx)
			if err != nil {
				return err
			}
			if members, err = s.selectMembers(ctx, c, members); err != nil {
				return err
			}
			if done, err := s.emit(members); done {
				return err
			}
			t := s.table("NODE", "ADDRESS", "STATUS", "DATACENTER", "VERSION", "ID")
			for _, m := range members {
				status := m.Status.String()
				t.add(m.Name, hostPort(m.Addr, int(m.Port)), cell{status, statusColour(catalog.Status(status))}, m.Tags["dc"], m.Tags["build"], m.Tags["id"])
			}
			if err := t.print(); err != nil {
				return err
			}
			return s.warnOfConflicts(ctx, c)
		}),
	}))
}

// selectMembers keeps the members whose nodes are selected.
func (s *shell) selectMembers(ctx context.Context, c *api.Client, members []api.Member) ([]api.Member, error) {
	if s.selection.Filter == "" && len(s.selection.Tags) == 0 {
		return members, nil
	}
	nodes, err := c.Nodes(ctx, s.selection)
	if err != nil {
		return nil, err
	}
	selected := make(map[string]bool, len(nodes))
	for _, n := range nodes {
		selected[n.Origin.String()] = true
	}
	kept := []api.Member{}
	for _, m := range members {
		if selected[m.Tags["id"]] {
			kept = append(kept, m)
		}
	}
	return kept, nil
}

// warnOfConflicts tells, beside a list, of hosts under one name.
func (s *shell) warnOfConflicts(ctx context.Context, c *api.Client) error {
	conflicts, err := c.Conflicts(ctx)
	if err != nil {
		return err
	}
	for _, n := range conflicts {
		s.warn("two hosts are called %s: %s at %s is not answered for; %s", printable(n.Name), n.Origin, printable(n.Address), printable(n.Conflict))
	}
	return nil
}

func hostPort(host string, port int) string {
	if port == 0 {
		return host
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + itoa(port)
}
