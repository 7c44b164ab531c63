//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// prefix begins every name that a lab gives: yodel-lab-PID-ID-HOST.
const prefix = "yodel-lab-"

// netnsDir is where ip-netns(8) looks for files that take the place of those
// in /etc.
const netnsDir = "/etc/netns"

// Sweep removes what labs of processes that are no more have left behind.
func Sweep() error {
	var errs []error
	for _, dir := range []string{"/run/netns", netnsDir, os.TempDir()} {
		found, err := filepath.Glob(filepath.Join(dir, prefix+"*"))
		if err != nil {
			return err
		}
		for _, path := range found {
			pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), prefix), "-")
			if n, err := strconv.Atoi(pid); err == nil && n != os.Getpid() && !isLab(n) {
				errs = append(errs, remove(prefix+pid+"-"))
			}
		}
	}
	return errors.Join(errs...)
}

// isLab says whether a process that lives may own a lab: it runs our test
// binary. A number that was given anew to another program does not.
func isLab(pid int) bool {
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && strings.HasPrefix(string(comm), "lab.")
}

// remove takes away everything whose name begins with name: first programs,
// then namespaces, then files.
func remove(name string) error {
	var errs []error
	namespaces, err := filepath.Glob("/run/netns/" + name + "*")
	if err != nil {
		return err
	}
	for _, path := range namespaces {
		errs = append(errs, empty(filepath.Base(path)), run("", "ip", "netns", "del", filepath.Base(path)))
	}
	for _, dir := range []string{netnsDir, os.TempDir()} {
		found, err := filepath.Glob(filepath.Join(dir, name+"*"))
		if err != nil {
			return err
		}
		for _, path := range found {
			errs = append(errs, removeTree(path))
		}
	}
	if err := os.Remove(netnsDir); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// empty ends every program in a namespace and waits until they are gone.
func empty(namespace string) error {
	for range 100 {
		out, err := exec.Command("ip", "netns", "pids", namespace).Output()
		if err != nil {
			return fmt.Errorf("list programs in %s: %w", namespace, err)
		}
		pids := strings.Fields(string(out))
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			if n, err := strconv.Atoi(pid); err == nil && n > 1 && n != os.Getpid() {
				syscall.Kill(n, syscall.SIGKILL) // it may have ended by itself
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("programs in %s do not end", namespace)
}

// removeTree removes a directory and what is mounted in it.
func removeTree(dir string) error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], dir+"/") {
			if err := syscall.Unmount(f[1], syscall.MNT_DETACH); err != nil {
				return fmt.Errorf("unmount %s: %w", f[1], err)
			}
		}
	}
	return os.RemoveAll(dir)
}
