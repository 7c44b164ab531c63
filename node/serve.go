package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/yodel-mesh/yodel/api"
	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/checks"
	"github.com/yodel-mesh/yodel/config"
	"github.com/yodel-mesh/yodel/gossip"
)

// Process is what a person may do to the process that a node runs in.
type Process struct {
	Reload func() (api.Reloaded, error) // reads the files again
	Leave  func() error                 // leaves the mesh, and then ends
}

// Serve answers HTTP until Close.
func (n *Node) Serve(p Process) error {
	c := n.conf()
	handler := api.New(backend{n, p, time.Now()}, api.Config{Logger: n.log, Token: c.HTTPToken, Names: n.names()})
	for _, a := range c.HTTPAddrs() {
		l, err := listenHTTP(a.String(), c.TLS)
		if err != nil {
			return err
		}
		server := api.NewServer(handler, n.log)
		var serving sync.WaitGroup
		serving.Go(func() {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				n.log.Error("HTTP ended", "address", a, "err", err)
			}
		})
		n.onClose(func() error {
			defer serving.Wait()
			return closeHTTP(server)
		})
	}
	return nil
}

func listenHTTP(address string, t config.TLS) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for HTTP on %s: %w", address, err)
	}
	if t.CertFile == "" {
		return l, nil
	}
	cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read tls certificate: %w", err), l.Close())
	}
	return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}), nil
}

// closeHTTP lets short answers end, and ends those who wait for a change.
func closeHTTP(s *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		return s.Close()
	}
	return nil
}

// backend is a node as the HTTP interface asks it.
type backend struct {
	n       *Node
	process Process
	started time.Time
}

func (b backend) View() *catalog.View { return b.n.View() }

