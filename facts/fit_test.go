package facts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

var own = netip.MustParseAddr("10.77.3.17")

// check compares one finding with "status: part of the detail".
func check(t *testing.T, got Finding, want string) {
	t.Helper()
	status, detail, _ := strings.Cut(want, ": ")
	if string(got.Status) != status || !strings.Contains(got.Detail, detail) {
		t.Errorf("got %s: %s\nwant %s", got.Status, got.Detail, want)
	}
	if (got.Status == OK) != (got.Hint == "") {
		t.Errorf("%s: %s: hint %q", got.Status, got.Detail, got.Hint)
	}
}

func TestJudgeName(t *testing.T) {
	for _, c := range []struct {
		node, kernel, full string
		want               []string
	}{
		{"", "dn1", "dn1.example.com", []string{"ok: dn1.example.com"}},
		{"dn1.example.com", "dn1", "dn1.example.com", []string{"ok: dn1.example.com"}},
		{"dn1", "dn1", "dn1.example.com", []string{"ok: "}},
		{"", "my_host", "my_host.example.com", []string{"fail: underscore"}},
		{"", "DN1", "dn1.example.com", []string{"warn: capital"}},
		{"", "localhost", "localhost.localdomain", []string{"fail: no name of its own"}},
		{"", "dn1", "", []string{"warn: knows no domain"}},
		{"dn2.example.com", "dn1", "dn1.example.com", []string{"fail: node_name is dn2.example.com, hostname -f says dn1.example.com"}},
		{"a..b", "dn1", "dn1.example.com", []string{"fail: no part of a host name", "fail: node_name is"}},
		{"-a", "dn1", "dn1.example.com", []string{"fail: no part of a host name"}},
	} {
		got := judgeName(c.node, c.kernel, c.full)
		if len(got) != len(c.want) {
			t.Fatalf("%+v: got %v", c, got)
		}
		for i := range got {
			check(t, got[i], c.want[i])
		}
	}
}

func TestJudgeHosts(t *testing.T) {
	const name = "dn017.hadoop.example.com"
	for _, c := range []struct{ file, want string }{
		{"127.0.0.1 localhost\n10.77.3.17 dn017.hadoop.example.com dn017\n", "ok: "},
		{"127.0.0.1 localhost\n", "warn: not in /etc/hosts"},
		{"127.0.1.1 dn017.hadoop.example.com dn017\n", "fail: at 127.0.1.1"},
		{"10.77.3.17 dn017.hadoop.example.com\n127.0.1.1 dn017\n", "fail: at 127.0.1.1"},
		{"10.77.3.99 dn017.hadoop.example.com dn017\n", "fail: at 10.77.3.99, the host is at 10.77.3.17"},
		{"10.77.3.17 dn017 dn017.hadoop.example.com\n", "warn: the first name of the line is dn017"},
		{"fd00::17 dn017.hadoop.example.com dn017\n", "ok: "},
	} {
		check(t, judgeHosts(parseHosts(c.file), name, own), c.want)
	}
}

func TestJudgeNSS(t *testing.T) {
	for file, want := range map[string]string{
		"passwd: files\nhosts:   files dns # x\n":                     "ok: hosts: files dns",
		"hosts: files resolve [!UNAVAIL=return] dns":                  "ok: ",
		"hosts: files mdns4_minimal [NOTFOUND=return] dns myhostname": "ok: ",
		"hosts: dns files": "warn: depends on DNS",
		"hosts: dns":       "warn: depends on DNS",
		"hosts: files":     "fail: DNS is never asked",
		"passwd: files":    "warn: no line for hosts",
		"#hosts: files dns\nhosts: resolve [!UNAVAIL=return] files dns\n": "warn: depends on DNS",
	} {
		check(t, judgeNSS(file), want)
	}
}

