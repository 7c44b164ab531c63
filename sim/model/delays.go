package model

import (
	"math"
	"time"
)

// Delays are how long something took to reach each node, and how many it did
// not reach.
type Delays struct {
	Reached []time.Duration // in order
	Missed  int
}

// Quantile is how long it took to reach a share of the nodes, 0 to 1: the
// nearest rank. Those that were missed count as later than all others; a
// quantile that falls among them is Never.
func (d Delays) Quantile(share float64) time.Duration {
	rank := int(math.Ceil(share * float64(len(d.Reached)+d.Missed)))
	if rank = max(rank, 1); rank > len(d.Reached) {
		return Never
	}
	return d.Reached[rank-1]
}

// Max is how long it took to reach the last node, or Never.
func (d Delays) Max() time.Duration { return d.Quantile(1) }

// Never is later than anything.
const Never = time.Duration(math.MaxInt64)
