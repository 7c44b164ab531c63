package catalog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Difference is one thing that became different on a machine, in words for
// people. Before is empty for what is new, After for what is gone.
type Difference struct {
	What   string // "disk sdb", "mount /data1", "kernel"
	Before string
	After  string
}

// String is the difference as one line.
func (d Difference) String() string {
	switch {
	case d.After == "":
		return fmt.Sprintf("%s gone (%s)", d.What, d.Before)
	case d.Before == "":
		return fmt.Sprintf("%s new (%s)", d.What, d.After)
	}
	return fmt.Sprintf("%s: %s -> %s", d.What, d.Before, d.After)
}

// Differences are what changed from before to after, in a fixed order. A part
// of before that is empty was not known, and what is learned of it is no
// change. How full a mount is, is left out: that is for its check. So are
// FQDN and yodel's version: they are known of a node without its facts.
func Differences(before, after Facts) []Difference {
	var d differences
	if before.OS != (OS{}) {
		d.system(before.OS, after.OS)
	}
	if before.CPU != (CPU{}) {
		d.processors(before.CPU, after.CPU)
	}
	if before.Memory != (Memory{}) {
		d.note("memory", size(before.Memory.Total), size(after.Memory.Total))
		d.note("swap", size(before.Memory.Swap), size(after.Memory.Swap))
	}
	if len(before.Disks) > 0 {
		d.disks(before.Disks, after.Disks)
	}
	if len(before.Mounts) > 0 {
		d.mounts(before.Mounts, after.Mounts)
	}
	if len(before.Interfaces) > 0 {
		d.interfaces(before.Interfaces, after.Interfaces)
	}
	if !before.Boot.Time.IsZero() {
		d.note("boot", moment(before.Boot.Time), moment(after.Boot.Time))
	}
	return d
}

type differences []Difference

func (d *differences) note(what, before, after string) {
	if before != after {
		*d = append(*d, Difference{what, before, after})
	}
}

func (d *differences) system(b, a OS) {
	d.note("host name", b.HostName, a.HostName)
	d.note("system", strings.TrimSpace(b.Name+" "+b.Version), strings.TrimSpace(a.Name+" "+a.Version))
	d.note("kernel", b.Kernel, a.Kernel)
	d.note("architecture", b.Arch, a.Arch)
	d.note("virtualization", b.Virtual, a.Virtual)
	d.note("machine", machine(b), machine(a))
}

func machine(o OS) string {
	s := strings.TrimSpace(o.Vendor + " " + o.Product)
	if o.Serial != "" {
		s += " (serial " + o.Serial + ")"
	}
	return strings.TrimSpace(s)
}

func (d *differences) processors(b, a CPU) {
	d.note("processor", b.Model, a.Model)
	count := func(c CPU) string {
		if c == (CPU{}) {
			return ""
		}
		return fmt.Sprintf("%d sockets, %d cores, %d threads", c.Sockets, c.Cores, c.Threads)
	}
	d.note("processors", count(b), count(a))
}

// disks follows a disk by its serial: the kernel gives names anew at each boot.
func (d *differences) disks(before, after []Disk) {
	gone, added := disksOnly(before, after), disksOnly(after, before)
	for _, b := range gone {
		i := slices.IndexFunc(added, func(a Disk) bool { return a.Serial != "" && a.Serial == b.Serial })
		if i >= 0 && added[i].Name != b.Name {
			d.note("name of disk with serial "+b.Serial, b.Name, added[i].Name)
			b.Name = added[i].Name
		} else if i < 0 {
			i = slices.IndexFunc(added, func(a Disk) bool { return a.Name == b.Name && !hasSerial(gone, a.Serial) })
		}
		if i < 0 {
			d.note("disk "+b.Name, diskWords(b), "")
			continue
		}
		d.note("disk "+b.Name, diskWords(b), diskWords(added[i]))
		added = slices.Delete(added, i, i+1)
	}
	for _, a := range added {
		d.note("disk "+a.Name, "", diskWords(a))
	}
}

