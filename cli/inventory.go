package cli

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yodel-mesh/yodel/api"
	"github.com/yodel-mesh/yodel/catalog"
)

func (s *shell) inventory() *cobra.Command {
	var list bool
	var host string
	c := s.selecting(s.online(&cobra.Command{
		Use: "inventory", Short: "print an Ansible dynamic inventory", Args: atMost(0),
		Long: "inventory prints the hosts in groups by tag (role_datanode), datacenter (datacenter_dc1),\n" +
			"rack (rack_dc1_r12), service (service_datanode) and status (status_alive), with their facts.\n" +
			"Hosts that left are not in it; those that failed are in status_failed.\n\n" +
			"Ansible wants a program without arguments of its own. Make one:\n\n" +
			"  printf '#!/bin/sh\\nexec yodel inventory \"$@\"\\n' > yodel.inventory && chmod +x yodel.inventory\n" +
			"  ansible -i yodel.inventory role_datanode -m ping",
		RunE: s.with(func(ctx context.Context, c *api.Client, _ []string) error {
			if host != "" {
				n, err := c.Node(ctx, host)
				if err != nil {
					return err
				}
				return s.printJSON(hostVariables(n))
			}
			nodes, err := c.Nodes(ctx, s.selection)
			if err != nil {
				return err
			}
			return s.printJSON(ansible(nodes))
		}),
	}))
	c.Flags().BoolVar(&list, "list", false, "print all groups and hosts (the default)")
	c.Flags().StringVar(&host, "host", "", "print the variables of one host")
	excluding(c, "list", "host")
	return c
}

func (s *shell) printJSON(v any) error {
	enc := json.NewEncoder(s.env.Out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// ansibleGroup is a group of docs.ansible.com's "Developing dynamic inventory".
type ansibleGroup struct {
	Hosts    []string `json:"hosts,omitempty"`
	Children []string `json:"children,omitempty"`
}

// ansible is the whole inventory: groups by name, and "_meta" with the
// variables of all hosts, so that Ansible does not ask for each.
func ansible(nodes []*catalog.Node) map[string]any {
	groups := make(map[string][]string)
	variables := make(map[string]any)
	for _, n := range nodes {
		if n.Status == catalog.Left {
			continue
		}
		variables[n.Name] = hostVariables(n)
		for _, g := range groupsOf(n) {
			if !slices.Contains(groups[g], n.Name) {
				groups[g] = append(groups[g], n.Name)
			}
		}
	}
	out := map[string]any{
		"_meta": map[string]any{"hostvars": variables},
		"all":   ansibleGroup{Hosts: keys(variables), Children: append([]string{"ungrouped"}, keys(groups)...)},
	}
	for name, hosts := range groups {
		out[name] = ansibleGroup{Hosts: hosts}
	}
	return out
}

func groupsOf(n *catalog.Node) []string {
	var groups []string
	add := func(kind, name string) {
		if name != "" {
			groups = append(groups, groupName(kind+"_"+name))
		}
	}
	for _, k := range keys(n.Tags) {
		add(k, n.Tags[k])
	}
	add("datacenter", n.Datacenter)
	add("rack", strings.Trim(n.Rack, "/"))
	for _, i := range n.Services {
		add("service", i.Name)
	}
	add("status", string(n.Status))
	return groups
}

// groupName makes a text what Ansible takes for the name of a group: letters,
// digits and _, no digit first.
func groupName(s string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, s)
	if name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

// hostVariables are what plays can ask of a host.
func hostVariables(n *catalog.Node) map[string]any {
	services := []string{}
	for _, i := range n.Services {
		services = append(services, i.Name)
	}
	slices.Sort(services)
	return map[string]any{
		"ansible_host":     n.Address,
		"yodel_id":         n.Origin.String(),
		"yodel_status":     n.Status,
		"yodel_health":     api.NodeHealth(n),
		"yodel_datacenter": n.Datacenter,
		"yodel_rack":       n.Rack,
		"yodel_fqdn":       n.FQDN,
		"yodel_tags":       n.Tags,
		"yodel_meta":       n.Meta,
		"yodel_services":   slices.Compact(services),
		"yodel_version":    n.Version,
		"yodel_facts":      n.Facts,
	}
}
