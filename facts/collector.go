// Package facts reads what a node says of its machine: system, processors,
// memory, disks, mounts, addresses, name. It also judges whether the machine
// is fit to carry a node (Fit).
//
// It promises to start no program, to be bounded in time by its context even
// when a mounted server is dead, and to say the same twice of a machine that
// has not changed. It knows nothing of the mesh. It is the only importer of
// gopsutil and ghw.
package facts

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

// Options say what to read, and what was said before.
type Options struct {
	Root     string // a directory with proc, sys, etc and run beneath it; empty: "/"
	HostName string // instead of the kernel's
	Version  string // of yodel
	// Previous is what this node said last, perhaps before a restart. With it
	// a value on the edge between two steps stays where it was.
	Previous catalog.Facts
}

// Collect reads the facts once. See Collector.Collect.
func Collect(ctx context.Context, o Options) (catalog.Facts, []error) {
	return New(o).Collect(ctx)
}

// A Collector reads the facts again and again. It remembers what it said, what
// cannot change while the machine runs, and which mounts hang. It belongs to
// one goroutine.
type Collector struct {
	root     string
	hostName string
	version  string
	before   catalog.Facts

	cpu       catalog.CPU // as of cpuOnline
	cpuOnline string      // the kernel's list of processors when cpu was read
	product   product     // of this boot; zero until read
	asked     string      // the host name whose domain the resolver was asked for

	lookup func(ctx context.Context, host string) (string, error)
	near   *probe // for file systems of this machine
	far    *probe // for those of servers, so that dead ones do not hide the disks
}

// New returns a Collector. It reads nothing yet.
func New(o Options) *Collector {
	root := o.Root
	if root == "" {
		root = "/"
	}
	return &Collector{
		root:     root,
		hostName: o.HostName,
		version:  o.Version,
		before:   o.Previous,
		lookup:   canonical,
		near:     newProbe(statfs),
		far:      newProbe(statfs),
	}
}

// Collect reads the facts. What cannot be read is left zero, or as it was if
// it was known before, and an error says why: facts are partial rather than
// absent. A file system that does not answer costs mountTimeout once, and
// nothing while it goes on hanging.
func (c *Collector) Collect(ctx context.Context) (catalog.Facts, []error) {
	var f catalog.Facts
	var errs []error
	note := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("read %s: %w", what, err))
		}
	}
	var err error
	f.OS, err = c.system(ctx)
	note("system", err)
	f.CPU, err = c.processors()
	note("processors", err)
	f.Memory, err = c.memory(ctx)
	note("memory", err)
	f.Disks, err = c.disks()
	note("disks", err)
	f.Mounts, err = c.mounts(ctx, f.Disks)
	note("mounts", err)
	f.Interfaces, err = interfaces(c.path("proc/net/if_inet6"))
	note("interfaces", err)
	f.Boot, err = c.boot(ctx)
	note("boot time", err)

	tidy(&f)
	c.before = f
	return f, errs
}

func (c *Collector) boot(ctx context.Context) (catalog.Boot, error) {
	t, err := bootTime(ctx, c.root)
	if err != nil {
		return catalog.Boot{Time: c.before.Boot.Time, Version: c.version}, err
	}
	return catalog.Boot{Time: steadyBoot(c.before.Boot.Time, t), Version: c.version}, nil
}

// steadyBoot is now to the minute, or previous if it is near. The kernel works
// the boot time out from the clock, so every correction of the clock moves it.
func steadyBoot(previous, now time.Time) time.Time {
	if d := now.Sub(previous); !previous.IsZero() && d > -bootDrift && d < bootDrift {
		return previous
	}
	return now.UTC().Truncate(time.Minute)
}

// bootDrift is less than any machine needs to boot and more than a daemon
// corrects a clock that was roughly right.
const bootDrift = 2 * time.Minute

func (c *Collector) path(name string) string { return filepath.Join(c.root, name) }
