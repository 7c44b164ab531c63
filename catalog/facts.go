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
	HostName string `json:"HostName" cbor:"1,keyasint,omitempty"` // as the kernel has it
	FQDN     string `json:"FQDN" cbor:"2,keyasint,omitempty"`     // lower case, without a final dot; empty: none known
	Name     string `json:"Name" cbor:"3,keyasint,omitempty"`     // "debian", "centos", ...
	Version  string `json:"Version" cbor:"4,keyasint,omitempty"`
	Kernel   string `json:"Kernel" cbor:"5,keyasint,omitempty"`
	Arch     string `json:"Arch" cbor:"6,keyasint,omitempty"`
	Virtual  string `json:"Virtual,omitempty" cbor:"7,keyasint,omitempty"` // "kvm", "docker", ...; empty: bare metal or unknown
	Vendor   string `json:"Vendor,omitempty" cbor:"8,keyasint,omitempty"`
	Product  string `json:"Product,omitempty" cbor:"9,keyasint,omitempty"`
	Serial   string `json:"Serial,omitempty" cbor:"10,keyasint,omitempty"`
}

// CPU is the processors of a node.
type CPU struct {
	Model   string `json:"Model" cbor:"1,keyasint,omitempty"`
	Sockets int    `json:"Sockets" cbor:"2,keyasint,omitempty"`
	Cores   int    `json:"Cores" cbor:"3,keyasint,omitempty"`   // physical
	Threads int    `json:"Threads" cbor:"4,keyasint,omitempty"` // logical: what the scheduler sees
}

// Memory is the memory of a node, in bytes.
type Memory struct {
	Total uint64 `json:"Total" cbor:"1,keyasint,omitempty"`
	Swap  uint64 `json:"Swap" cbor:"2,keyasint,omitempty"`
}

// Disk is a block device, without its partitions.
type Disk struct {
	Name       string `json:"Name" cbor:"1,keyasint,omitempty"` // "sda", "nvme0n1"
	Size       uint64 `json:"Size" cbor:"2,keyasint,omitempty"` // bytes
	Type       string `json:"Type" cbor:"3,keyasint,omitempty"` // "hdd", "ssd", "nvme", "loop", ...
	Model      string `json:"Model,omitempty" cbor:"4,keyasint,omitempty"`
	Serial     string `json:"Serial,omitempty" cbor:"5,keyasint,omitempty"`
	Rotational bool   `json:"Rotational" cbor:"6,keyasint,omitempty"`
}

// Mount is a mounted file system. Used moves in steps of 5 percent of Size,
// so that a disk that fills is news and a log line is not.
type Mount struct {
	Path   string `json:"Path" cbor:"1,keyasint,omitempty"`
	Device string `json:"Device" cbor:"2,keyasint,omitempty"`
	Type   string `json:"Type" cbor:"3,keyasint,omitempty"` // "ext4", "xfs", ...
	Size   uint64 `json:"Size" cbor:"4,keyasint,omitempty"` // bytes
	Used   uint64 `json:"Used" cbor:"5,keyasint,omitempty"` // bytes, rounded down to a step
	Serial string `json:"Serial,omitempty" cbor:"6,keyasint,omitempty"`
	// ReadOnly is true for a file system mounted, or remounted by the kernel
	// after an error, read-only.
	ReadOnly bool `json:"ReadOnly" cbor:"7,keyasint,omitempty"`
}

// Interface is a network interface that is up and has an address.
type Interface struct {
	Name      string   `json:"Name" cbor:"1,keyasint,omitempty"`
	MAC       string   `json:"MAC,omitempty" cbor:"2,keyasint,omitempty"`
	MTU       int      `json:"MTU" cbor:"3,keyasint,omitempty"`
	Addresses []string `json:"Addresses" cbor:"4,keyasint,omitempty"` // with prefix length, sorted
}

// Boot is when the machine and the yodel process on it started.
type Boot struct {
	Time    time.Time `json:"Time" cbor:"1,keyasint,omitzero"`     // of the machine, to the minute: some kernels let it drift
	Version string    `json:"Version" cbor:"2,keyasint,omitempty"` // of yodel
}
