package checks

import (
	"context"
	"time"
)

// A Probe looks once and says what it saw. It returns soon after ctx is done,
// with whatever it has.
type Probe func(ctx context.Context) (Status, string)

// A Result is one look at what a check is for.
type Result struct {
	Status Status        // what it means, after the thresholds
	Seen   Status        // what the probe itself said
	Output string        // of this look, also when the thresholds held the status back
	At     time.Time     // when it ended; for a TTL check, its last beat or its expiry
	Took   time.Duration // 0 for TTL and alias checks
}
