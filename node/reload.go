package node

import (
	"errors"

	"github.com/yodel-mesh/yodel/config"
)

// Reload takes a new configuration. What can change while running does; the
// keys that cannot are answered, and wait for a restart.
func (n *Node) Reload(c config.Config) (restart []string, err error) {
	apply, restart := config.Diff(*n.conf(), c)
	next := config.Keep(*n.conf(), c, restart)
	n.config.Store(&next)
	n.log.Info("reload", "changed", apply, "restart_needed", restart)
	err = errors.Join(n.define(&next), n.dns.SetConfig(dnsConfig(&next, n.log)))
	select {
	case n.lookWake <- struct{}{}: // the facts too
	default:
	}
	return restart, errors.Join(err, n.declare())
}
