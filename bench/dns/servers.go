package main

import (
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const corednsVersion = "v1.15.0"

//go:embed echo/echo.c
var echoSource []byte

// A server is one process group under measurement.
type server struct {
	name, version string
	addr          netip.AddrPort
	cmd           *exec.Cmd
}

// A recipe starts one kind of server in dir on port; missing tools are
// errNotInstalled.
type recipe struct {
	name  string
	start func(dir string, port int) (*exec.Cmd, string, error)
}

var errNotInstalled = errors.New("not installed")

var recipes = []recipe{
	{"yodel", func(_ string, port int) (*exec.Cmd, string, error) { return ourselves(port, 0) }},
	{"yodel+50", func(_ string, port int) (*exec.Cmd, string, error) { return ourselves(port, 50) }},
	{"echo", startEcho},
	{"coredns", startCoreDNS},
	{"unbound", startUnbound},
	{"nsd", startNSD},
	{"knot", startKnot},
}

func ourselves(port, changes int) (*exec.Cmd, string, error) {
	self, err := os.Executable()
	return exec.Command(self, "serve", "127.0.0.1:"+strconv.Itoa(port), strconv.Itoa(changes)), runtime.Version(), err
}

func startEcho(dir string, port int) (*exec.Cmd, string, error) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		return nil, "", errNotInstalled
	}
	source, program := filepath.Join(dir, "echo.c"), filepath.Join(dir, "echo")
	if err := os.WriteFile(source, echoSource, 0o644); err != nil {
		return nil, "", err
	}
	if out, err := exec.Command(cc, "-O2", "-pthread", "-o", program, source).CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("cc: %w: %s", err, out)
	}
	return exec.Command(program, strconv.Itoa(port)), "C, recvfrom and sendto, a thread per core", nil
}

// startCoreDNS builds CoreDNS from the module proxy once, outside our go.mod.
// Two hosts files, so that each address has one reverse name.
func startCoreDNS(dir string, port int) (*exec.Cmd, string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, "", err
	}
	bin := filepath.Join(cache, "yodel-bench", "coredns-"+corednsVersion)
	program := filepath.Join(bin, "coredns")
	if _, err := os.Stat(program); err != nil {
		fmt.Fprintln(os.Stderr, "building CoreDNS", corednsVersion, "into", bin)
		build := exec.Command("go", "install", "github.com/coredns/coredns@"+corednsVersion)
		build.Env = append(os.Environ(), "GOBIN="+bin, "GOFLAGS=-mod=mod")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, "", fmt.Errorf("build coredns: %w: %s", err, out)
		}
	}
	var nodeLines, serviceLines strings.Builder
	for i := range nodes {
		fmt.Fprintf(&nodeLines, "%s %s\n", nodeAddr(i), nodeName(i))
	}
	for s := range services {
		for k := range instances {
			fmt.Fprintf(&serviceLines, "%s %s\n", nodeAddr(runsOn(s, k)), serviceName(s))
		}
	}
	block := "%s {\n\tbind 127.0.0.1\n\thosts %s {\n\t\tttl 1\n\t}\n}\n"
	config := fmt.Sprintf(block, fmt.Sprintf("node.yodel:%[1]d 20.10.in-addr.arpa:%[1]d", port), filepath.Join(dir, "nodes")) +
		fmt.Sprintf(block, fmt.Sprintf("service.yodel:%d", port), filepath.Join(dir, "services"))
	err = writeAll(dir, map[string]string{"nodes": nodeLines.String(), "services": serviceLines.String(), "Corefile": config})
	return exec.Command(program, "-quiet", "-conf", filepath.Join(dir, "Corefile")), "CoreDNS " + corednsVersion + ", hosts plugin", err
}

