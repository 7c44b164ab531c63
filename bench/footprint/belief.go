package main

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

// belief is the catalog that all members of the crowd share. With one each,
// 300 members would keep 90,000 records of 22 kB and starve on this machine
// while they join; to the agents the two look the same.
type belief struct {
	mu      sync.Mutex
	catalog *catalog.Catalog
	sum     atomic.Uint64
	asked   map[catalog.Origin]time.Time
}

// askPause keeps 300 members from asking one agent at once.
const askPause = time.Second

func (b *belief) mayAsk(o catalog.Origin) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.asked[o]) < askPause {
		return false
	}
	b.asked[o] = time.Now()
	return true
}

func newBelief() *belief {
	return &belief{catalog: catalog.New(catalog.Origin{}, 72*time.Hour), asked: make(map[catalog.Origin]time.Time)}
}

func (b *belief) learn(d catalog.Delta) (news bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.catalog.Learn(d, time.Now())
	b.sum.Store(b.catalog.Summary())
	return n.Any(), err
}

func (b *belief) saw(m catalog.Member) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.catalog.Saw(m)
}

func (b *belief) summary() uint64 { return b.sum.Load() }

func (b *belief) missing(q catalog.Question) []catalog.Delta {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.catalog.Missing(q.Rows, q.All)
}

// row is what is known of one origin.
func (b *belief) row(o catalog.Origin) catalog.Row {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.catalog.Digest(o)[0]
}

// full is how many members are alive and have said what they have to say.
func (b *belief) full() (count int) {
	for _, n := range b.catalog.View().Nodes() {
		if n.Status == catalog.Alive && n.Version != "" && n.Facts.Part("CPU").(catalog.CPU).Threads > 0 {
			count++
		}
	}
	return count
}
