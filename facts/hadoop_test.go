package facts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree is a directory that looks like the root of a machine.
type tree struct {
	t    testing.TB
	root string
}

func (w tree) file(name, content string) {
	w.t.Helper()
	p := filepath.Join(w.root, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w tree) link(name, to string) {
	w.t.Helper()
	p := filepath.Join(w.root, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		w.t.Fatal(err)
	}
	rel, err := filepath.Rel(filepath.Dir(p), filepath.Join(w.root, to))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.Symlink(rel, p); err != nil {
		w.t.Fatal(err)
	}
}

// disk lays out a block device as sysfs and udev do, and returns its directory.
func (w tree) disk(bus, name, number string, sectors int, files map[string]string, udev string) string {
	dir := "sys/devices/" + bus + "/block/" + name
	w.file(dir+"/size", fmt.Sprintln(sectors))
	w.file(dir+"/dev", number+"\n")
	for f, content := range files {
		w.file(dir+"/"+f, content)
	}
	w.link("sys/block/"+name, dir)
	w.link("sys/dev/block/"+number, dir)
	if udev != "" {
		w.file("run/udev/data/b"+number, udev)
	}
	return dir
}

func (w tree) partition(dir, name, number string, sectors int) {
	w.file(dir+"/"+name+"/partition", "1\n")
	w.file(dir+"/"+name+"/size", fmt.Sprintln(sectors))
	w.file(dir+"/"+name+"/dev", number+"\n")
	w.link("sys/dev/block/"+number, dir+"/"+name)
}

const tib4 = 7814037168 // sectors of a 4 TB disk

// hadoopHost is a DataNode: 24 disks with one XFS each, a system on LVM on
// NVMe, two sockets of 24 cores with two threads, CentOS 7.
func hadoopHost(t testing.TB) tree {
	w := tree{t, t.TempDir()}
	w.file("proc/sys/kernel/hostname", "dn017\n")
	w.file("proc/sys/kernel/osrelease", "3.10.0-1160.el7.x86_64\n")
	w.file("proc/stat", "cpu  1 2 3 4 5 6 7 0 0 0\nbtime 1763690645\n")
	w.file("proc/uptime", "1000.00 2000.00\n")
	w.file("proc/meminfo", "MemTotal:       263846732 kB\nMemFree:  1000 kB\nSwapTotal:       4194300 kB\n")
	w.file("etc/os-release", "NAME=\"CentOS Linux\"\nID=\"centos\"\nVERSION_ID=\"7\"\n")
	w.file("etc/redhat-release", "CentOS Linux release 7.9.2009 (Core)\n")
	w.file("etc/hosts", "127.0.0.1 localhost\n10.77.3.17 DN017.hadoop.example.com dn017 # this host\n")
	w.file("sys/class/dmi/id/sys_vendor", "Dell Inc.\n")
	w.file("sys/class/dmi/id/product_name", "PowerEdge R740xd2\n")
	w.file("sys/class/dmi/id/product_serial", "8XK2LM3\n")
	hadoopProcessors(w)

	var mounts strings.Builder
	hadoopSystem(w, &mounts)
	for i := range 24 {
		name, number := "sd"+string(rune('a'+i)), 16*i
		dir := w.disk("pci0000:3a/host0/target0:0:"+fmt.Sprint(i), name, fmt.Sprintf("%d:%d", 8+number/256, number%256), tib4,
			map[string]string{"queue/rotational": "1\n", "device/vendor": "ATA\n", "removable": "0\n"},
			fmt.Sprintf("E:ID_MODEL=ST4000NM0035-1V4107\nE:ID_SERIAL=ST4000NM0035-1V4107_ZC1%05d\nE:ID_SERIAL_SHORT=ZC1%05d\n", i, i))
		part := fmt.Sprintf("%d:%d", 8+(number+1)/256, (number+1)%256)
		w.partition(dir, name+"1", part, tib4-4096)
		fmt.Fprintf(&mounts, "%d 1 %s / /data%d rw,noatime shared:%d - xfs /dev/%s1 rw,attr2,inode64,noquota\n", 100+i, part, i+1, i, name)
	}
	w.file("proc/self/mountinfo", mounts.String())
	w.file("proc/mounts", "")
	return w
}

func hadoopProcessors(w tree) {
	var info strings.Builder
	for cpu := range 96 {
		socket, core := cpu%2, cpu/2%24
		fmt.Fprintf(&info, "processor\t: %d\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R) Gold 6248R  CPU @ 3.00GHz\nphysical id\t: %d\ncore id\t\t: %d\ncpu cores\t: 24\nflags\t\t: %s\n\n",
			cpu, socket, core, strings.Repeat("fpu vme avx512f ", 60))
		dir := fmt.Sprintf("sys/devices/system/cpu/cpu%d/", cpu)
		w.file(dir+"topology/physical_package_id", fmt.Sprintln(socket))
		w.file(dir+"topology/core_id", fmt.Sprintln(core))
		w.file(dir+"online", "1\n")
	}
	w.file("proc/cpuinfo", info.String())
	w.file("sys/devices/system/cpu/online", "0-95\n")
}

// hadoopSystem lays out the system disk, what is not a disk, and what is
// mounted beside the data.
func hadoopSystem(w tree, mounts *strings.Builder) {
	nvme := w.disk("pci0000:00/nvme/nvme0", "nvme0n1", "259:0", 937703088, map[string]string{
		"queue/rotational": "0\n", "device/model": "SAMSUNG MZ7LH480  \n", "device/serial": "S45NNA0M1\n"}, "")
	w.partition(nvme, "nvme0n1p1", "259:1", 2097152)
	w.partition(nvme, "nvme0n1p2", "259:2", 935603903)
	root := w.disk("virtual", "dm-0", "253:0", 104857600, map[string]string{"queue/rotational": "0\n"}, "")
	w.link(root+"/slaves/nvme0n1p2", nvme+"/nvme0n1p2")
	for i, name := range []string{"loop0", "ram0", "zram0", "sr0", "md127"} {
		w.disk("virtual", name, fmt.Sprintf("7:%d", i), 2048, nil, "")
	}
	w.disk("virtual/reader", "sdz", "65:144", 0, nil, "") // a card reader without a card
	w.disk("virtual/path", "nvme0c0n1", "259:9", 937703088, map[string]string{"hidden": "1\n"}, "")
	mounts.WriteString(`22 1 0:21 / /proc rw,relatime - proc proc rw
23 1 0:22 / /sys rw,relatime - sysfs sysfs rw
27 1 253:0 / / rw,relatime shared:1 - xfs /dev/mapper/centos-root rw,attr2
28 1 259:1 / /boot ro,relatime shared:2 - ext4 /dev/nvme0n1p1 rw,data=ordered
29 1 0:24 / /dev/shm rw - tmpfs tmpfs rw
30 1 0:25 / /net rw - autofs systemd-1 rw,fd=30
31 1 253:0 /var/lib/x /srv/bind\040mount rw - xfs /dev/mapper/centos-root rw,attr2
32 1 0:40 / /var/lib/docker/overlay2/ab/merged rw - overlay overlay rw,lowerdir=/a
33 1 253:0 /kube /var/lib/kubelet/pods/1/volumes rw - xfs /dev/mapper/centos-root rw
34 1 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro
35 1 0:50 / /mnt/tools rw - nfs4 nas1:/tools rw,vers=4.1,hard
36 1 0:50 / /mnt/home rw - nfs4 nas1:/home rw,vers=4.1,hard
37 1 0:60 / /run/user/0/gvfs rw - fuse.gvfsd-fuse gvfsd-fuse rw
`)
}