func startUnbound(dir string, port int) (*exec.Cmd, string, error) {
	program, version, err := installed("unbound", "-V")
	if err != nil {
		return nil, "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, `server:
 interface: 127.0.0.1@%d
 num-threads: %d
 so-reuseport: yes
 do-daemonize: no
 username: ""
 chroot: ""
 directory: "%s"
 pidfile: ""
 use-syslog: no
 logfile: ""
 verbosity: 0
 module-config: "iterator"
 local-zone: "yodel." static
 local-data: "yodel. 0 IN SOA ns.yodel. hostmaster.yodel. 1 3600 600 86400 0"
 local-zone: "20.10.in-addr.arpa." static
`, port, runtime.NumCPU(), dir)
	eachRecord(func(name, rtype, data string) {
		fmt.Fprintf(&b, " local-data: \"%s. 0 IN %s %s\"\n", name, rtype, data)
	})
	err = writeAll(dir, map[string]string{"unbound.conf": b.String()})
	return exec.Command(program, "-d", "-c", filepath.Join(dir, "unbound.conf")), version, err
}

func startNSD(dir string, port int) (*exec.Cmd, string, error) {
	program, version, err := installed("nsd", "-v")
	if err != nil {
		return nil, "", err
	}
	forward, reverse := zoneFiles()
	config := fmt.Sprintf(`server:
 ip-address: 127.0.0.1@%[1]d
 server-count: %[2]d
 reuseport: yes
 username: ""
 database: ""
 zonesdir: "%[3]s"
 pidfile: "%[3]s/nsd.pid"
 zonelistfile: "%[3]s/zone.list"
 xfrdfile: "%[3]s/xfrd.state"
 xfrdir: "%[3]s"
 cookie-secret-file: "%[3]s/cookies"
 logfile: "%[3]s/nsd.log"
 verbosity: 0
 rrl-ratelimit: 0
 rrl-whitelist-ratelimit: 0
 round-robin: yes
remote-control:
 control-enable: no
zone:
 name: yodel
 zonefile: yodel.zone
zone:
 name: 20.10.in-addr.arpa
 zonefile: reverse.zone
`, port, runtime.NumCPU(), dir)
	err = writeAll(dir, map[string]string{"nsd.conf": config, "yodel.zone": forward, "reverse.zone": reverse})
	return exec.Command(program, "-d", "-c", filepath.Join(dir, "nsd.conf")), version, err
}

func startKnot(dir string, port int) (*exec.Cmd, string, error) {
	program, version, err := installed("knotd", "--version")
	if err != nil {
		return nil, "", err
	}
	forward, reverse := zoneFiles()
	config := fmt.Sprintf(`server:
    rundir: %[3]s
    listen: 127.0.0.1@%[1]d
    udp-workers: %[2]d
    tcp-workers: 1
    background-workers: 1
    answer-rotation: on
log:
  - target: stderr
    any: error
database:
    storage: %[3]s
template:
  - id: default
    storage: %[3]s
    semantic-checks: off
zone:
  - domain: yodel
    file: yodel.zone
  - domain: 20.10.in-addr.arpa
    file: reverse.zone
`, port, runtime.NumCPU(), dir)
	err = writeAll(dir, map[string]string{"knot.conf": config, "yodel.zone": forward, "reverse.zone": reverse})
	return exec.Command(program, "-c", filepath.Join(dir, "knot.conf")), version, err
}

// installed finds a program, in sbin too, and the first line of its version.
func installed(name, flag string) (program, version string, err error) {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin", "/usr/local/sbin") {
		program := filepath.Join(dir, name)
		if st, err := os.Stat(program); err == nil && st.Mode()&0o111 != 0 {
			out, _ := exec.Command(program, flag).CombinedOutput()
			line, _, _ := strings.Cut(string(out), "\n")
			return program, line, nil
		}
	}
	return "", "", errNotInstalled
}

func writeAll(dir string, files map[string]string) error {
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// launch starts a server and waits until it answers.
func launch(r recipe, dir string) (*server, error) {
	dir = filepath.Join(dir, r.name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd, version, err := r.start(dir, port)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{r.name, version, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port)), cmd}
	if err := s.ready(); err != nil {
		s.stop()
		out, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return s, nil
}

func (s *server) ready() error {
	q := question(nodeName(0), 1)
	for range 100 {
		conn, err := net.Dial("udp", s.addr.String())
		if err != nil {
			return err
		}
		conn.SetDeadline(time.Now().Add(100 * time.Millisecond))
		conn.Write(q)
		var b [512]byte
		n, err := conn.Read(b[:])
		conn.Close()
		if err == nil && n > 12 && b[3]&0xF == 0 && (b[7] == 1 || s.name == "echo") {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("no answer after 10 s")
}

// stop ends the whole process group.
func (s *server) stop() {
	syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	s.cmd.Wait()
}

// cpu is the user and system time that the process group has used, thread by
// thread: /proc/PID/stat has the same sum, but in ticks of 10 ms. Threads that
// ended are missing; none of these servers ends any under load.
func (s *server) cpu() (time.Duration, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // it ended
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		if fields := strings.Fields(rest); len(fields) < 3 || fields[2] != strconv.Itoa(s.cmd.Process.Pid) { // state ppid pgrp
			continue
		}
		threads, err := filepath.Glob(filepath.Join(filepath.Dir(f), "task", "*", "schedstat"))
		if err != nil {
			return 0, err
		}
		for _, t := range threads {
			b, err := os.ReadFile(t)
			if err != nil {
				continue // it ended
			}
			ran, _, _ := strings.Cut(string(b), " ") // ran, waited, slices
			n, err := strconv.ParseInt(ran, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", t, err)
			}
			sum += time.Duration(n)
		}
	}
	if sum == 0 {
		return 0, fmt.Errorf("read CPU time of %s: no schedstat in /proc (CONFIG_SCHED_INFO)", s.name)
	}
	return sum, nil
}

// freePort is free for UDP and TCP: the others listen on both.
func freePort() (int, error) {
	var err error
	for range 16 {
		ln, lerr := net.Listen("tcp", "127.0.0.1:0")
		if lerr != nil {
			return 0, lerr
		}
		port := ln.Addr().(*net.TCPAddr).Port
		var conn net.PacketConn
		conn, err = net.ListenPacket("udp", ln.Addr().String())
		ln.Close()
		if err == nil {
			conn.Close()
			return port, nil
		}
	}
	return 0, err
}
