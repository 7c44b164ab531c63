package node

import (
	"sync/atomic"

	"github.com/yodel-mesh/yodel/checks"
)

// counts are what happened since the start.
type counts struct {
	refused, garbled, unread, pulls, pullsDropped atomic.Uint64

	passing, warning, critical atomic.Uint64 // results of checks
	tookMicros                 atomic.Uint64
}

func (c *counts) results(r checks.Result) {
	switch r.Status {
	case checks.Passing:
		c.passing.Add(1)
	case checks.Warning:
		c.warning.Add(1)
	default:
		c.critical.Add(1)
	}
	c.tookMicros.Add(uint64(r.Took.Microseconds()))
}
