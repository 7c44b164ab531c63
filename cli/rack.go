package cli

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/yodel-mesh/yodel/api"
	"github.com/yodel-mesh/yodel/catalog"
)

// rackTime bounds the question: a NameNode waits for it with its lock held.
const rackTime = 3 * time.Second

// defaultRack is Hadoop's NetworkTopology.DEFAULT_RACK.
const defaultRack = "/default-rack"

func (s *shell) rack() *cobra.Command {
	fallback := defaultRack
	c := s.asking(&cobra.Command{
		Use: "rack IP|NAME...", Short: "print the rack of each host: Hadoop's topology script", Args: some("IP|NAME"),
		Long: "rack prints one rack per line, in the order of its arguments, and " + defaultRack + " for hosts that\n" +
			"it does not know. It never fails: without an agent every answer is the default, with a\n" +
			"message on standard error. Hadoop wants a program without arguments of its own. Make one\n" +
			"and name it in net.topology.script.file.name:\n\n" +
			"  printf '#!/bin/sh\\nexec yodel rack \"$@\"\\n' > /etc/hadoop/topology && chmod +x /etc/hadoop/topology\n\n" +
			"HDFS refuses racks of different depth: where racks are like /dc1/r12, set --default /dc1/none.",
		RunE: func(c *cobra.Command, args []string) error {
			if !validRack(fallback) {
				return usagef("--default %q: a rack begins with / and has no spaces, such as /default-rack", fallback)
			}
			racks, err := s.askRacks(c)
			if err != nil {
				s.warn("%v; answering %s for all", err, fallback)
			}
			answers := make([]string, len(args))
			for i, host := range args {
				answers[i] = racks.of(host, fallback)
			}
			if done, err := s.emit(answers); done {
				return err
			}
			fmt.Fprintln(s.env.Out, strings.Join(answers, "\n"))
			return nil
		},
	})
	c.Flags().StringVar(&fallback, "default", defaultRack, "the rack of hosts that are unknown or have none")
	return c
}

// racks are racks by every address and name of a host.
type racks map[string]string

func (s *shell) askRacks(c *cobra.Command) (racks, error) {
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.Context(), rackTime)
	defer cancel()
	nodes, err := client.Nodes(ctx, api.Selection{})
	if err != nil {
		return nil, err
	}
	return racksOf(nodes), nil
}

// racksOf fills in the weakest claims first, so that the stronger overwrite
// them: a short name, an address of an interface, the name, the address.
func racksOf(nodes []*catalog.Node) racks {
	r := make(racks)
	claim := func(name, rack string) {
		if rack != "" && rack[0] != '/' {
			rack = "/" + rack // Hadoop's racks are paths
		}
		if name != "" && validRack(rack) {
			r[hostKey(name)] = rack
		}
	}
	for _, n := range nodes {
		short, _, _ := strings.Cut(n.Name, ".")
		claim(short, n.Rack)
	}
	for _, n := range nodes {
		for _, i := range n.Facts.Facts().Interfaces {
			for _, a := range i.Addresses {
				if p, err := netip.ParsePrefix(a); err == nil && p.Addr().IsGlobalUnicast() {
					claim(p.Addr().String(), n.Rack)
				}
			}
		}
	}
	for _, n := range nodes {
		claim(n.FQDN, n.Rack)
		claim(n.Name, n.Rack)
		claim(n.Address, n.Rack)
	}
	return r
}

func (r racks) of(host, fallback string) string {
	if rack, ok := r[hostKey(host)]; ok {
		return rack
	}
	return fallback
}

// hostKey is a name or an address in the one form that they are compared in.
func hostKey(s string) string {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.Unmap().WithZone("").String()
	}
	return strings.ToLower(strings.TrimSuffix(s, "."))
}

// validRack says whether Hadoop can take it: answers are split at spaces.
func validRack(rack string) bool {
	return strings.HasPrefix(rack, "/") && len(rack) > 1 && !strings.ContainsFunc(rack, func(r rune) bool { return r <= ' ' || r == 0x7f })
}
