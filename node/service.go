package node

import (
	"fmt"
	"slices"

	"github.com/yodel-mesh/yodel/checks"
	"github.com/yodel-mesh/yodel/config"
)

// RegisterService runs an instance and its checks on this host, now and after
// every restart, until it is deregistered.
func (n *Node) RegisterService(s config.Service) error {
	for _, d := range s.Checks {
		if err := n.permit(d); err != nil {
			return err
		}
	}
	if err := n.addService(s); err != nil {
		return err
	}
	n.lament(n.disk.keepService(s))
	return n.declare()
}

// RegisterCheck runs a check of the node, or of an instance on it.
func (n *Node) RegisterCheck(d checks.Definition) error {
	if err := n.permit(d); err != nil {
		return err
	}
	if err := n.addCheck(d); err != nil {
		return err
	}
	n.lament(n.disk.keepCheck(d))
	return n.declare()
}

// permit refuses a program that came over HTTP unless the files allow it.
func (n *Node) permit(d checks.Definition) error {
	if kind := d.Kind(); (kind == "script" || kind == "docker") && !n.conf().EnableScriptChecks {
		return fmt.Errorf("register check %s: %w", d.ID, checks.ErrScripts)
	}
	return nil
}

// DeregisterService takes an instance and its checks away. One that a file
// defines is back after a restart or a reload.
func (n *Node) DeregisterService(id string) error {
	n.local.mu.Lock()
	_, ok := n.local.services[id]
	delete(n.local.maint, id)
	n.local.mu.Unlock()
	if !ok {
		return fmt.Errorf("deregister service %s: %w", id, ErrNoService)
	}
	n.dropService(id)
	n.disk.dropService(id)
	n.disk.dropMaintenance(id)
	return n.declare()
}

// DeregisterCheck takes a check away.
func (n *Node) DeregisterCheck(id string) error {
	n.local.mu.Lock()
	_, ok := n.local.checks[id]
	n.local.mu.Unlock()
	if !ok {
		return fmt.Errorf("deregister check %s: %w", id, ErrNoCheck)
	}
	n.dropCheck(id)
	n.disk.dropCheck(id)
	return n.declare()
}

// SetTTL is a sign of life of a TTL check.
func (n *Node) SetTTL(id string, s checks.Status, output string) error {
	if err := n.runner.SetTTL(id, s, output); err != nil {
		return fmt.Errorf("update check %s: %w", id, err)
	}
	return nil
}

// Maintain takes an instance, or with an empty id the node, out of every
// answer, or puts it back.
func (n *Node) Maintain(serviceID string, on bool, reason string) error {
	n.local.mu.Lock()
	_, known := n.local.services[serviceID]
	if serviceID != "" && !known {
		n.local.mu.Unlock()
		return fmt.Errorf("maintain service %s: %w", serviceID, ErrNoService)
	}
	if on {
		n.local.maint[serviceID] = reason
	} else {
		delete(n.local.maint, serviceID)
	}
	n.local.mu.Unlock()
	if on {
		n.lament(n.disk.keepMaintenance(serviceID, reason))
	} else {
		n.disk.dropMaintenance(serviceID)
	}
	return n.declare()
}

// recallRegistered runs again what was registered before this start.
func (n *Node) recallRegistered() error {
	services, definitions, maintenance := n.disk.registered()
	for _, s := range services {
		s.Checks = slices.DeleteFunc(s.Checks, func(d checks.Definition) bool {
			err := n.permit(d)
			n.lament(err)
			return err != nil
		})
		if err := n.addService(s); err != nil {
			n.log.Error("run a registered service", "service", s.ID, "err", err)
		}
	}
	for _, d := range definitions {
		if err := n.recallCheck(d); err != nil {
			n.log.Error("run a registered check", "check", d.ID, "err", err)
		}
	}
	n.local.mu.Lock()
	defer n.local.mu.Unlock()
	for id, reason := range maintenance {
		if _, known := n.local.services[id]; known || id == "" {
			n.local.maint[id] = reason
		}
	}
	return nil
}

// lament says that something will not survive a restart. It is done all the
// same: a full disk must not keep a service out of the mesh.
func (n *Node) lament(err error) {
	if err != nil {
		n.log.Error("until the next restart only", "err", err)
	}
}

func (n *Node) recallCheck(d checks.Definition) error {
	if err := n.permit(d); err != nil {
		return err
	}
	return n.addCheck(d)
}
