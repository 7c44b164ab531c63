// Package deploy holds what installs yodel on a host. Its tests ask systemd,
// dpkg and rpm themselves whether they accept it.
package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// need skips a test that this machine cannot run, and fails it in CI.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err == nil {
			continue
		}
		if os.Getenv("CI") != "" {
			t.Fatalf("needs %s", p)
		}
		t.Skipf("needs %s", p)
	}
}

func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func content(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, name, s string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(s), mode); err != nil {
		t.Fatal(err)
	}
}

// unit lays out the unit in a directory of its own, for a program that exists,
// with a drop-in unless that is empty.
func unit(t *testing.T, dropIn string) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "yodel")
	write(t, program, "#!/bin/sh\n", 0o755)
	name := filepath.Join(dir, "yodel.service")
	write(t, name, strings.ReplaceAll(content(t, "yodel.service"), "/usr/bin/yodel", program), 0o644)
	if dropIn != "" {
		write(t, name+".d/drop-in.conf", content(t, dropIn), 0o644)
	}
	return name
}

func TestUnitIsAccepted(t *testing.T) {
	need(t, "systemd-analyze")
	for _, dropIn := range []string{"", "checks.conf", "jobs.conf"} {
		name := unit(t, dropIn)
		cmd := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", name)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("with %q: %v\n%s", dropIn, err, out)
		}
	}
}

// Exposure is systemd's own figure, in tenths: 10.0 is a unit without any
// hardening. What is left open has its reason in the unit.
func TestUnitIsHardened(t *testing.T) {
	need(t, "systemd-analyze")
	run(t, nil, "systemd-analyze", "security", "--offline=true", "--threshold=25", unit(t, ""))
}

func TestUnitKeepsItsPromises(t *testing.T) {
	s := content(t, "yodel.service")
	for _, line := range []string{
		"Type=notify", "Restart=always", "KillMode=mixed", "ExecReload=/bin/kill -HUP $MAINPID",
		"CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "StateDirectory=yodel", "Before=nss-lookup.target",
	} {
		if !strings.Contains(s, "\n"+line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
	for _, daemon := range []string{"hadoop-hdfs-datanode", "hadoop-yarn-nodemanager", "hbase-regionserver", "zookeeper-server", "ambari-agent"} {
		if !strings.Contains(s, " "+daemon+".service") && !strings.Contains(s, "="+daemon+".service") {
			t.Errorf("not before %s.service", daemon)
		}
	}
	if !strings.Contains(s, "WatchdogSec=") {
		t.Error("no watchdog")
	}
}
