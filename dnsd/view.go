package dnsd

import (
	"hash/maphash"
	"maps"
	"sync/atomic"
)

// 256: a change copies 1/256 of the names. With 1,000 hosts that is some 20
// map cells, so fifty changes a second are nothing.
const shardCount = 256

// A view is all names, by key. Readers never wait: each shard is an immutable
// map that a writer replaces whole.
type view struct {
	seed   maphash.Seed
	shards [shardCount]atomic.Pointer[map[string]*entry]
}

func newView() *view {
	v := &view{seed: maphash.MakeSeed()}
	for i := range v.shards {
		v.shards[i].Store(&map[string]*entry{})
	}
	return v
}

// get is nil for a name that does not exist.
func (v *view) get(key []byte) *entry {
	m := v.shards[maphash.Bytes(v.seed, key)%shardCount].Load()
	return (*m)[string(key)]
}

// publish applies changes; a nil entry removes the name. One writer at a time.
func (v *view) publish(changes map[string]*entry) {
	fresh := make(map[uint64]map[string]*entry, len(changes))
	for key, e := range changes {
		i := maphash.String(v.seed, key) % shardCount
		m := fresh[i]
		if m == nil {
			m = maps.Clone(*v.shards[i].Load())
			fresh[i] = m
		}
		if e == nil {
			delete(m, key)
		} else {
			m[key] = e
		}
	}
	for i, m := range fresh {
		v.shards[i].Store(&m)
	}
}
