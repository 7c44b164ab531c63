//go:build linux

package lab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Host is a machine of the lab. Its exported fields may be changed while no
// agent runs on it.
type Host struct {
	Number  int
	Name    string   // node name and host name
	Address string   // in 10.77.0.0/24
	Join    []string // retry_join
	Key     string   // the gossip key; empty: none
	Config  string   // more of the configuration, in HCL
	Data    string   // data_dir
	Program string   // another yodel than the lab's
	Env     []string // NAME=VALUE, for the agent

	lab       *Lab
	namespace string
	dir       string

	mu    sync.Mutex
	agent *Program
	asks  *asker
	webs  []*Web
}

// FQDN is the host's own name.
func (h *Host) FQDN() string { return h.Name + "." + Domain }

// make gives the host its namespace, cable, address and files.
func (h *Host) make() error {
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		return err
	}
	if err := run("", "ip", "netns", "add", h.namespace); err != nil {
		return err
	}
	cable := fmt.Sprintf("link add %s type veth peer name eth0 netns %s\nlink set %s master sw\nlink set %s up\n",
		h.port(), h.namespace, h.port(), h.port())
	if err := run(cable, "ip", "-n", h.lab.switchName(), "-batch", "-"); err != nil {
		return err
	}
	if err := run("link set lo up\nlink set eth0 up\n", "ip", "-n", h.namespace, "-batch", "-"); err != nil {
		return err
	}
	if err := h.SetAddress(h.Address); err != nil {
		return err
	}
	return h.File("nsswitch.conf", "hosts: files dns\n")
}

// SetAddress gives the host another address, and /etc/hosts that name itself.
func (h *Host) SetAddress(address string) error {
	h.Address = address
	batch := fmt.Sprintf("addr flush dev eth0\naddr add %s/24 dev eth0\n", address)
	if err := run(batch, "ip", "-n", h.namespace, "-batch", "-"); err != nil {
		return err
	}
	return h.File("hosts", fmt.Sprintf("127.0.0.1 localhost\n%s %s %s\n", address, h.FQDN(), h.Name))
}

// Rename gives the host another name.
func (h *Host) Rename(name string) error {
	h.Name = name
	return h.SetAddress(h.Address)
}

// File writes a file that programs started afterwards find in /etc. The
// machine must have one of that name.
func (h *Host) File(name, content string) error {
	path := filepath.Join(netnsDir, h.namespace, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o644)
}

// inside is the command that runs a program on the host: in its namespace,
// with its files and its host name.
func (h *Host) inside(program string, args ...string) []string {
	const setName = `echo "$0" > /proc/sys/kernel/hostname && exec "$@"`
	return append([]string{"ip", "netns", "exec", h.namespace, "unshare", "--uts", "sh", "-c", setName, h.Name, program}, args...)
}

// Run runs a program on the host and returns what it printed, on both streams.
func (h *Host) Run(ctx context.Context, program string, args ...string) (string, error) {
	command := h.inside(program, args...)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.WaitDelay = h.dir, time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s: %s: %w: %s", h.Name, strings.Join(append([]string{program}, args...), " "), err, bytes.TrimSpace(out))
	}
	return string(out), nil
}

// Yodel runs a yodel command on the host, as an operator would.
func (h *Host) Yodel(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return h.Run(ctx, h.lab.yodel, args...)
}

// Path is the path of a file in the host's own directory.
func (h *Host) Path(name string) string { return filepath.Join(h.dir, name) }

// Web is a small HTTP server on a host.
type Web struct {
	Port   int
	host   *Host
	server *http.Server
}

// Serve starts an HTTP server on the host's address.
func (h *Host) Serve(port int) (*Web, error) {
	w := &Web{Port: port, host: h}
	h.mu.Lock()
	h.webs = append(h.webs, w)
	h.mu.Unlock()
	return w, w.Start()
}

// Start starts it again.
func (w *Web) Start() error {
	l, err := w.host.Listen("tcp", net.JoinHostPort(w.host.Address, fmt.Sprint(w.Port)))
	if err != nil {
		return fmt.Errorf("serve on %s: %w", w.host.Name, err)
	}
	w.server = &http.Server{
		ReadHeaderTimeout: time.Second,
		Handler:           http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintln(rw, w.host.Name) }),
	}
	go w.server.Serve(l) // ends with Stop
	return nil
}

// Stop ends the server and all its connections.
func (w *Web) Stop() error { return w.server.Close() }

// close ends all that runs on the host.
func (h *Host) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.agent != nil {
		h.agent.kill()
	}
	for _, w := range h.webs {
		w.Stop()
	}
	if h.asks != nil {
		h.asks.close()
	}
	return nil
}
