package facts

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/yodel-mesh/yodel/catalog"
)

// mountsMax is more than a host of 256 disks with a system and some servers
// mounts; beyond it something mounts in a loop.
const mountsMax = 512

// mounts reads the file systems and how full they are. disks are what was read
// of this machine just before.
func (c *Collector) mounts(ctx context.Context, disks []catalog.Disk) ([]catalog.Mount, error) {
	info, err := c.mountInfo()
	if err != nil {
		return c.before.Mounts, err
	}
	points := storage(parseMountInfo(info))
	var problems []error
	if len(points) > mountsMax {
		problems = append(problems, fmt.Errorf("%d mounts: only the first %d are kept", len(points), mountsMax))
		points = points[:mountsMax]
	}
	serials := make(map[string]string, len(disks))
	for _, d := range disks {
		serials[d.Name] = d.Serial
	}
	var mounts []catalog.Mount
	for _, p := range points {
		m := catalog.Mount{
			Path: p.path, Device: p.source, Type: p.fsType, ReadOnly: p.readOnly,
			Serial: serials[origin(c.root, p.number)],
		}
		if err := c.fill(ctx, &m); err != nil {
			problems = append(problems, fmt.Errorf("mount %s: %w", p.path, err))
		}
		mounts = append(mounts, m)
	}
	return mounts, errors.Join(problems...)
}

// fill sets size and use of a mount; as they were if it does not answer.
func (c *Collector) fill(ctx context.Context, m *catalog.Mount) error {
	var before catalog.Mount
	if i := slices.IndexFunc(c.before.Mounts, func(b catalog.Mount) bool {
		return b.Path == place(m.Path) && b.Device == place(m.Device)
	}); i >= 0 {
		before = c.before.Mounts[i]
	}
	m.Size, m.Used = before.Size, before.Used
	probe, far := c.near, slices.Contains(remote, m.Type)
	if far {
		probe = c.far
	}
	u, err := probe.ask(ctx, filepath.Join(c.root, m.Path))
	if err != nil {
		return err
	}
	m.Size = u.size
	if far {
		m.Size = steadySize(before.Size, u.size)
	}
	m.Used = step(before.Used, m.Size, u.used)
	return nil
}

// mountInfo is that of the first process if we may read it: a service in a
// sandbox has mounts of its own.
func (c *Collector) mountInfo() (string, error) {
	if s, err := read(c.path("proc/1/mountinfo")); err == nil && s != "" {
		return s, nil
	}
	return read(c.path("proc/self/mountinfo"))
}
