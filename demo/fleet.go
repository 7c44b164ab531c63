package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	agents  = 5
	webs    = 3
	webPort = 18080
	// Ports off the defaults, so that a demo runs beside a real agent.
	dnsPort    = 18600
	httpPort   = 18500
	gossipPort = 18301
	peerPort   = 18300
)

// fleet is the agents and web servers of a demo.
type fleet struct {
	yodel  string
	dir    string
	agents []*agent
	webs   []*http.Server
}

// agent is one yodel process.
type agent struct {
	name, address string
	cmd           *exec.Cmd
	log           *os.File
	dead          bool
}

func newFleet(yodel string) (*fleet, error) {
	path, err := filepath.Abs(yodel)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "yodel-demo-")
	if err != nil {
		return nil, err
	}
	return &fleet{yodel: path, dir: dir}, nil
}

func address(i int) string { return fmt.Sprintf("127.0.0.%d", 11+i) }

func (d *fleet) start(ctx context.Context) error {
	for i := range webs {
		if err := d.startWeb(i); err != nil {
			return err
		}
	}
	for i := range agents {
		if err := d.startAgent(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func (d *fleet) startWeb(i int) error {
	l, err := net.Listen("tcp", net.JoinHostPort(address(i), fmt.Sprint(webPort)))
	if err != nil {
		return fmt.Errorf("start web server %d: %w", i+1, err)
	}
	s := &http.Server{
		ReadHeaderTimeout: time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "hello from %s\n", address(i))
		}),
	}
	d.webs = append(d.webs, s)
	go s.Serve(l) // ends with stopWeb
	return nil
}

func (d *fleet) stopWeb(i int) { d.webs[i].Close() }

// startAgent writes what an operator would write, and runs what systemd would.
func (d *fleet) startAgent(ctx context.Context, i int) error {
	a := &agent{name: fmt.Sprintf("demo%d", i+1), address: address(i)}
	conf := filepath.Join(d.dir, a.name+".hcl")
	if err := os.WriteFile(conf, []byte(configuration(i)), 0o600); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(d.dir, a.name+".log"))
	if err != nil {
		return err
	}
	a.log = log
	a.cmd = exec.CommandContext(ctx, d.yodel, "agent", "--config-file", conf, "--node", a.name,
		"--bind", a.address, "--data-dir", filepath.Join(d.dir, a.name))
	a.cmd.Stdout, a.cmd.Stderr = log, log
	if err := a.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", a.name, err)
	}
	d.agents = append(d.agents, a)
	return nil
}

func configuration(i int) string {
	role, service := "spare", ""
	if i < webs {
		role = "web"
		service = fmt.Sprintf(`
service {
  name = "web"
  port = %d
  check {
    http     = "http://%s:%d/"
    interval = "1s"
    timeout  = "500ms"
  }
}
`, webPort, address(i), webPort)
	}
	return fmt.Sprintf(`
client_addr = "%s"
ports { dns = %d http = %d gossip = %d peer = %d }
retry_join = ["%s", "%s"]
rack = "r%d"
tags = { role = "%s" }
`, address(i), dnsPort, httpPort, gossipPort, peerPort, address(0), address(1), i%2+1, role) + service
}

func (d *fleet) kill(i int) error {
	a := d.agents[i]
	a.dead = true
	if err := a.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill %s: %w", a.name, err)
	}
	a.cmd.Wait() // it was killed: the error says so
	return nil
}

// close ends everything that was started and removes what it wrote. When
// something went wrong, the agents' logs tell what.
func (d *fleet) close() error {
	var errs []error
	for _, s := range d.webs {
		s.Close()
	}
	for _, a := range d.agents {
		if a.dead {
			continue
		}
		a.cmd.Process.Signal(syscall.SIGTERM)
		if err := a.cmd.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("%s did not end well: %w\n%s", a.name, err, a.tail()))
		}
	}
	for _, a := range d.agents {
		a.log.Close()
	}
	return errors.Join(append(errs, os.RemoveAll(d.dir))...)
}

// tail is the end of the agent's log.
func (a *agent) tail() []byte {
	b, err := os.ReadFile(a.log.Name())
	if err != nil {
		return nil
	}
	lines := bytes.Split(b, []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-10):], []byte("\n"))
}
