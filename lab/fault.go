//go:build linux

package lab

import (
	"fmt"
	"strings"
)

// faults are what the switch does to packets.
type faults struct {
	cut  map[[2]int]bool // pairs of hosts, by number, that do not hear each other
	loss int             // percent of all packets
}

// port is the host's end of the cable at the switch.
func (h *Host) port() string { return fmt.Sprintf("p%d", h.Number) }

// Unplug pulls the host's cable out of the switch; Plug puts it in again. The
// host keeps its addresses and routes, as it does when a carrier is lost.
func (h *Host) Unplug() error { return h.setPort("down") }

// Plug puts the cable in again.
func (h *Host) Plug() error { return h.setPort("up") }

func (h *Host) setPort(state string) error {
	return run("", "ip", "-n", h.lab.switchName(), "link", "set", h.port(), state)
}

// Cut cuts every host of one side off from every host of the other.
func (l *Lab) Cut(one, other []*Host) error {
	return l.fault(func(f *faults) {
		for _, a := range one {
			for _, b := range other {
				f.cut[[2]int{a.Number, b.Number}] = true
				f.cut[[2]int{b.Number, a.Number}] = true
			}
		}
	})
}

// Lose loses a share of all packets between any two hosts, each way, in percent.
func (l *Lab) Lose(percent int) error { return l.fault(func(f *faults) { f.loss = percent }) }

// Heal ends every cut and all loss. Cables that are pulled stay so.
func (l *Lab) Heal() error {
	return l.fault(func(f *faults) { clear(f.cut); f.loss = 0 })
}

func (l *Lab) fault(change func(*faults)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.faults)
	return run(l.faults.rules(), "ip", "netns", "exec", l.switchName(), "nft", "-f", "-")
}

// rules are the faults as nft(8) reads them, in place of all before.
func (f faults) rules() string {
	var b strings.Builder
	b.WriteString("table bridge lab\ndelete table bridge lab\ntable bridge lab {\n")
	b.WriteString("\tset cut {\n\t\ttype ifname . ifname\n")
	if len(f.cut) > 0 {
		b.WriteString("\t\telements = { ")
		for pair := range f.cut {
			fmt.Fprintf(&b, "\"p%d\" . \"p%d\", ", pair[0], pair[1])
		}
		b.WriteString("}\n")
	}
	b.WriteString("\t}\n\tchain pass {\n\t\ttype filter hook forward priority 0; policy accept;\n")
	b.WriteString("\t\tiifname . oifname @cut drop\n")
	if f.loss > 0 {
		fmt.Fprintf(&b, "\t\tnumgen random mod 100 < %d drop\n", f.loss)
	}
	b.WriteString("\t}\n}\n")
	return b.String()
}