// disksOnly are those of a that are not as they are in b, by name.
func disksOnly(a, b []Disk) []Disk {
	var only []Disk
	for _, x := range a {
		if !slices.Contains(b, x) {
			only = append(only, x)
		}
	}
	slices.SortStableFunc(only, func(x, y Disk) int { return cmp.Compare(x.Name, y.Name) })
	return only
}

func hasSerial(list []Disk, serial string) bool {
	return serial != "" && slices.ContainsFunc(list, func(d Disk) bool { return d.Serial == serial })
}

func diskWords(k Disk) string {
	words := size(k.Size)
	for _, w := range []string{k.Type, k.Model} {
		if w != "" {
			words += " " + w
		}
	}
	if k.Serial != "" {
		words += ", serial " + k.Serial
	}
	return words
}

func (d *differences) mounts(before, after []Mount) {
	b, a := byKey(before, mountPath), byKey(after, mountPath)
	for _, path := range slices.Sorted(maps.Keys(union(b, a))) {
		x, had := b[path]
		y, has := a[path]
		what := "mount " + path
		if !had || !has {
			d.note(what, mountWords(x), mountWords(y))
			continue
		}
		if x.Serial == "" || x.Serial != y.Serial {
			d.note(what+" device", mountDevice(x), mountDevice(y))
		}
		d.note(what+" type", x.Type, y.Type)
		d.note(what+" size", size(x.Size), size(y.Size))
		d.note(what, access(x.ReadOnly), access(y.ReadOnly))
	}
}

func mountPath(m Mount) string { return m.Path }

func mountDevice(m Mount) string {
	if m.Serial != "" {
		return m.Device + ", serial " + m.Serial
	}
	return m.Device
}

func mountWords(m Mount) string {
	if m.Path == "" {
		return ""
	}
	return fmt.Sprintf("%s, %s, %s", mountDevice(m), m.Type, size(m.Size))
}

func access(readOnly bool) string {
	if readOnly {
		return "read-only"
	}
	return "read-write"
}

func (d *differences) interfaces(before, after []Interface) {
	name := func(i Interface) string { return i.Name }
	b, a := byKey(before, name), byKey(after, name)
	for _, name := range slices.Sorted(maps.Keys(union(b, a))) {
		d.note("interface "+name, interfaceWords(b[name]), interfaceWords(a[name]))
	}
	x, y := addressOwners(before), addressOwners(after)
	for _, addr := range slices.Sorted(maps.Keys(union(x, y))) {
		d.note("address "+addr, x[addr], y[addr])
	}
}

func interfaceWords(i Interface) string {
	if i.Name == "" {
		return ""
	}
	words := fmt.Sprintf("mtu %d", i.MTU)
	if i.MAC != "" {
		words = i.MAC + ", " + words
	}
	return words
}

// addressOwners maps each address to the interfaces that have it.
func addressOwners(list []Interface) map[string]string {
	owners := make(map[string]string)
	for _, i := range list {
		for _, addr := range i.Addresses {
			owners[addr] = strings.TrimPrefix(owners[addr]+", "+i.Name, ", ")
		}
	}
	return owners
}

func byKey[T any](list []T, key func(T) string) map[string]T {
	m := make(map[string]T, len(list))
	for _, v := range list {
		m[key(v)] = v
	}
	return m
}

func union[T any](a, b map[string]T) map[string]T {
	m := maps.Clone(a)
	maps.Copy(m, b)
	return m
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04Z")
}

// size is bytes in words as disks are sold: 4.0 TB is 4 * 10^12.
func size(n uint64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n)/1000, 0
	for v >= 999.95 && unit < len(units)-1 {
		v, unit = v/1000, unit+1
	}
	return fmt.Sprintf("%.1f %cB", v, units[unit])
}
