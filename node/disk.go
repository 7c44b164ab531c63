package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/checks"
	"github.com/yodel-mesh/yodel/config"
	"github.com/yodel-mesh/yodel/peer"
	"github.com/yodel-mesh/yodel/store"
)

// The buckets of the store.
const (
	bucketCatalog     = "catalog"     // origin, and origin/01 and so on if it is large -> kept delta
	bucketChanges     = "changes"     // time, count -> change
	bucketMembers     = "members"     // "alive" -> addresses, "at" -> when
	bucketServices    = "services"    // id -> registered service
	bucketChecks      = "checks"      // id -> registered check
	bucketMaintenance = "maintenance" // service id, or "-" for the node -> reason
	bucketTTL         = "ttl"         // check id -> last beat
)

// disk is what this host keeps. Every method does nothing, or answers with
// nothing, while there is no disk to use: membership, DNS and checks go on.
type disk struct {
	dir string
	log *slog.Logger

	store   atomic.Pointer[store.Store] // nil: none
	mu      sync.Mutex
	trouble error // why none, or why the last write was lost
}

// openDisk finds out who this node is, and opens its memory.
func (n *Node) openDisk(context.Context) error {
	c := n.conf()
	n.disk = &disk{dir: c.DataDir, log: n.log}
	if c.DataDir == "" {
		identity, err := peer.NewIdentity()
		if err != nil {
			return err
		}
		n.identity, n.origin, n.numbers = identity, identity.Origin(), new(counting)
		return nil
	}
	lock, err := store.LockDir(c.DataDir)
	if err != nil {
		return err
	}
	n.onClose(lock.Close)
	identity, born, err := peer.LoadIdentity(c.DataDir)
	if err != nil {
		return err
	}
	n.identity, n.origin = identity, identity.Origin()
	if born {
		n.log.Info("a new identity", "origin", n.origin)
	}
	lease, err := openLease(c.DataDir, born)
	if err != nil {
		return err
	}
	n.numbers = lease
	n.onClose(lease.Close)
	n.onClose(n.disk.close)
	n.openStore()
	return nil
}

// openLease opens the numbers. Lost ones begin far above what the disk may
// have known; if the mesh knows more, it will say so (catchUp).
func openLease(dir string, born bool) (*store.Lease, error) {
	lease, err := store.OpenLease(dir, born)
	if errors.Is(err, store.ErrNumbersLost) {
		return store.RecoverLease(dir, 0)
	}
	return lease, err
}

// openStore opens the memory. Without one the node goes on, and says so.
func (n *Node) openStore() {
	s, moved, err := store.OpenOrQuarantine(filepath.Join(n.disk.dir, "store"), store.Config{Logger: n.log, Probe: n.world.ProbeStore})
	if moved != "" {
		n.log.Error("the store was damaged; it begins empty, and the peers fill it", "moved_to", moved)
	}
	if err != nil {
		n.disk.note(err)
		return
	}
	n.disk.store.Store(s)
	n.disk.note(s.Trim(bucketChanges, changesMax))
}

// counting is for a node without a disk: its identity dies with the process,
// and so may its numbers.
type counting struct {
	mu   sync.Mutex
	last uint64
}

func (c *counting) Take(count int) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.last + 1
	c.last += uint64(count)
	return first, nil
}

func (c *counting) Skip(number uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(c.last, number)
	return nil
}

// keyringFile is where the gossip keys are kept, since a rotation changes them.
func (d *disk) keyringFile() string {
	if d.dir == "" {
		return ""
	}
	return filepath.Join(d.dir, "keyring")
}

func (d *disk) close() error {
	if s := d.store.Load(); s != nil {
		return s.Close()
	}
	return nil
}

// missing says whether there should be a store, and there is none.
func (d *disk) missing() bool { return d.dir != "" && d.store.Load() == nil }

// note remembers whether the disk takes what it is given, and says so when
// that changes.
func (d *disk) note(err error) {
	d.mu.Lock()
	before := d.trouble
	d.trouble = err
	d.mu.Unlock()
	switch {
	case err != nil && before == nil:
		d.log.Error("the disk keeps nothing", "err", err, "hint", "membership, DNS and checks go on without it")
	case err == nil && before != nil:
		d.log.Info("the disk keeps again")
	}
}

// Trouble is why something could not be kept, or nil.
func (d *disk) Trouble() error {
	d.mu.Lock()
	trouble := d.trouble
	d.mu.Unlock()
	if s := d.store.Load(); s != nil && trouble == nil {
		return s.Status()
	}
	return trouble
}

func (d *disk) put(bucket, key string, v any, encode func(any) ([]byte, error)) error {
	s := d.store.Load()
	if s == nil {
		return d.Trouble()
	}
	b, err := encode(v)
	if err == nil {
		err = s.Put(bucket, key, b)
	}
	if err != nil {
		return fmt.Errorf("keep %s %s: %w", bucket, key, err)
	}
	return nil
}

func (d *disk) drop(bucket, key string) {
	s := d.store.Load()
	if s == nil {
		return
	}
	if err := s.Delete(bucket, key); err != nil {
		d.log.Error("forget on disk", "bucket", bucket, "key", key, "err", err)
	}
}

// each reads a bucket. An item that cannot be read is reported and passed over.
func each[T any](d *disk, bucket string, decode func([]byte, any) error, take func(key string, v T)) {
	s := d.store.Load()
	if s == nil {
		return
	}
	err := s.Each(bucket, "", func(key string, b []byte) error {
		var v T
		if err := decode(b, &v); err != nil {
			d.log.Warn("pass over what the disk cannot give back", "bucket", bucket, "key", key, "err", err)
			return nil
		}
		take(key, v)
		return nil
	})
	if err != nil {
		d.log.Error("read the disk", "bucket", bucket, "err", err)
	}
}

