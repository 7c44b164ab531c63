//go:build linux

package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

// Catalog is what the agent of the host believes, by node name, without what
// is for people and differs from host to host: since when, and last seen when.
func (h *Host) Catalog() (map[string]string, error) {
	var nodes []*catalog.Node
	if err := h.GetJSON("/v1/mesh/nodes", &nodes); err != nil {
		return nil, err
	}
	out := make(map[string]string, len(nodes))
	for _, n := range nodes {
		n.StatusSince, n.LastSeen = time.Time{}, time.Time{}
		b, err := json.Marshal(n)
		if err != nil {
			return nil, err
		}
		out[n.Name] = string(b)
	}
	return out, nil
}

// Equal is nil if the agents of all hosts believe the same.
func Equal(hosts []*Host) error {
	all := make([]map[string]string, len(hosts))
	if err := each(hosts, func(i int, h *Host) (err error) {
		all[i], err = h.Catalog()
		return err
	}); err != nil {
		return err
	}
	for i, h := range hosts[1:] {
		if err := differ(hosts[0], h, all[0], all[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func differ(a, b *Host, one, other map[string]string) error {
	if len(one) != len(other) {
		return fmt.Errorf("%s knows %d nodes, %s knows %d", a.Name, len(one), b.Name, len(other))
	}
	for name, text := range one {
		if text != other[name] {
			return fmt.Errorf("%s and %s differ about %s:\n%s\n%s", a.Name, b.Name, name, text, other[name])
		}
	}
	return nil
}

// Status is nil if every one of the hosts takes a node for what is wanted.
func Status(hosts []*Host, node string, want catalog.Status) error {
	return each(hosts, func(_ int, h *Host) error {
		var n catalog.Node
		if err := h.GetJSON("/v1/mesh/node/"+node, &n); err != nil {
			return err
		}
		if n.Status != want {
			return fmt.Errorf("%s takes %s for %s, want %s", h.Name, node, n.Status, want)
		}
		return nil
	})
}

// ID is the identity of the agent of the host.
func (h *Host) ID() (string, error) {
	var n catalog.Node
	if err := h.GetJSON("/v1/mesh/node/"+h.Name, &n); err != nil {
		return "", err
	}
	return n.Origin.String(), nil
}

// Changes are what the agent of the host has seen change since it started, in
// the words of its change log.
func (h *Host) Changes() ([]catalog.Change, error) {
	var out []catalog.Change
	err := h.GetJSON("/v1/mesh/changes", &out)
	return out, err
}

// each asks all hosts, a few at a time, and joins what they say.
func each(hosts []*Host, f func(int, *Host) error) error {
	const atOnce = 4
	errs := make([]error, len(hosts))
	var wg sync.WaitGroup
	next := make(chan int)
	for range atOnce {
		wg.Go(func() {
			for i := range next {
				errs[i] = f(i, hosts[i])
			}
		})
	}
	for i := range hosts {
		next <- i
	}
	close(next)
	wg.Wait()
	return errors.Join(errs...)
}

// Metrics are the numbers that the agent of the host shows, by name with labels.
func (h *Host) Metrics() (map[string]float64, error) {
	b, err := h.Get("/metrics")
	if err != nil {
		return nil, err
	}
	out := make(map[string]float64)
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		space := strings.LastIndexByte(line, ' ')
		if space < 0 || line[0] == '#' {
			continue
		}
		if value, err := strconv.ParseFloat(line[space+1:], 64); err == nil {
			out[line[:space]] = value
		}
	}
	return out, nil
}
