package world

import (
	"fmt"

	"github.com/yodel-mesh/yodel/catalog"
)

// deletions remembers how far each life of a host has come with each key of
// each origin: belief goes forward only, so that what is gone stays gone.
type deletions struct {
	latest map[place]uint64
	gone   map[life]map[catalog.Origin]bool // forgotten as a whole
}

type life struct {
	at   *Host
	life int
}

type place struct {
	life
	origin catalog.Origin
	key    string
}

func newDeletions() *deletions {
	return &deletions{make(map[place]uint64), make(map[life]map[catalog.Origin]bool)}
}

func (d *deletions) look(at *Host, alive int, n catalog.News) *breach {
	l := life{at, alive}
	if n.Before != nil && n.After == nil {
		if d.gone[l] == nil {
			d.gone[l] = make(map[catalog.Origin]bool)
		}
		d.gone[l][n.Origin] = true
		return nil
	}
	if n.Before == nil && d.gone[l][n.Origin] && !n.After.Status.Here() {
		return &breach{at, nil, fmt.Sprintf("%s had forgotten %v, and knows it again as %s", at.Name, n.Origin, n.After.Status)}
	}
	for _, e := range n.Entries {
		p := place{l, n.Origin, e.Key}
		if e.Number != 0 && e.Number <= d.latest[p] {
			return &breach{at, nil, fmt.Sprintf("%s went back from number %d to %d of entry %q of %v", at.Name, d.latest[p], e.Number, e.Key, n.Origin)}
		}
		d.latest[p] = max(d.latest[p], e.Number)
	}
	return nil
}
