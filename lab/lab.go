//go:build linux

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

const (
	// HostsMax is what the last byte of an address and a /24 leave room for.
	HostsMax = 200
	// Domain is the zone of the hosts' own names, as docs/resolvers.md has it.
	Domain = "hadoop.example.com"
	// Key is the gossip key of a lab unless a test says otherwise.
	Key = "eW9kZWwgbGFiIGdvc3NpcCBrZXkgMzIgYnl0ZXMgMDE="
)

// The ports of an agent: the defaults, since every host is alone on its addresses.
const (
	DNSPort    = 8600
	HTTPPort   = 8500
	GossipPort = 8301
	PeerPort   = 8300
)

// Lab is a switch and the hosts on it.
type Lab struct {
	Hosts []*Host

	yodel string // the program
	name  string // begins the names of all that is made: namespaces, directories
	dir   string // holds what the hosts write

	mu     sync.Mutex
	faults faults
	closed bool
}

// New makes a switch and hosts h1, h2, ... that run nothing yet. The program
// is yodel, id tells the labs of one process apart.
func New(yodel string, id, hosts int) (*Lab, error) {
	if hosts > HostsMax {
		return nil, fmt.Errorf("make a lab: %d hosts, limit %d", hosts, HostsMax)
	}
	l := &Lab{yodel: yodel, name: fmt.Sprintf("%s%d-%d", prefix, os.Getpid(), id), faults: faults{cut: make(map[[2]int]bool)}}
	l.dir = filepath.Join(os.TempDir(), l.name)
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		return nil, err
	}
	if err := l.makeSwitch(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	for range hosts {
		if _, err := l.Add(); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

// switchName is the namespace of the switch.
func (l *Lab) switchName() string { return l.name + "-sw" }

func (l *Lab) makeSwitch() error {
	if err := run("", "ip", "netns", "add", l.switchName()); err != nil {
		return err
	}
	return run("link add sw type bridge\nlink set sw up\n", "ip", "-n", l.switchName(), "-batch", "-")
}

// Add makes another host, with the next number.
func (l *Lab) Add() (*Host, error) {
	n := len(l.Hosts) + 1
	h := &Host{
		Number: n, Name: fmt.Sprintf("h%d", n), Address: fmt.Sprintf("10.77.0.%d", n), Key: Key,
		lab: l, namespace: fmt.Sprintf("%s-h%d", l.name, n), dir: filepath.Join(l.dir, fmt.Sprintf("h%d", n)),
		Join: []string{"10.77.0.1", "10.77.0.2"},
	}
	h.Data = filepath.Join(h.dir, "data")
	l.Hosts = append(l.Hosts, h)
	if err := h.make(); err != nil {
		return nil, fmt.Errorf("make host %s: %w", h.Name, err)
	}
	return h, nil
}

// Close ends every program of the lab and removes all that was made. It can be
// called twice, and while a test still runs.
func (l *Lab) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	var errs []error
	for _, h := range l.Hosts {
		errs = append(errs, h.close())
	}
	return errors.Join(append(errs, remove(l.name))...)
}

// run runs a program with input and makes what it complains of the error.
func run(input string, command ...string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin = strings.NewReader(input)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, strings.TrimSpace(complaint.String()))
	}
	return nil
}
