package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

// fleet is a real catalog behind the interface, and a note of what was asked
// to be done.
type fleet struct {
	mu      sync.Mutex
	catalog *catalog.Catalog
	changed chan struct{}
	did     []string
	reasons []string
	fails   error
	changes []catalog.Change
}

func newFleet(t testing.TB) *fleet {
	f := &fleet{catalog: catalog.New(origin(0), time.Hour), changed: make(chan struct{})}
	for i := range 6 {
		f.say(t, host(i))
	}
	f.saw(catalog.Member{Origin: origin(5), Name: "dn5.example.com", Status: catalog.Failed, At: time.Now()})
	return f
}

func origin(i int) catalog.Origin { return catalog.Origin{0: 0xa0, 15: byte(i)} }

func told(f catalog.Facts) catalog.Told {
	t, err := catalog.Tell(f)
	if err != nil {
		panic(err)
	}
	return t
}

// host is dn0 to dn5: two racks, one service, one failing check.
func host(i int) *catalog.Node {
	n := &catalog.Node{
		Origin: origin(i), Name: fmt.Sprintf("dn%d.example.com", i), FQDN: fmt.Sprintf("dn%d.example.com", i),
		Address: fmt.Sprintf("10.0.0.%d", 10+i), Datacenter: "dc1", Rack: fmt.Sprintf("/dc1/r1%d", i%2), Version: "0.1.0",
		Tags: map[string]string{"role": "datanode"}, Meta: map[string]string{"disks": fmt.Sprint(2 + 4*i)},
		Facts: told(catalog.Facts{
			OS:     catalog.OS{Name: "debian", Version: "12", Kernel: fmt.Sprintf("5.%d.0-28", 8+i)},
			CPU:    catalog.CPU{Threads: 8 * (i + 1)},
			Memory: catalog.Memory{Total: uint64(i+1) * 32_000_000_000},
			Disks: []catalog.Disk{
				{Name: "sda", Size: 480e9, Type: "ssd"},
				{Name: "sdb", Size: uint64(i) * 4e12, Type: "hdd", Rotational: true},
			},
			Boot: catalog.Boot{Time: time.Date(2026, 11, 1+i, 0, 0, 0, 0, time.UTC)},
		}),
		Services: []*catalog.Service{{ID: "datanode", Name: "datanode", Port: 9866, Tags: []string{"hdfs", "v3"}}},
		Checks:   []*catalog.Check{{ID: "disk", Name: "Disk", Status: catalog.Passing}},
	}
	if i == 0 {
		n.Tags["role"] = "namenode"
		n.Services = append(n.Services, &catalog.Service{ID: "namenode", Name: "namenode", Port: 8020, Address: "10.9.9.9"})
	}
	if i == 3 {
		n.Checks = append(n.Checks, &catalog.Check{ID: "dn", Name: "DataNode", Status: catalog.Critical, ServiceID: "datanode", Service: "datanode", Output: "refused"})
	}
	return n
}

// say puts a node into the catalog, through its one door.
func (f *fleet) say(t testing.TB, n *catalog.Node) {
	t.Helper()
	values, err := catalog.FactEntries(n.Facts.Facts())
	if err != nil {
		t.Fatal(err)
	}
	put := func(key string, v any) {
		b, err := catalog.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		values[key] = b
	}
	put(catalog.KeyHost, catalog.Host{
		Name: n.Name, Datacenter: n.Datacenter, Rack: n.Rack, Address: n.Address, FQDN: n.FQDN, Version: n.Version, Tags: n.Tags, Meta: n.Meta,
	})
	for _, s := range n.Services {
		put(catalog.KeyService(s.ID), s)
	}
	for _, c := range n.Checks {
		put(catalog.KeyCheck(c.ID), c)
	}
	d := catalog.Delta{Origin: n.Origin}
	for key, value := range values {
		d.To++
		d.Entries = append(d.Entries, catalog.Entry{Number: d.To, Key: key, Value: value})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.catalog.Learn(d, time.Now()); err != nil {
		t.Fatal(err)
	}
	f.catalog.Saw(catalog.Member{Origin: n.Origin, Name: n.Name, Datacenter: n.Datacenter, Address: n.Address, Status: catalog.Alive, At: time.Now()})
}

func (f *fleet) saw(m catalog.Member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catalog.Saw(m)
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fleet) View() *catalog.View { return f.catalog.View() }

func (f *fleet) Wait(ctx context.Context, index uint64) {
	for {
		f.mu.Lock()
		changed := f.changed
		f.mu.Unlock()
		if f.View().Index > index {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func (f *fleet) Self() Self {
	return Self{Name: "dn0.example.com", Origin: origin(0), Datacenter: "dc1", Version: "0.1.0"}
}

func (f *fleet) Members() []Member {
	var all []Member
	for _, n := range f.View().Nodes() {
		all = append(all, Member{Name: n.Name, Addr: n.Address, Port: 8301, Status: MemberStatusOf(n.Status),
			Tags: map[string]string{"id": n.Origin.String(), "dc": n.Datacenter, "build": n.Version}})
	}
	return all
}

func (f *fleet) Changes(since time.Time, node string) []catalog.Change {
	var out []catalog.Change
	for _, c := range f.changes {
		if c.At.After(since) && (node == "" || node == c.Node) {
			out = append(out, c)
		}
	}
	return out
}

func (f *fleet) Ready() []string { return f.reasons }

func (f *fleet) Metrics() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "yodel_up 1\n") })
}

func (f *fleet) note(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did = append(f.did, fmt.Sprintf(format, args...))
	return f.fails
}

func (f *fleet) RegisterService(d []byte) error { return f.note("service %s", d) }
func (f *fleet) RegisterCheck(d []byte) error   { return f.note("check %s", d) }
func (f *fleet) RegisterFile(name string, b []byte) (Registered, error) {
	return Registered{Services: []string{"web"}}, f.note("file %s %s", name, b)
}
func (f *fleet) DeregisterService(id string) error { return f.note("no service %s", id) }
func (f *fleet) DeregisterCheck(id string) error   { return f.note("no check %s", id) }
func (f *fleet) Maintain(id string, on bool, reason string) error {
	return f.note("maintain %q %v %q", id, on, reason)
}
func (f *fleet) SetTTL(id string, h catalog.Health, output string) error {
	return f.note("ttl %s %s %q", id, h, output)
}
func (f *fleet) Join(a []string) (int, error) { return len(a), f.note("join %v", a) }
func (f *fleet) Leave() error                 { return f.note("leave") }
func (f *fleet) ForceLeave(node string, prune bool) error {
	return f.note("force-leave %s %v", node, prune)
}
func (f *fleet) Reload() (Reloaded, error) {
	return Reloaded{Applied: []string{"tags"}}, f.note("reload")
}
func (f *fleet) Keyring(op, key string) (Keyring, error) {
	return Keyring{Keys: map[string]int{"a2V5": 6}, NumNodes: 6}, f.note("keyring %s %s", op, key)
}