// partMax is how much of an origin goes into one value, leaving room for the
// head of the delta. Most take one.
const partMax = store.ValueMax - 1<<10

// membersMax is how many addresses are kept for a return when all are gone:
// any of them will do, and with 53 bytes for the longest they fit one value.
const membersMax = 2048

// keptDelta is what is kept of one origin, or of a range of its numbers: see
// Delta.Split. So a crash between two parts leaves what the catalog knows to
// be incomplete, and a peer has the rest. A part that is left from a time when
// the origin was larger ends below what the others know, and says nothing.
type keptDelta struct {
	_     struct{} `cbor:",toarray"`
	At    int64    // Unix seconds
	Delta catalog.Delta
}

func (d *disk) keepCatalog(deltas []catalog.Delta, gone []catalog.Origin, now time.Time) error {
	var errs []error
	for _, delta := range deltas {
		for i, part := range delta.Split(partMax) {
			errs = append(errs, d.put(bucketCatalog, partKey(delta.Origin, i), keptDelta{At: now.Unix(), Delta: part}, catalog.Encode))
		}
	}
	if s := d.store.Load(); s != nil {
		for _, o := range gone {
			errs = append(errs, s.Each(bucketCatalog, o.String(), func(key string, _ []byte) error { return s.Delete(bucketCatalog, key) }))
		}
	}
	return errors.Join(errs...)
}

// partKey puts the parts of an origin in order.
func partKey(o catalog.Origin, i int) string {
	if i == 0 {
		return o.String()
	}
	return fmt.Sprintf("%s/%02d", o, i)
}

// members is who was here, and when that was written.
type keptMembers struct {
	_         struct{} `cbor:",toarray"`
	At        int64
	Addresses []string
}

func (d *disk) keepMembers(addresses []string, now time.Time) error {
	return d.put(bucketMembers, "alive", keptMembers{At: now.Unix(), Addresses: addresses[:min(len(addresses), membersMax)]}, catalog.Encode)
}

func (d *disk) keepChanges(changes []catalog.Change) error {
	var errs []error
	for i, c := range changes {
		key := fmt.Sprintf("%020d.%04d", c.At.UnixNano(), i)
		errs = append(errs, d.put(bucketChanges, key, c, catalog.Encode))
	}
	return errors.Join(errs...)
}

func (d *disk) keepService(s config.Service) error {
	return d.put(bucketServices, s.ID, s, json.Marshal)
}

func (d *disk) keepCheck(c checks.Definition) error {
	return d.put(bucketChecks, c.ID, c, json.Marshal)
}

func (d *disk) dropService(id string) { d.drop(bucketServices, id) }
func (d *disk) dropCheck(id string)   { d.drop(bucketChecks, id) }

// maintenanceKey gives the node a key too: the store takes no empty one.
func maintenanceKey(serviceID string) string {
	if serviceID == "" {
		return "-"
	}
	return "s" + serviceID
}

func (d *disk) keepMaintenance(id, reason string) error {
	return d.put(bucketMaintenance, maintenanceKey(id), reason, json.Marshal)
}

func (d *disk) dropMaintenance(id string) { d.drop(bucketMaintenance, maintenanceKey(id)) }

func (d *disk) keepTTL(id string, r checks.Result) {
	r.Output = cut(r.Output) // as the catalog gives it back for all other checks
	if err := d.put(bucketTTL, id, r, json.Marshal); err != nil {
		d.log.Error("keep a TTL check", "err", err)
	}
}

func (d *disk) ttl(id string) (r checks.Result, ok bool) {
	each(d, bucketTTL, json.Unmarshal, func(key string, kept checks.Result) {
		if key == id {
			r, ok = kept, true
		}
	})
	return r, ok
}

// registered is what was registered over HTTP before this start.
func (d *disk) registered() (services []config.Service, definitions []checks.Definition, maintenance map[string]string) {
	each(d, bucketServices, json.Unmarshal, func(_ string, s config.Service) { services = append(services, s) })
	each(d, bucketChecks, json.Unmarshal, func(_ string, c checks.Definition) { definitions = append(definitions, c) })
	maintenance = make(map[string]string)
	each(d, bucketMaintenance, json.Unmarshal, func(key, reason string) { maintenance[key[1:]] = reason })
	return services, definitions, maintenance
}

// remember makes the belief of before the belief of now, until gossip shows
// who is here. An origin that nobody has seen for longer than the mesh
// remembers is not among them.
func (n *Node) remember(context.Context) error {
	c := n.conf()
	n.catalog = catalog.New(n.origin, c.ReconnectTimeout)
	now, at := n.world.Clock(), int64(0)
	each(n.disk, bucketMembers, catalog.Decode, func(_ string, m keptMembers) {
		at = m.At
		for _, a := range m.Addresses {
			n.members[a] = a
		}
	})
	each(n.disk, bucketCatalog, catalog.Decode, func(_ string, k keptDelta) {
		if k.Delta.Seen == 0 {
			k.Delta.Seen = max(k.At, at)
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		if _, err := n.catalog.Restore(k.Delta, now); err != nil {
			n.dirty[k.Delta.Origin] = true // not known now: it goes from the disk too
			if !errors.Is(err, catalog.ErrOutdated) {
				n.log.Warn("pass over what the disk remembers", "origin", k.Delta.Origin, "err", err)
			}
		}
	})
	n.summary.Store(n.catalog.Summary())
	var changes []catalog.Change
	each(n.disk, bucketChanges, catalog.Decode, func(_ string, c catalog.Change) { changes = append(changes, c) })
	n.changes.restore(changes)
	return n.numbers.Skip(n.catalog.Since(n.origin, 0).To)
}
