package facts

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseMountInfo(t *testing.T) {
	got := parseMountInfo(strings.Join([]string{
		`36 35 8:17 /sub /data\0401 rw,noatime master:1 shared:2 - xfs /dev/sdb1 rw,attr2`,
		`36 35 8:18 / /ro ro,noatime - ext4 /dev/sdb2 rw,errors=remount-ro`,
		`36 35 8:19 / /err rw - ext4 /dev/sdb3 ro,errors=remount-ro`,
		`36 35 8:20 / /emergency rw - ext4 /dev/sdb4 rw,emergency_ro`,
		`36 35 0:20 / /empty rw - tmpfs  rw`,
		`36 35 0:21 / /a\134b rw - nfs h:/x\ rw`,
		`garbage`, ` - `, `1 2 3 - xfs /dev/x rw`, ``,
	}, "\n"))
	want := []mountPoint{
		{"8:17", "/sub", "/data 1", "xfs", "/dev/sdb1", false},
		{"8:18", "/", "/ro", "ext4", "/dev/sdb2", false},
		{"8:19", "/", "/err", "ext4", "/dev/sdb3", true},
		{"8:20", "/", "/emergency", "ext4", "/dev/sdb4", true},
		{"0:20", "/", "/empty", "tmpfs", "", false},
		{"0:21", "/", `/a\b`, "nfs", `h:/x\`, false},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestStorage(t *testing.T) {
	for _, c := range []struct{ name, info, want string }{
		{"bind mounts", "1 1 8:1 / / rw - xfs /dev/a rw\n1 1 8:1 /x /b rw - xfs /dev/a rw\n1 1 8:1 / /longer rw - xfs /dev/a rw\n", "/"},
		{"hidden by a later mount", "1 1 8:1 / /home rw - xfs /dev/a rw\n1 1 0:9 / /home rw - tmpfs t rw\n", ""},
		{"automounted", "1 1 0:1 / /net rw - autofs a rw\n1 1 0:9 / /net rw - nfs n:/ rw\n", "/net"},
		{"two exports of one server", "1 1 0:9 / /a rw - nfs n:/a rw\n1 1 0:9 / /b rw - nfs n:/b rw\n", "/a /b"},
		{"in a container", "1 1 0:9 / / rw - overlay overlay rw\n1 1 8:1 /h /etc/hosts rw - ext4 /dev/a rw\n", "/ /etc/hosts"},
		{"of containers", "1 1 0:9 / /var/lib/docker/overlay2/1 rw - overlay o rw\n1 1 8:3 / /var/lib/kubelet/p rw - ext4 /dev/rbd0 rw\n1 1 8:1 / /var/lib/docker rw - xfs /dev/a rw\n", "/var/lib/docker"},
		{"unknown type on a device", "1 1 8:1 / /new rw - futurefs /dev/a rw\n", "/new"},
		{"pseudo", "1 1 0:1 / /proc rw - proc proc rw\n1 1 0:2 / /sys/fs/cgroup rw - cgroup2 c rw\n1 1 0:3 / /dev rw - devtmpfs /dev/x rw\n1 1 7:1 / /snap/x ro - squashfs /dev/loop1 ro\n", ""},
		{"fuse", "1 1 0:1 / /g rw - fuse.gvfsd-fuse g rw\n1 1 0:2 / /d rw - fuse.glusterfs h:/v rw\n1 1 8:1 / /n rw - fuseblk /dev/sdb1 rw\n", "/d /n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var paths []string
			for _, p := range storage(parseMountInfo(c.info)) {
				paths = append(paths, p.path)
			}
			if got := strings.Join(paths, " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzMountInfo(f *testing.F) {
	f.Add("36 35 8:17 / /data\\0401 rw master:1 - xfs /dev/sdb1 rw,attr2\n")
	f.Fuzz(func(t *testing.T, s string) {
		points := storage(parseMountInfo(s))
		for i, p := range points {
			if i > 0 && points[i-1].path >= p.path {
				t.Errorf("%q does not come before %q", points[i-1].path, p.path)
			}
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add(" a\x00b\xffé ")
	f.Fuzz(func(t *testing.T, s string) {
		for _, got := range []string{text(s), place(s)} {
			if len(got) > textMax || !utf8.ValidString(got) {
				t.Errorf("got %q", got)
			}
		}
		if text(text(s)) != text(s) || place(place(s)) != place(s) {
			t.Errorf("%q is not stable", s)
		}
	})
}
