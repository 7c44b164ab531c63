package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/checks"
	"github.com/yodel-mesh/yodel/config"
)

// local is what runs on this host: what the files define, and what was
// registered over HTTP, which overrides the files under the same id.
type local struct {
	mu       sync.Mutex // held for moments
	services map[string]config.Service
	checks   map[string]checks.Definition // those of services too
	results  map[string]lastResult        // of each check that has had one
	maint    map[string]string            // reasons of maintenance, by service id; "": the node
	byFile   map[string]bool              // ids of services and checks that the files define
}

// lastResult is the last result of a check, and since when its status holds.
type lastResult struct {
	checks.Result
	since time.Time
}

// Limits of what one host may run: beyond them somebody registers in a loop.
const servicesMax = 1024

// The ids of the checks that maintenance adds, as Consul names them.
const (
	nodeMaintenance    = "_node_maintenance"
	serviceMaintenance = "_service_maintenance:" // + service id
)

// ErrNoService and ErrNoCheck answer for an id that nothing has here.
var (
	ErrNoService = errors.New("no such service on this node")
	ErrNoCheck   = errors.New("no such check on this node")
)

// startChecks runs what the files define and what was registered before.
func (n *Node) startChecks(context.Context) error {
	c := n.conf()
	n.local = local{
		services: make(map[string]config.Service), checks: make(map[string]checks.Definition),
		results: make(map[string]lastResult), maint: make(map[string]string), byFile: make(map[string]bool),
	}
	n.runner = checks.NewRunner(checks.Config{
		Logger: n.log, Report: n.report, Deregister: n.deregisterCritical, Alias: n.alias,
		AllowScripts: true, // config refuses those of files, permit those of HTTP
	})
	n.onClose(func() error { n.runner.Close(); return nil })
	if err := n.define(c); err != nil {
		return err
	}
	return n.recallRegistered()
}

// define takes the services and checks of the files, and takes back those that
// the files had before and have no longer.
func (n *Node) define(c *config.Config) error {
	var errs []error
	fresh := make(map[string]bool)
	for _, s := range c.Services {
		fresh[catalog.KeyService(s.ID)] = true
		for _, d := range s.Checks {
			fresh[catalog.KeyCheck(d.ID)] = true
		}
		errs = append(errs, n.addService(s))
	}
	for _, d := range c.Checks {
		fresh[catalog.KeyCheck(d.ID)] = true
		errs = append(errs, n.addCheck(d))
	}
	n.local.mu.Lock()
	old := n.local.byFile
	n.local.byFile = fresh
	n.local.mu.Unlock()
	for key := range old {
		if id, ok := strings.CutPrefix(key, catalog.KeyService("")); ok && !fresh[key] {
			n.dropService(id)
		}
		if id, ok := strings.CutPrefix(key, catalog.KeyCheck("")); ok && !fresh[key] {
			n.dropCheck(id)
		}
	}
	return errors.Join(errs...)
}

// addService runs an instance and its checks. Checks that an earlier
// definition of the same id had and this one has not are dropped.
func (n *Node) addService(s config.Service) error {
	l := &n.local
	l.mu.Lock()
	if _, known := l.services[s.ID]; !known && len(l.services) >= servicesMax {
		l.mu.Unlock()
		return fmt.Errorf("register service %s: %d services on this node, the limit", s.ID, servicesMax)
	}
	before := l.services[s.ID]
	l.services[s.ID] = s
	l.mu.Unlock()
	var errs []error
	kept := make(map[string]bool)
	for _, d := range s.Checks {
		kept[d.ID] = true
		errs = append(errs, n.addCheck(d))
	}
	for _, d := range before.Checks {
		if !kept[d.ID] {
			n.dropCheck(d.ID)
		}
	}
	return errors.Join(errs...)
}

