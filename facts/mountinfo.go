package facts

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// mountPoint is one line of mountinfo, proc_pid_mountinfo(5).
type mountPoint struct {
	number   string // of the device, "8:1"
	root     string // the directory of the file system that is mounted
	path     string
	fsType   string
	source   string
	readOnly bool // the file system, not only this view of it
}

// parseMountInfo reads mountinfo. A line that is not one is skipped.
//
//	36 35 8:17 / /data1 rw,noatime shared:1 - xfs /dev/sdb1 rw,attr2
//	      dev  root path options    (0 or more) type source    of the file system
func parseMountInfo(s string) []mountPoint {
	var points []mountPoint
	for line := range strings.Lines(s) {
		view, fs, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		v, f := strings.Split(view, " "), strings.Split(fs, " ")
		if !ok || len(v) < 6 || len(f) < 3 {
			continue
		}
		points = append(points, mountPoint{
			number:   v[2],
			root:     unescape(v[3]),
			path:     unescape(v[4]),
			fsType:   f[0],
			source:   unescape(f[1]),
			readOnly: readOnly(f[2]),
		})
	}
	return points
}

// readOnly reads the options of a file system: "ro" also after the kernel
// remounted it because of an error, "emergency_ro" the same since Linux 6.10.
// The options of the mount are not asked: a service with ProtectSystem sees
// every mount read-only.
func readOnly(options string) bool {
	for o := range strings.SplitSeq(options, ",") {
		if o == "ro" || o == "emergency_ro" {
			return true
		}
	}
	return false
}

// unescape undoes the octal escapes of blanks and backslashes, "\040".
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// storage picks the mounts that hold data: each file system once, at its best
// path, in order of path. Of two mounts on one path the later hides the other.
func storage(points []mountPoint) []mountPoint {
	top := map[string]mountPoint{}
	for _, p := range points {
		top[p.path] = p
	}
	type device struct{ number, source string }
	best := map[device]mountPoint{}
	for _, p := range top {
		if !holdsData(p) {
			continue
		}
		d := device{p.number, p.source}
		if other, ok := best[d]; !ok || better(p, other) {
			best[d] = p
		}
	}
	kept := make([]mountPoint, 0, len(best))
	for _, p := range best {
		kept = append(kept, p)
	}
	slices.SortFunc(kept, func(a, b mountPoint) int { return strings.Compare(a.path, b.path) })
	return kept
}

// better says whether p rather than q is what people call the mount of a file
// system, and not a bind mount of a part of it: the one nearest to its root,
// then the shorter path.
func better(p, q mountPoint) bool {
	if len(p.root) != len(q.root) {
		return len(p.root) < len(q.root)
	}
	if len(p.path) != len(q.path) {
		return len(p.path) < len(q.path)
	}
	return p.path < q.path
}

// remote are the types without a block device that hold data, most of them
// across a network. "fuse." stands before those of its kind.
var remote = []string{
	"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs", "afs",
	"pvfs2", "orangefs", "9p", "virtiofs", "zfs", "panfs", "wekafs", "quobyte",
	"fuse.glusterfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.mfs", "fuse.moosefs", "fuse.sshfs",
	"fuse.fuse_dfs", "fuse.juicefs", "fuse.alluxio-fuse", "fuse.s3fs", "fuse.quobyte",
}

// images are the types that are full by nature and never change.
var images = []string{"squashfs", "iso9660", "udf", "erofs", "cramfs", "romfs"}

// holdsData says whether a mount is one to watch.
func holdsData(p mountPoint) bool {
	if ofContainer(p.path) || slices.Contains(images, p.fsType) {
		return false
	}
	switch p.fsType {
	case "overlay", "aufs":
		return p.path == "/" // this process lives in a container: that is its disk
	case "devtmpfs", "tmpfs", "ramfs", "autofs":
		return false
	}
	return slices.Contains(remote, p.fsType) || strings.HasPrefix(p.source, "/dev/")
}

// ofContainer says whether a path is one that a container engine mounts and
// unmounts all day. A disk mounted for the engine itself is none.
func ofContainer(path string) bool {
	for _, dir := range []string{"/var/lib/docker", "/var/lib/containers", "/var/lib/containerd", "/var/lib/kubelet", "/run"} {
		if rest, ok := strings.CutPrefix(filepath.Clean(path), dir+"/"); ok && rest != "" {
			return true
		}
	}
	return false
}
