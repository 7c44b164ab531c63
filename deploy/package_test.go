package deploy

import (
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// payload stands for the program: it can say its version and its completions.
const payload = `package main

import ("fmt"; "os")

func main() { fmt.Println("payload", os.Args[1:]) }
`

// built are the packages of two versions, made from the payload.
type built struct{ deb1, deb2, rpm1, rpm2 string }

func build(t *testing.T) built {
	t.Helper()
	need(t, "go", "git", "gzip", "dpkg-deb", "rpm")
	dir := t.TempDir()
	write(t, dir+"/main.go", payload, 0o644)
	run(t, []string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-o", dir+"/yodel", dir+"/main.go")
	out := t.TempDir()
	pack := func(kind, version string) string {
		return lastLine(run(t, []string{"BINARY=" + dir + "/yodel", "OUT=" + out, "VERSION=" + version}, "./package.sh", kind))
	}
	return built{pack("deb", "v1.0.0"), pack("deb", "v1.1.0"), pack("rpm", "v1.0.0"), pack("rpm", "v1.1.0")}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

func TestPackages(t *testing.T) {
	b := build(t)
	t.Run("deb holds", func(t *testing.T) { debHolds(t, b.deb1) })
	t.Run("rpm holds", func(t *testing.T) { rpmHolds(t, b.rpm1) })
	t.Run("same bytes", func(t *testing.T) {
		again := build(t)
		for _, p := range [][2]string{{b.deb1, again.deb1}, {b.rpm1, again.rpm1}} {
			if sha256.Sum256([]byte(content(t, p[0]))) != sha256.Sum256([]byte(content(t, p[1]))) {
				t.Errorf("%s and %s differ", p[0], p[1])
			}
		}
	})
	t.Run("deb life", func(t *testing.T) { inThrowawaySystem(t, "deb", b.deb1, b.deb2) })
	t.Run("rpm life", func(t *testing.T) { inThrowawaySystem(t, "rpm", b.rpm1, b.rpm2) })
}

// holds are the files of a package: mode, owner, group, path.
var holds = []string{
	"-rw-r----- root yodel /etc/yodel/yodel.hcl",
	"-rw-r--r-- root root /usr/lib/systemd/system/yodel.service",
	"-rw-r--r-- root root /usr/share/bash-completion/completions/yodel",
	"-rw-r--r-- root root /usr/share/doc/yodel/copyright",
	"-rw-r--r-- root root /usr/share/doc/yodel/examples/checks.conf",
	"-rw-r--r-- root root /usr/share/doc/yodel/examples/jobs.conf",
	"-rw-r--r-- root root /usr/share/doc/yodel/install.md",
	"-rw-r--r-- root root /usr/share/doc/yodel/resolvers.md",
	"-rw-r--r-- root root /usr/share/fish/vendor_completions.d/yodel.fish",
	"-rw-r--r-- root root /usr/share/man/man8/yodel.8.gz",
	"-rw-r--r-- root root /usr/share/zsh/site-functions/_yodel",
	"-rwxr-xr-x root root /usr/bin/yodel",
	"drwxr-x--- root yodel /etc/yodel",
	"drwxr-x--- root yodel /etc/yodel/conf.d",
}

func compare(t *testing.T, got, want []string) {
	t.Helper()
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("got\n %s\nwant\n %s", strings.Join(got, "\n "), strings.Join(want, "\n "))
	}
}

func debHolds(t *testing.T, deb string) {
	var got []string
	for line := range strings.Lines(run(t, nil, "dpkg-deb", "-c", deb)) {
		f := strings.Fields(line) // mode owner/group size date time ./path
		path := strings.TrimSuffix(strings.TrimPrefix(f[5], "."), "/")
		owner, group, _ := strings.Cut(f[1], "/")
		if f[0][0] == 'd' && !strings.HasPrefix(path, "/etc/yodel") {
			continue // directories on the way
		}
		got = append(got, f[0]+" "+owner+" "+group+" "+path)
	}
	compare(t, got, holds)
	if conf := run(t, nil, "dpkg-deb", "--info", deb, "conffiles"); strings.TrimSpace(conf) != "/etc/yodel/yodel.hcl" {
		t.Errorf("conffiles: %q", conf)
	}
}

func rpmHolds(t *testing.T, rpm string) {
	var got []string
	for line := range strings.Lines(run(t, nil, "rpm", "-qplv", rpm)) {
		f := strings.Fields(line) // mode links owner group size month day time path
		got = append(got, f[0]+" "+f[2]+" "+f[3]+" "+f[len(f)-1])
	}
	compare(t, got, append([]string{"-rw-r--r-- root root /usr/share/doc/yodel/LICENSE"}, holds...))
	if conf := run(t, nil, "rpm", "-qpc", rpm); strings.TrimSpace(conf) != "/etc/yodel/yodel.hcl" {
		t.Errorf("configuration files: %q", conf)
	}
}

// inThrowawaySystem runs testdata/KIND-life.sh in this machine's own system,
// every change to which goes to memory and is gone afterwards. systemctl there
// only writes down what it was told.
func inThrowawaySystem(t *testing.T, kind, first, second string) {
	need(t, "unshare", "chroot", "mount")
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("needs root")
		}
		t.Skip("needs root")
	}
	dir := t.TempDir()
	story, err := filepath.Abs("testdata/" + kind + "-life.sh")
	if err != nil {
		t.Fatal(err)
	}
	const enter = `set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/up" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/up,workdir=$1/work" "$1/root"
mkdir -p "$1/root/run/systemd/system" "$1/root/packages"
cp "$3" "$1/root/packages/first"; cp "$4" "$1/root/packages/second"; cp "$2" "$1/root/packages/story"
rm -f "$1/root/bin/systemctl" "$1/root/usr/bin/systemctl"
printf '#!/bin/sh\necho "$@" >>/told\n' >"$1/root/usr/bin/systemctl"; chmod 755 "$1/root/usr/bin/systemctl"
mount -t proc proc "$1/root/proc"
mount --bind /dev "$1/root/dev"
exec chroot "$1/root" /bin/sh -eux /packages/story`
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", enter, "enter", dir, story, first, second)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	out, err := cmd.CombinedOutput()
	if err != nil || lastLine(string(out)) != "the story ends well" {
		t.Errorf("%v\n%s", err, out)
	}
	if t.Failed() {
		return
	}
	if _, err := os.Stat("/etc/yodel"); err == nil {
		t.Error("the system under test was this machine")
	}
}