func TestJudgeForward(t *testing.T) {
	const name = "dn017.hadoop.example.com"
	other, loop := netip.MustParseAddr("10.77.3.99"), netip.MustParseAddr("127.0.1.1")
	check(t, judgeForward("forward", name, own, []netip.Addr{other, own}, nil), "ok: ")
	check(t, judgeForward("forward", name, own, []netip.Addr{netip.MustParseAddr("::ffff:10.77.3.17")}, nil), "ok: ")
	check(t, judgeForward("forward", name, own, []netip.Addr{other}, nil), "fail: the host is at 10.77.3.17")
	check(t, judgeForward("forward", name, own, []netip.Addr{own, loop}, nil), "fail: 127.0.1.1")
	check(t, judgeForward("forward", name, own, nil, errors.New("timeout")), "fail: timeout")
}

func TestJudgeReverse(t *testing.T) {
	const name = "dn017.hadoop.example.com"
	for _, c := range []struct {
		names []string
		err   error
		want  string
	}{
		{[]string{name + "."}, nil, "ok: "},
		{[]string{name, "dn017"}, nil, "ok: "},
		{[]string{"DN017.hadoop.example.com."}, nil, "warn: capital"},
		{[]string{name + ".", "namenode.example.com."}, nil, "warn: several names"},
		{[]string{"ip-10-77-3-17.cloud.example.com."}, nil, "fail: the host is dn017"},
		{nil, nil, "fail: no name"},
		{nil, errors.New("no such host"), "fail: no such host"},
	} {
		check(t, judgeReverse("reverse", name, own, c.names, c.err), c.want)
	}
}

func TestJudgeResolv(t *testing.T) {
	at53 := netip.MustParseAddrPort("127.0.0.1:53")
	for _, c := range []struct {
		file  string
		yodel netip.AddrPort
		want  string
	}{
		{"search x\nnameserver 127.0.0.1\nnameserver 192.0.2.53\noptions timeout:1 attempts:2\n", at53, "ok: name servers 127.0.0.1, 192.0.2.53"},
		{"nameserver 192.0.2.53\nnameserver 127.0.0.1\noptions timeout:1\n", at53, "warn: not the first"},
		{"nameserver 192.0.2.53\n", netip.MustParseAddrPort("127.0.0.1:8600"), "ok: "},
		{"nameserver 192.0.2.53\n", netip.AddrPort{}, "ok: "},
		{"nameserver 1.1.1.1\nnameserver 1.1.1.2\n", netip.AddrPort{}, "warn: costs 5 s"},
		{"nameserver 1.1.1.1\noptions ndots:1 rotate\n", netip.AddrPort{}, "warn: rotate"},
		{"nameserver 1\nnameserver 2\nnameserver 3\nnameserver 4\n", netip.AddrPort{}, "warn: first three"},
		{"# nothing\n", at53, "warn: no name server"},
	} {
		check(t, judgeResolv(c.file, c.yodel), c.want)
	}
}

func TestJudgeMachine(t *testing.T) {
	check(t, judgeClock(0, unix.Timex{Offset: 1500, Maxerror: 20000}, nil), "ok: synchronised, off by 1.5ms, at most 20ms")
	check(t, judgeClock(0, unix.Timex{Offset: 1500, Status: unix.STA_NANO}, nil), "ok: off by 1.5µs")
	check(t, judgeClock(unix.TIME_ERROR, unix.Timex{Status: unix.STA_UNSYNC}, nil), "warn: not synchronised")
	check(t, judgeClock(0, unix.Timex{Offset: -2e6}, nil), "warn: off by -2s")
	check(t, judgeClock(0, unix.Timex{Maxerror: 3e6}, nil), "warn: at most 3s")
	check(t, judgeClock(-1, unix.Timex{}, unix.EPERM), "warn: not permitted")
	check(t, judgeFiles(1024, nil), "warn: limit 1024, 8192 are needed")
	check(t, judgeFiles(unix.RLIM_INFINITY, nil), "ok: unlimited")
	check(t, judgeSpace("/d", 10<<30, 1e6, 1e6, unix.EXT4_SUPER_MAGIC), "ok: 10240 MiB free")
	check(t, judgeSpace("/d", 500<<20, 1e6, 1e6, unix.EXT4_SUPER_MAGIC), "warn: 500 MiB free")
	check(t, judgeSpace("/d", 1<<20, 1e6, 1e6, unix.EXT4_SUPER_MAGIC), "fail: without history")
	check(t, judgeSpace("/d", 10<<30, 1e6, 9, unix.EXT4_SUPER_MAGIC), "fail: 9 inodes")
	check(t, judgeSpace("/d", 10<<30, 0, 0, unix.NFS_SUPER_MAGIC), "fail: network")
	check(t, judgeSpace("/d", 10<<30, 1e6, 1e6, unix.TMPFS_MAGIC), "warn: in memory")
}

