package facts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jaypipes/ghw"
	"github.com/shirou/gopsutil/v4/common"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/mem"
	"golang.org/x/sys/unix"

	"github.com/yodel-mesh/yodel/catalog"
)

// product is what the firmware says of the machine.
type product struct{ vendor, name, serial string }

// system reads names and versions. gopsutil's own reader of the release files
// is not used because it may start /usr/bin/lsb_release, nor is its finder of
// virtual machines, which keeps its first answer for the whole process.
func (c *Collector) system(ctx context.Context) (catalog.OS, error) {
	var problems []error
	o := catalog.OS{HostName: c.hostName}
	if o.HostName == "" {
		name, err := hostName(c.root)
		if err != nil {
			problems = append(problems, err)
			name = c.before.OS.HostName
		}
		o.HostName = name
	}
	o.FQDN = c.fqdn(ctx, o.HostName)

	o.Name, o.Version = release(
		word(c.path("etc/os-release")), word(c.path("etc/redhat-release")), word(c.path("etc/debian_version")))
	if o.Name == "" {
		problems = append(problems, errors.New("no distribution in etc/os-release or etc/redhat-release"))
	}

	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		problems = append(problems, fmt.Errorf("uname: %w", err))
	}
	o.Arch = unix.ByteSliceToString(u.Machine[:])
	o.Kernel = word(c.path("proc/sys/kernel/osrelease"))
	if o.Kernel == "" {
		o.Kernel = unix.ByteSliceToString(u.Release[:])
	}

	if c.product == (product{}) {
		c.product = firmware(c.root)
	}
	o.Vendor, o.Product, o.Serial = c.product.vendor, c.product.name, c.product.serial
	o.Virtual = virtual(c.product, container(c.root), func() bool {
		cpu, _ := read(c.path("proc/cpuinfo"))
		return strings.Contains(cpu, " hypervisor")
	})
	return o, errors.Join(problems...)
}

// hostName is the name that the kernel has for this host.
func hostName(root string) (string, error) {
	if name := word(filepath.Join(root, "proc/sys/kernel/hostname")); name != "" {
		return name, nil
	}
	return os.Hostname()
}

// release is the name and version of the distribution, from the contents of
// os-release(5), redhat-release and debian_version. The last two only add the
// minor version that os-release leaves out ("7" of CentOS 7.9), or stand in
// for it on a system too old to have one.
func release(osRelease, redhat, debian string) (name, version string) {
	for line := range strings.Lines(osRelease) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"'`)
		switch key {
		case "ID":
			name = strings.ToLower(value)
		case "VERSION_ID":
			version = value
		}
	}
	var full string
	_, after, _ := strings.Cut(redhat, " release ")
	switch {
	case after != "":
		full = strings.Fields(after + " ")[0]
		if name == "" {
			name = strings.ToLower(strings.Fields(redhat + " ")[0])
		}
	case name == "debian":
		full = debian
	}
	if version == "" || strings.HasPrefix(full, version+".") {
		version = full
	}
	return name, version
}

// firmware reads DMI, or the device tree. The serial is for root only.
func firmware(root string) product {
	p, err := ghw.Product(ghw.WithChroot(root), ghw.WithDisableWarnings())
	if err != nil {
		return product{}
	}
	return product{vendor: known(p.Vendor), name: known(p.Name), serial: known(p.SerialNumber)}
}

// known is s, or nothing if it is one of the phrases by which ghw and firmware
// say that they do not know.
func known(s string) string {
	s = strings.TrimSpace(s)
	switch strings.ToLower(s) {
	case "unknown", "none", "n/a", "not specified", "not applicable", "default string",
		"to be filled by o.e.m.", "system serial number", "system product name", "system manufacturer":
		return ""
	}
	if strings.Trim(s, "0.") == "" {
		return ""
	}
	return s
}

// container names the container that this process runs in, if any.
func container(root string) string {
	if name := word(filepath.Join(root, "run/systemd/container")); name != "" {
		return name
	}
	for file, name := range map[string]string{".dockerenv": "docker", "run/.containerenv": "podman"} {
		if _, err := os.Stat(filepath.Join(root, file)); err == nil {
			return name
		}
	}
	return ""
}

// virtual names what the machine runs in: the container, or the hypervisor by
// the names that they give their firmware (as systemd-detect-virt does).
func virtual(p product, container string, hypervisor func() bool) string {
	if container != "" {
		return container
	}
	all := strings.ToLower(p.vendor + " " + p.name)
	for _, sign := range []struct{ has, name string }{
		{"openstack", "kvm"}, {"kubevirt", "kvm"}, {"ovirt", "kvm"}, {"rhev", "kvm"}, {"kvm", "kvm"},
		{"qemu", "qemu"}, {"vmware", "vmware"}, {"virtualbox", "virtualbox"}, {"innotek", "virtualbox"},
		{"hvm domu", "xen"}, {"xen", "xen"}, {"virtual machine", "microsoft"}, {"bhyve", "bhyve"},
		{"google compute engine", "google"}, {"amazon ec2", "amazon"}, {"alibaba cloud ecs", "kvm"},
		{"parallels", "parallels"}, {"nutanix", "nutanix"},
	} {
		if !strings.Contains(all, sign.has) {
			continue
		}
		// A rented machine without a hypervisor bears the same firmware names.
		if (sign.name == "amazon" || sign.name == "google") && strings.Contains(all, "metal") {
			return ""
		}
		return sign.name
	}
	if hypervisor() {
		return "vm"
	}
	return ""
}

// under makes gopsutil read below root.
func under(ctx context.Context, root string) context.Context {
	return context.WithValue(ctx, common.EnvKey, common.EnvMap{
		common.HostProcEnvKey: filepath.Join(root, "proc"),
		common.HostSysEnvKey:  filepath.Join(root, "sys"),
		common.HostEtcEnvKey:  filepath.Join(root, "etc"),
		common.HostRootEnvKey: root,
	})
}

func (c *Collector) memory(ctx context.Context) (catalog.Memory, error) {
	m, err := mem.VirtualMemoryWithContext(under(ctx, c.root))
	if err != nil {
		return c.before.Memory, err
	}
	return catalog.Memory{Total: m.Total, Swap: m.SwapTotal}, nil
}

func bootTime(ctx context.Context, root string) (time.Time, error) {
	sec, err := host.BootTimeWithContext(under(ctx, root))
	if err != nil {
		return time.Time{}, err
	}
	return time.Unix(int64(sec), 0).UTC(), nil
}

// processors reads the processors, anew only when the kernel's list of those
// online changes: /proc/cpuinfo of a big machine costs milliseconds.
func (c *Collector) processors() (catalog.CPU, error) {
	online := word(c.path("sys/devices/system/cpu/online"))
	if c.cpu.Threads > 0 && online == c.cpuOnline {
		return c.cpu, nil
	}
	info, err := ghw.CPU(ghw.WithChroot(c.root), ghw.WithDisableWarnings())
	if err == nil && len(info.Processors) == 0 {
		err = errors.New("none in sys/devices/system/cpu")
	}
	if err != nil {
		return c.before.CPU, err
	}
	c.cpu = catalog.CPU{
		Model:   strings.Join(strings.Fields(info.Processors[0].Model), " "),
		Sockets: len(info.Processors),
		Cores:   int(info.TotalCores),
		Threads: int(info.TotalHardwareThreads),
	}
	c.cpuOnline = online
	return c.cpu, nil
}
