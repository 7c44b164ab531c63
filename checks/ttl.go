package checks

import (
	"context"
	"strings"
	"time"
)

const ttlExpired = "TTL expired"

// runTTL waits for beats. One that does not come in time makes the check
// critical, once, until the next beat.
func (c *check) runTTL(ctx context.Context) {
	deadline := ttlDeadline(c.Last(), c.def.TTL, time.Now())
	for {
		w, b := c.wait(ctx, deadline)
		switch w {
		case stopped:
			return
		case timeUp:
			deadline = time.Time{}
			c.tell(Result{Status: Critical, Seen: Critical, Output: expiredOutput(c.Last().Output), At: time.Now()})
		case beaten:
			now := time.Now()
			deadline = now.Add(c.def.TTL)
			c.tell(Result{Status: b.status, Seen: b.status, Output: head(b.output, c.def.OutputMaxSize), At: now})
			close(b.told)
		}
	}
}

// ttlDeadline is when a TTL check whose last result is known expires; zero when
// it already has. A last beat in the future (a clock that was set back) counts
// as one of now.
func ttlDeadline(last Result, ttl time.Duration, now time.Time) time.Time {
	switch {
	case strings.HasPrefix(last.Output, ttlExpired):
		return time.Time{}
	case last.At.IsZero() || last.At.After(now):
		return now.Add(ttl)
	}
	return last.At.Add(ttl)
}

func expiredOutput(last string) string {
	if last == "" {
		return ttlExpired
	}
	return ttlExpired + " (last output before timeout follows): " + last
}
