package dnsd

import (
	"hash/maphash"
	"iter"
	"sync/atomic"
)

// 4096, 32 KB: with 1,000 hosts one name in most of them. More names make the
// lists longer and nothing else; a change copies one list.
const shardCount = 4096

// A view is all names, by key. Readers never wait: each shard is an immutable
// list that a writer replaces. It is a list and not a map because a lookup is
// little else than waiting for memory, and a map has four more places to look.
type view struct {
	seed   maphash.Seed
	shards [shardCount]atomic.Pointer[cell]
}

// A cell is one name of a shard.
type cell struct {
	key   string
	entry *entry
	next  *cell
}

func newView() *view { return &view{seed: maphash.MakeSeed()} }

// get is nil for a name that does not exist.
func (v *view) get(key []byte) *entry {
	for c := v.shards[maphash.Bytes(v.seed, key)%shardCount].Load(); c != nil; c = c.next {
		if c.key == string(key) {
			return c.entry
		}
	}
	return nil
}

// publish applies changes; a nil entry removes the name. One writer at a time.
func (v *view) publish(changes map[string]*entry) {
	for key, e := range changes {
		shard := &v.shards[maphash.String(v.seed, key)%shardCount]
		list := shard.Load().without(key)
		if e != nil {
			list = &cell{key, e, list}
		}
		shard.Store(list)
	}
}

// without is the list less key: a copy of what stands before it, and the rest.
func (c *cell) without(key string) *cell {
	switch {
	case c == nil:
		return nil
	case c.key == key:
		return c.next
	}
	return &cell{c.key, c.entry, c.next.without(key)}
}

// all is every name, in no order.
func (v *view) all() iter.Seq2[string, *entry] {
	return func(yield func(string, *entry) bool) {
		for i := range v.shards {
			for c := v.shards[i].Load(); c != nil; c = c.next {
				if !yield(c.key, c.entry) {
					return
				}
			}
		}
	}
}
