package world

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/checks"
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
		return fmt.Errorf("%s and %s know different entries", h.Name, up[0].Name)
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

func statusOf(c *catalog.Node) string {
	if c == nil {
		return "unknown"
	}
	return string(c.Status)
}

// healthOf is how a node sees the instance of a host.
func healthOf(v *catalog.View, h *Host) checks.Status {
	c := v.Node(h.Name)
	if c == nil || c.Service(service) == nil {
		return ""
	}
	return checks.Status(c.Health(service))
}
