package checks

import (
	"context"
	"fmt"
	"strings"

	"github.com/coreos/go-systemd/v22/dbus"
)

// A unitLister is the part of systemd that a check needs; *dbus.Conn is one.
type unitLister interface {
	ListUnitsByNamesContext(ctx context.Context, units []string) ([]dbus.UnitStatus, error)
	Close()
}

// systemBus asks the systemd of this host: over the system bus, or as root
// directly where there is no bus.
func systemBus(ctx context.Context) (unitLister, error) {
	conn, err := dbus.NewWithContext(ctx)
	if err != nil { // not the nil *dbus.Conn, which would be a non-nil unitLister
		return nil, err
	}
	return conn, nil
}

// osServiceProbe asks systemd for the state of a unit. A name without a suffix
// is a service, as for systemctl.
func osServiceProbe(d Definition, dial func(context.Context) (unitLister, error)) Probe {
	unit := unitName(d.OSService)
	return func(ctx context.Context) (Status, string) {
		conn, err := dial(ctx)
		if err != nil {
			return Critical, head("connect to systemd: "+err.Error(), d.OutputMaxSize)
		}
		defer conn.Close()
		units, err := conn.ListUnitsByNamesContext(ctx, []string{unit})
		switch {
		case err != nil:
			return Critical, head(fmt.Sprintf("ask systemd for %s: %v", unit, err), d.OutputMaxSize)
		case len(units) != 1:
			return Critical, fmt.Sprintf("ask systemd for %s: %d answers", unit, len(units))
		}
		u := units[0]
		if u.LoadState != "loaded" {
			return Critical, head(fmt.Sprintf("unit %s is %s", unit, u.LoadState), d.OutputMaxSize)
		}
		return unitStatus(u.ActiveState), head(fmt.Sprintf("unit %s is %s (%s)", unit, u.ActiveState, u.SubState), d.OutputMaxSize)
	}
}

// unitStatus reads ActiveState (org.freedesktop.systemd1(5)): a unit on its way
// up, or busy while up, warns.
func unitStatus(active string) Status {
	switch active {
	case "active":
		return Passing
	case "activating", "reloading", "refreshing", "maintenance":
		return Warning
	}
	return Critical // inactive, failed, deactivating
}

// The suffixes of systemd.unit(5).
var unitSuffixes = [...]string{".service", ".socket", ".device", ".mount", ".automount", ".swap", ".target", ".path", ".timer", ".slice", ".scope"}

func unitName(name string) string {
	for _, suffix := range unitSuffixes {
		if strings.HasSuffix(name, suffix) {
			return name
		}
	}
	return name + ".service"
}
