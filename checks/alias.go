package checks

import (
	"context"
	"fmt"
	"time"
)

const (
	// The answer comes from memory; a second is far below any probe's interval.
	aliasInterval = time.Second
	// An alias that stays as it is reports as seldom as Consul refreshes it.
	aliasRefresh = time.Minute
)

// runAlias follows the checks of another node or instance. An aliased thing
// that has no checks passes; one that is gone is critical.
func (c *check) runAlias(ctx context.Context) {
	var told time.Time
	due := time.Now()
	for {
		if w, _ := c.wait(ctx, due); w == stopped {
			return
		}
		now := time.Now()
		due = now.Add(aliasInterval)
		s := c.safely(ctx, c.alias)
		if last := c.Last(); told.IsZero() || now.Sub(told) >= aliasRefresh || s.status != last.Status || s.output != last.Output {
			told = now
			c.tell(Result{Status: s.status, Seen: s.status, Output: s.output, At: now})
		}
	}
}

func (c *check) alias(context.Context) (Status, string) {
	node, service := c.def.AliasNode, c.def.AliasService
	status, output, found := c.runner.cfg.Alias(node, service)
	switch {
	case found:
		return status, head(output, c.def.OutputMaxSize)
	case service == "":
		return Critical, fmt.Sprintf("Node %s could not be found", node)
	case node == "":
		return Critical, fmt.Sprintf("Service %s could not be found on this node", service)
	}
	return Critical, fmt.Sprintf("Service %s could not be found on node %s", service, node)
}
