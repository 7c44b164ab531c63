package facts

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jaypipes/ghw"

	"github.com/yodel-mesh/yodel/catalog"
)

// disksMax is more than any single host has: two full 102-bay enclosures and
// the bays of the server itself.
const disksMax = 256

// disks reads the block devices that are hardware (or what a hypervisor gives
// for it). What is made of them (device mapper, md) shows as a mount.
func (c *Collector) disks() ([]catalog.Disk, error) {
	if _, err := os.ReadDir(c.path("sys/block")); err != nil {
		return c.before.Disks, err
	}
	info, err := ghw.Block(ghw.WithChroot(c.root), ghw.WithDisableWarnings())
	if err != nil {
		return c.before.Disks, err
	}
	var disks []catalog.Disk
	for _, d := range info.Disks {
		if d.SizeBytes == 0 || !hardware(d.Name) || word(c.path("sys/block/"+d.Name+"/hidden")) == "1" {
			continue
		}
		disks = append(disks, c.disk(d))
	}
	slices.SortFunc(disks, func(a, b catalog.Disk) int { return strings.Compare(a.Name, b.Name) })
	if len(disks) > disksMax {
		err = fmt.Errorf("%d disks: only the first %d are kept", len(disks), disksMax)
		disks = disks[:disksMax]
	}
	return disks, err
}

func (c *Collector) disk(d *ghw.Disk) catalog.Disk {
	dir := c.path("sys/block/" + d.Name)
	return catalog.Disk{
		Name:       d.Name,
		Size:       d.SizeBytes,
		Type:       diskType(d),
		Model:      cmp.Or(known(d.Model), word(dir+"/device/model")),
		Serial:     cmp.Or(known(d.SerialNumber), serial(dir)),
		Rotational: word(dir+"/queue/rotational") == "1",
	}
}

// hardware says whether a block device is a disk, by its kernel name.
func hardware(name string) bool {
	for _, prefix := range []string{"ram", "loop", "zram", "dm-", "md", "sr", "fd", "nbd", "zd", "drbd", "bcache", "mtdblock"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	// "mmcblk0boot0", "mmcblk0rpmb": parts of a card, not cards.
	return !strings.HasPrefix(name, "mmcblk") || !strings.ContainsAny(name[len("mmcblk"):], "br")
}

func diskType(d *ghw.Disk) string {
	if strings.HasPrefix(d.Name, "nvme") {
		return "nvme"
	}
	return strings.ToLower(known(d.DriveType.String()))
}

// serial reads the serial from sysfs, for a host whose udev has none: of NVMe
// and of virtio, and of SCSI from the page that the kernel keeps of the
// device's answer (SPC-4 7.8.17, Unit Serial Number: four bytes, then text).
func serial(dir string) string {
	if s := cmp.Or(known(word(dir+"/device/serial")), known(word(dir+"/serial"))); s != "" {
		return s
	}
	page := word(dir + "/device/vpd_pg80")
	if len(page) <= 4 {
		return ""
	}
	return known(strings.Trim(page[4:], " \x00"))
}

// origin is the one disk that holds a block device ("8:1"), found by way of
// partitions and of what device mapper and md are made of; empty if there are
// several or none.
func origin(root, number string) string {
	dir, err := filepath.EvalSymlinks(filepath.Join(root, "sys/dev/block", number))
	if err != nil {
		return ""
	}
	names := map[string]bool{}
	holders(dir, names, originDepth)
	if len(names) != 1 {
		return ""
	}
	for name := range names {
		return name
	}
	return ""
}

// originDepth is enough for a volume on encryption on multipath on md on a
// partition, and stops a loop of links.
const originDepth = 6

func holders(dir string, names map[string]bool, depth int) {
	if depth == 0 {
		return
	}
	if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
		dir = filepath.Dir(dir)
	}
	slaves, _ := os.ReadDir(filepath.Join(dir, "slaves"))
	if len(slaves) == 0 {
		names[filepath.Base(dir)] = true
		return
	}
	for _, s := range slaves {
		if below, err := filepath.EvalSymlinks(filepath.Join(dir, "slaves", s.Name())); err == nil {
			holders(below, names, depth-1)
		}
	}
}
