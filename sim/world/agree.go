package world

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/node"
)

// agree is nil when every host that is up believes the same, and that is true.
func (w *World) agree() error {
	up := w.Up()
	healthy := make(map[string][]netip.AddrPort)
	for _, h := range up {
		if h.truth().sick.IsZero() {
			healthy[h.Datacenter] = append(healthy[h.Datacenter], netip.AddrPortFrom(h.Address, port))
		}
	}
	for _, h := range up {
		if err := h.believes(up, healthy); err != nil {
			return err
		}
	}
	return nil
}

// believes is nil when a host believes what is true.
func (h *Host) believes(up []*Host, healthy map[string][]netip.AddrPort) error {
	n, first := h.Node(), up[0].Node()
	if n == nil || first == nil {
		return nil // it went down just now
	}
	if n.Summary() != first.Summary() {
		return fmt.Errorf("%s and %s know different entries: %s", h.Name, up[0].Name, difference(n, first))
	}
	view := n.View()
	for _, other := range h.world.hosts {
		c, here := view.Node(other.Name), other.Node() != nil
		switch {
		case here && (c == nil || c.Status != catalog.Alive):
			return fmt.Errorf("%s does not see %s alive: %s", h.Name, other.Name, statusOf(c))
		case !here && c != nil && c.Status.Here():
			return fmt.Errorf("%s sees %s, which is down, %s", h.Name, other.Name, c.Status)
		}
	}
	for dc, want := range healthy {
		got, err := n.Lookup(service, dc)
		if err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		slices.SortFunc(got, netip.AddrPort.Compare) // as the hosts are
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s answers with %d instances in %s, %d are healthy", h.Name, len(got), dc, len(want))
		}
	}
	return nil
}

// difference is what one node knows and another does not, or both do.
func difference(a, b *node.Node) string {
	of := make(map[catalog.Origin]uint64)
	for _, row := range b.Digest() {
		of[row.Origin] = row.Have
	}
	var out []string
	say := func(o catalog.Origin, have, other uint64) {
		name, status := "?", ""
		if c := cmp.Or(a.View().ByOrigin(o), b.View().ByOrigin(o)); c != nil {
			name, status = c.Name, string(c.Status)
		}
		out = append(out, fmt.Sprintf("%s (%v, %s) up to %d and %d", name, o, status, have, other))
	}
	for _, row := range a.Digest() {
		if have := of[row.Origin]; have != row.Have {
			say(row.Origin, row.Have, have)
		}
		delete(of, row.Origin)
	}
	for o, have := range of {
		say(o, 0, have)
	}
	return strings.Join(out, ", ")
}

func statusOf(c *catalog.Node) string {
	if c == nil {
		return "unknown"
	}
	return string(c.Status)
}