func TestFitDir(t *testing.T) {
	dir := t.TempDir()
	if got := fitDir(dir); got.Status == Fail && !strings.Contains(got.Detail, "MiB free") {
		t.Errorf("got %+v", got)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	check(t, fitDir(dir+"/none"), "warn: does not exist yet")
	file := dir + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check(t, fitDir(file), "fail: not a directory")
	check(t, fitDir("/proc/self"), "fail: ")
}

func TestFitPort(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		p := Port{"dns", network, netip.MustParseAddrPort("127.0.0.1:0")}
		check(t, fitPort("/", p), "ok: free")
		var held interface{ Close() error }
		if network == "tcp" {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			p.Addr, held = netip.MustParseAddrPort(l.Addr().String()), l
		} else {
			c, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			p.Addr, held = netip.MustParseAddrPort(c.LocalAddr().String()), c
		}
		check(t, fitPort("/", p), fmt.Sprintf("fail: is held by facts.test (pid %d)", os.Getpid()))
		held.Close()
	}
	check(t, fitPort("/", Port{"gossip", "tcp", netip.MustParseAddrPort("192.0.2.200:0")}), "fail: no address of this host")
	p := Port{"dns", "udp", netip.MustParseAddrPort("127.0.0.1:53")}
	check(t, judgePort(p, syscall.EADDRINUSE, "yodel (pid 1)"), "ok: held by yodel")
	check(t, judgePort(p, syscall.EADDRINUSE, ""), "warn: only root")
	check(t, judgePort(p, syscall.EADDRINUSE, "yodeling (pid 1)"), "fail: held by yodeling")
	check(t, judgePort(p, syscall.EACCES, ""), "warn: CAP_NET_BIND_SERVICE")
}

// answers is the system's resolver with two answers.
type answers struct {
	addr netip.Addr
	name string
}

func (a answers) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{a.addr}, nil
}

func (a answers) LookupAddr(context.Context, string) ([]string, error) {
	return []string{a.name + "."}, nil
}

// serve answers DNS on a loopback port like the zone of one host: a real
// server for the question that we pack ourselves.
func serve(t *testing.T, name string, addr netip.Addr) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				continue
			}
			q := m.Questions[0]
			m.Response, m.RCode = true, dnsmessage.RCodeNameError
			h := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}
			switch q.Name.String() {
			case name + ".":
				m.RCode, m.Answers = 0, []dnsmessage.Resource{{Header: h, Body: &dnsmessage.AResource{A: addr.As4()}}}
			case reverseName(addr):
				m.RCode, m.Answers = 0, []dnsmessage.Resource{{Header: h, Body: &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(name + ".")}}}
			}
			stray, _ := (&dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID + 1, Response: true}, Questions: m.Questions}).Pack()
			conn.WriteTo(stray, from) // as an attacker would guess
			conn.WriteTo([]byte("garbage"), from)
			if b, err := m.Pack(); err == nil {
				conn.WriteTo(b, from)
			}
		}
	}()
	return netip.MustParseAddrPort(conn.LocalAddr().String())
}

