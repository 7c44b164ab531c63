package catalog

import "time"

// Facts are what a node says of its machine. What wobbles all the time (load,
// free memory) is a metric and not here. Each field of Facts is one entry, so
// that a disk that goes does not send the whole host round the mesh again.
type Facts struct {
	OS         OS          `json:"OS"`
	CPU        CPU         `json:"CPU"`
	Memory     Memory      `json:"Memory"`
	Disks      []Disk      `json:"Disks"`      // sorted by name
	Mounts     []Mount     `json:"Mounts"`     // sorted by path
	Interfaces []Interface `json:"Interfaces"` // sorted by name
	Boot       Boot        `json:"Boot"`
}

// OS is the operating system of a node.
type OS struct {
	HostName string `json:"HostName"` // as the kernel has it
	FQDN     string `json:"FQDN"`     // lower case, without a final dot; empty: none known
	Name     string `json:"Name"`     // "debian", "centos", ...
	Version  string `json:"Version"`
	Kernel   string `json:"Kernel"`
	Arch     string `json:"Arch"`
	Virtual  string `json:"Virtual,omitempty"` // "kvm", "docker", ...; empty: bare metal or unknown
	Vendor   string `json:"Vendor,omitempty"`
	Product  string `json:"Product,omitempty"`
	Serial   string `json:"Serial,omitempty"`
}

// CPU is the processors of a node.
type CPU struct {
	Model   string `json:"Model"`
	Sockets int    `json:"Sockets"`
	Cores   int    `json:"Cores"`   // physical
	Threads int    `json:"Threads"` // logical: what the scheduler sees
}

// Memory is the memory of a node, in bytes.
type Memory struct {
	Total uint64 `json:"Total"`
	Swap  uint64 `json:"Swap"`
}

// Disk is a block device, without its partitions.
type Disk struct {
	Name       string `json:"Name"` // "sda", "nvme0n1"
	Size       uint64 `json:"Size"` // bytes
	Type       string `json:"Type"` // "hdd", "ssd", "nvme", "loop", ...
	Model      string `json:"Model,omitempty"`
	Serial     string `json:"Serial,omitempty"`
	Rotational bool   `json:"Rotational"`
}

// Mount is a mounted file system. Used moves in steps of 5 percent of Size,
// so that a disk that fills is news and a log line is not.
type Mount struct {
	Path   string `json:"Path"`
	Device string `json:"Device"`
	Type   string `json:"Type"` // "ext4", "xfs", ...
	Size   uint64 `json:"Size"` // bytes
	Used   uint64 `json:"Used"` // bytes, rounded down to a step
	Serial string `json:"Serial,omitempty"`
	// ReadOnly is true for a file system mounted, or remounted by the kernel
	// after an error, read-only.
	ReadOnly bool `json:"ReadOnly"`
}

// Interface is a network interface that is up and has an address.
type Interface struct {
	Name      string   `json:"Name"`
	MAC       string   `json:"MAC,omitempty"`
	MTU       int      `json:"MTU"`
	Addresses []string `json:"Addresses"` // with prefix length, sorted
}

// Boot is when the machine and the yodel process on it started.
type Boot struct {
	Time    time.Time `json:"Time"`    // of the machine, to the minute: some kernels let it drift
	Version string    `json:"Version"` // of yodel
}