// Wait returns when something has changed after index.
func (b backend) Wait(ctx context.Context, index uint64) {
	for {
		b.n.mu.Lock()
		changed := b.n.changed
		b.n.mu.Unlock()
		if b.n.View().Index > index {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func (b backend) Self() api.Self {
	c, s := b.n.conf(), b.n.mesh.Stats()
	return api.Self{
		Name: c.NodeName, Origin: b.n.origin, Datacenter: c.Datacenter, Version: Version, Started: b.started,
		Stats: map[string]string{
			"goroutines":      strconv.Itoa(runtime.NumGoroutine()),
			"nodes":           strconv.Itoa(b.n.View().Len()),
			"words_said":      strconv.FormatUint(s.Said, 10),
			"words_heard":     strconv.FormatUint(s.Heard, 10),
			"words_forwarded": strconv.FormatUint(s.Forwarded, 10),
			"health_score":    strconv.Itoa(s.Health),
			"clock_offset":    b.n.clock.offset().Round(time.Millisecond).String(),
			"encrypted":       strconv.FormatBool(len(c.Encrypt) > 0),
			"summary":         strconv.FormatUint(b.n.summary.Load(), 16),
		},
	}
}

// Members are those that gossip remembers, and those that only the catalog
// still knows.
func (b backend) Members() []api.Member {
	v := b.n.View()
	seen := make(map[catalog.Origin]bool)
	var out []api.Member
	for _, m := range b.n.mesh.Members() {
		o, err := catalog.ParseOrigin(m.ID)
		if err != nil {
			continue
		}
		seen[o] = true
		out = append(out, memberOf(m, v.ByOrigin(o)))
	}
	for _, c := range v.Nodes() {
		if !seen[c.Origin] {
			out = append(out, memberOf(gossip.Member{
				ID: c.Origin.String(), Name: c.Name, Address: c.Address, Datacenter: c.Datacenter, Status: gossip.Status(c.Status),
			}, c))
		}
	}
	return out
}

func memberOf(m gossip.Member, c *catalog.Node) api.Member {
	tags := make(map[string]string)
	if c != nil {
		maps.Copy(tags, c.Tags)
		tags["build"] = c.Version
	}
	tags["id"], tags["dc"] = m.ID, m.Datacenter // whatever a host tags itself with
	return api.Member{
		Name: m.Name, Addr: m.Address, Port: uint16(m.Port), Tags: tags, Status: api.MemberStatusOf(catalog.Status(m.Status)),
		ProtocolMin: 1, ProtocolMax: 5, ProtocolCur: 2, DelegateMin: 2, DelegateMax: 5, DelegateCur: 4,
	}
}

func (b backend) Changes(since time.Time, node string) []catalog.Change {
	return b.n.changes.since(since, node)
}

func (b backend) Ready() []string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := b.n.Ready(ctx); err != nil {
		return []string{err.Error()}
	}
	return nil
}

// Alive is nil while this node answers at all: the service manager's watchdog
// asks it.
func (n *Node) Alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return n.dns.Healthy(ctx)
}

func (b backend) Metrics() http.Handler { return b.n.metrics }

func (b backend) RegisterService(definition []byte) error {
	s, err := config.ParseService("request.json", definition)
	if err != nil {
		return api.Invalid("%v", err)
	}
	return asked(b.n.RegisterService(s))
}

func (b backend) RegisterCheck(definition []byte) error {
	d, err := config.ParseCheck("request.json", definition)
	if err != nil {
		return api.Invalid("%v", err)
	}
	return asked(b.n.RegisterCheck(d))
}

func (b backend) RegisterFile(name string, body []byte) (api.Registered, error) {
	services, definitions, err := config.ParseDefinition(name, body)
	if err != nil {
		return api.Registered{}, api.Invalid("%v", err)
	}
	var r api.Registered
	for _, s := range services {
		if err := b.n.RegisterService(s); err != nil {
			return r, asked(err)
		}
		r.Services = append(r.Services, s.ID)
		for _, d := range s.Checks {
			r.Checks = append(r.Checks, d.ID)
		}
	}
	for _, d := range definitions {
		if err := b.n.RegisterCheck(d); err != nil {
			return r, asked(err)
		}
		r.Checks = append(r.Checks, d.ID)
	}
	slices.Sort(r.Checks)
	return r, nil
}

func (b backend) DeregisterService(id string) error { return asked(b.n.DeregisterService(id)) }
func (b backend) DeregisterCheck(id string) error   { return asked(b.n.DeregisterCheck(id)) }

func (b backend) Maintain(serviceID string, on bool, reason string) error {
	return asked(b.n.Maintain(serviceID, on, reason))
}

func (b backend) SetTTL(id string, status catalog.Health, output string) error {
	return asked(b.n.SetTTL(id, checks.Status(status), output))
}

func (b backend) Join(addresses []string) (int, error) { return b.n.Join(addresses) }
func (b backend) Leave() error                         { return b.process.Leave() }
func (b backend) Reload() (api.Reloaded, error)        { return b.process.Reload() }

func (b backend) ForceLeave(name string, prune bool) error {
	err := b.n.ForceLeave(name)
	if err == nil && prune {
		b.n.prune(name)
	}
	return asked(err)
}

func (b backend) Keyring(operation, key string) (api.Keyring, error) {
	r, err := b.n.mesh.Keyring(gossip.KeyOperation(operation), key)
	messages := make(map[string]string, len(r.Errors))
	for id, text := range r.Errors {
		if o, bad := catalog.ParseOrigin(id); bad == nil && b.View().ByOrigin(o) != nil {
			id = b.View().ByOrigin(o).Name
		}
		messages[id] = text
	}
	if errors.Is(err, gossip.ErrNotEncrypted) {
		err = api.Invalid("%v", err)
	}
	return api.Keyring{
		Datacenter: b.n.conf().Datacenter, Messages: messages, Keys: r.Keys, PrimaryKeys: r.Primary,
		NumNodes: r.Members, NumResp: r.Answered,
	}, err
}

// asked gives the errors of what a person asked for their HTTP status.
func asked(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNoService), errors.Is(err, ErrNoCheck), errors.Is(err, ErrNoNode), errors.Is(err, checks.ErrUnknown):
		return api.NotFound("%v", err)
	case errors.Is(err, checks.ErrScripts):
		return api.Forbidden("%v", err)
	}
	return api.Invalid("%v", err)
}

// names are what this host is called, as a client may write it in a URL.
func (n *Node) names() []string {
	names := []string{n.conf().NodeName}
	if f := n.facts.Load(); f != nil {
		names = append(names, f.OS.HostName, f.OS.FQDN)
	}
	return slices.DeleteFunc(names, func(s string) bool { return s == "" })
}