func TestFitOfAGoodHost(t *testing.T) {
	const name = "dn017.hadoop.example.com"
	w := hadoopHost(t)
	w.file("etc/hosts", "127.0.0.1 localhost\n10.77.3.17 "+name+" dn017\n")
	w.file("etc/nsswitch.conf", "hosts: files dns\n")
	w.file("etc/resolv.conf", "nameserver 127.0.0.1\n")
	w.file("var/lib/yodel/x", "")
	o := FitOptions{Root: w.root, Address: own, DataDir: "/var/lib/yodel", Resolver: serve(t, name, own),
		Ports: []Port{{"gossip", "udp", netip.MustParseAddrPort("127.0.0.1:0")}}}
	var checks []string
	for _, f := range fit(t.Context(), o, answers{own, name}) {
		checks = append(checks, strings.TrimSuffix(f.Check, " by "+o.Resolver.String()))
		if f.Status != OK && f.Check != "clock" && f.Check != "open files" && f.Check != "data directory" {
			t.Errorf("got %+v", f)
		}
	}
	want := strings.Split("name,nsswitch,hosts file,forward,reverse,forward,reverse,resolv.conf,clock,port gossip,data directory,open files", ",")
	if !slices.Equal(checks, want) {
		t.Errorf("got %v, want %v", checks, want)
	}
}

func TestFitOfABadHost(t *testing.T) {
	w := tree{t, t.TempDir()}
	w.file("proc/sys/kernel/hostname", "my_Host.example.com\n")
	w.file("etc/hosts", "127.0.1.1 my_Host.example.com my_Host\n")
	w.file("etc/nsswitch.conf", "hosts: files\n")
	w.file("etc/resolv.conf", "nameserver 192.0.2.1\noptions rotate\n")
	server := serve(t, "other.example.com", own)
	failed := map[string]bool{}
	for _, f := range fit(t.Context(), FitOptions{Root: w.root, Address: own, DataDir: "/none", Resolver: server},
		answers{netip.MustParseAddr("127.0.1.1"), "localhost"}) {
		if f.Status != OK {
			failed[f.Check] = true
		}
		if f.Status == Fail && f.Hint == "" {
			t.Errorf("no hint: %+v", f)
		}
	}
	for _, c := range []string{"name", "nsswitch", "hosts file", "forward", "reverse", "forward by " + server.String(),
		"reverse by " + server.String(), "resolv.conf", "data directory"} {
		if !failed[c] {
			t.Errorf("%s is not found wanting: %v", c, failed)
		}
	}
}

func TestAskDeadServer(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0") // hears and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = askNames(ctx, netip.MustParseAddrPort(conn.LocalAddr().String()), own)
	if err == nil || time.Since(start) > 10*time.Second {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
}

func TestReverseName(t *testing.T) {
	for addr, want := range map[string]string{
		"10.77.3.17":  "17.3.77.10.in-addr.arpa.",
		"2001:db8::1": "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
	} {
		if got := reverseName(netip.MustParseAddr(addr)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	q := dnsmessage.Question{Name: dnsmessage.MustNewName("a.example."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, Response: true}, Questions: []dnsmessage.Question{q}}
	b, _ := m.Pack()
	f.Add(b)
	f.Fuzz(func(t *testing.T, packet []byte) {
		answers, ours, err := parseAnswer(packet, 7, q)
		if !ours && (len(answers) > 0 || err != nil) {
			t.Errorf("an answer to another question was read: %v, %v", answers, err)
		}
	})
}

func FuzzJudge(f *testing.F) {
	f.Add("hosts: files dns\nnameserver 127.0.0.1\n10.0.0.1 a b\n", "a.b")
	f.Fuzz(func(t *testing.T, file, name string) {
		found := append(judgeName(name, "h", ""), judgeNSS(file), judgeResolv(file, netip.AddrPort{}),
			judgeHosts(parseHosts(file), name, own), judgeReverse("r", name, own, strings.Fields(file), nil))
		for _, one := range found {
			if one.Detail == "" || (one.Status != OK) != (one.Hint != "") {
				t.Errorf("got %+v", one)
			}
		}
	})
}