// addCheck runs a check. It begins with the status that this node told the
// mesh last, so that a restart of yodel takes nothing out of DNS.
func (n *Node) addCheck(d checks.Definition) error {
	l := &n.local
	if d.ServiceID != "" {
		l.mu.Lock()
		_, ok := l.services[d.ServiceID]
		l.mu.Unlock()
		if !ok {
			return fmt.Errorf("register check %s: service %s: %w", d.ID, d.ServiceID, ErrNoService)
		}
	}
	l.mu.Lock()
	l.checks[d.ID] = d
	l.mu.Unlock()
	if err := n.runner.PutWith(d, n.lastResult(d.ID)); err != nil {
		l.mu.Lock()
		delete(l.checks, d.ID)
		l.mu.Unlock()
		return fmt.Errorf("register check %s: %w", d.ID, err)
	}
	return nil
}

// lastResult is what is remembered of a check from before this start. A TTL
// check whose last beat the disk has lost is given its time anew.
func (n *Node) lastResult(id string) checks.Result {
	if r, ok := n.disk.ttl(id); ok {
		return r
	}
	if self := n.catalog.View().ByOrigin(n.origin); self != nil {
		for _, c := range self.Checks {
			if c.ID == id {
				return checks.Result{Status: checks.Status(c.Status), Output: c.Output, At: time.Now()}
			}
		}
	}
	return checks.Result{}
}

func (n *Node) dropCheck(id string) {
	n.runner.Remove(id)
	n.local.mu.Lock()
	delete(n.local.checks, id)
	delete(n.local.results, id)
	n.local.mu.Unlock()
}

func (n *Node) dropService(id string) {
	l := &n.local
	l.mu.Lock()
	delete(l.services, id)
	var gone []string
	for _, d := range l.checks {
		if d.ServiceID == id {
			gone = append(gone, d.ID)
		}
	}
	l.mu.Unlock()
	for _, check := range gone {
		n.dropCheck(check)
	}
}

// words are all that this host's services and checks have to say.
func (l *local) words() (words, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := make(words)
	for id, s := range l.services {
		b, err := catalog.Encode(s.Service)
		if err != nil {
			return nil, err
		}
		w[catalog.KeyService(id)] = b
	}
	for id, d := range l.checks {
		b, err := catalog.Encode(l.check(d))
		if err != nil {
			return nil, err
		}
		w[catalog.KeyCheck(id)] = b
	}
	for id, reason := range l.maint {
		c := l.maintenance(id, reason)
		b, err := catalog.Encode(c)
		if err != nil {
			return nil, err
		}
		w[catalog.KeyCheck(c.ID)] = b
	}
	return w, nil
}

// maintenance is the check that takes an instance, or the node, out of every
// answer, named as Consul names it. The caller holds l.mu.
func (l *local) maintenance(id, reason string) catalog.Check {
	if reason == "" {
		reason = "Maintenance mode is enabled for this node, but no reason was provided."
		if id != "" {
			reason = "Maintenance mode is enabled for this service, but no reason was provided."
		}
	}
	c := catalog.Check{ID: nodeMaintenance, Name: "Node Maintenance Mode", Notes: cut(reason), Type: "maintenance", Status: catalog.Critical}
	if id != "" {
		c.ID, c.Name, c.ServiceID, c.Service = serviceMaintenance+id, "Service Maintenance Mode", id, l.services[id].Name
	}
	return c
}

// check is what the mesh is told of a check. The caller holds l.mu.
func (l *local) check(d checks.Definition) catalog.Check {
	r, ran := l.results[d.ID]
	c := catalog.Check{
		ID: d.ID, Name: d.Name, Notes: d.Notes, ServiceID: d.ServiceID, Service: l.services[d.ServiceID].Name,
		Type: d.Kind(), Status: catalog.Health(r.Status), Output: cut(r.Output), Since: r.since.UTC(),
	}
	if d.Interval > 0 {
		c.Interval = d.Interval.String()
	}
	if !ran {
		c.Status = catalog.Critical
		if d.Status != "" {
			c.Status = catalog.Health(d.Status)
		}
	}
	return c
}

// cut shortens an output to what travels.
func cut(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= catalog.OutputMax {
		return s
	}
	return strings.ToValidUTF8(s[:catalog.OutputMax-3], "") + "..."
}
