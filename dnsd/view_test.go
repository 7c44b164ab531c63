package dnsd

import (
	"fmt"
	"maps"
	"testing"
)

// Enough names that most lists hold several.
func TestViewIsAMap(t *testing.T) {
	v, model, r := newView(), map[string]*entry{}, newRand(1)
	names := make([]string, 4*shardCount)
	for i := range names {
		names[i] = fmt.Sprintf("n%d", i)
	}
	for range 200 {
		changes := map[string]*entry{}
		for range 200 {
			key := names[r.IntN(len(names))]
			changes[key] = nil
			if r.IntN(3) > 0 {
				changes[key] = &entry{ttl: r.Uint32()}
			}
		}
		v.publish(changes)
		for key, e := range changes {
			if model[key] = e; e == nil {
				delete(model, key)
			}
		}
	}
	got, n := map[string]*entry{}, 0
	for key, e := range v.all() {
		got[key] = e
		n++
	}
	if n != len(model) || !maps.Equal(got, model) {
		t.Errorf("%d names, %d different ones, want %d", n, len(got), len(model))
	}
	for _, key := range names {
		if v.get([]byte(key)) != model[key] {
			t.Errorf("get %s: %v, want %v", key, v.get([]byte(key)), model[key])
		}
	}
}

// A reader in the middle of a list goes on in it whatever is published.
func TestViewReadersKeepTheirList(t *testing.T) {
	v := newView()
	changes := map[string]*entry{}
	for i := range 4 * shardCount {
		changes[fmt.Sprintf("n%d", i)] = &entry{}
	}
	v.publish(changes)
	n := 0
	for key := range v.all() {
		v.publish(map[string]*entry{key: nil})
		n++
	}
	if n != len(changes) {
		t.Errorf("saw %d of %d names", n, len(changes))
	}
	for key := range v.all() {
		t.Fatalf("%s left", key)
	}
}
