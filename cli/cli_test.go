package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/yodel-mesh/yodel/catalog"
	"github.com/yodel-mesh/yodel/config"
)

func run(args ...string) (code int, out, err string) {
	var o, e bytes.Buffer
	code = Run(context.Background(), Env{Args: args, In: strings.NewReader(""), Out: &o, Err: &e, Getenv: func(string) string { return "" }})
	return code, o.String(), e.String()
}

func TestExitCodes(t *testing.T) {
	for _, tc := range []struct {
		args []string
		code int
	}{
		{[]string{"version"}, 0},
		{[]string{"keyring", "generate"}, 0},
		{nil, 0},
		{[]string{"--help"}, 0},
		{[]string{"help", "nodes"}, 0},
		{[]string{"nodes", "--http-addr", "127.0.0.1:1"}, 1},
		{[]string{"validate", "/nonexistent.hcl"}, 1},
		{[]string{"nonesuch"}, 2},
		{[]string{"nodes", "extra"}, 2},
		{[]string{"nodes", "--nonesuch"}, 2},
		{[]string{"nodes", "--json=x"}, 2},
		{[]string{"nodes", "--http-addr", "unix:/x"}, 2},
		{[]string{"node"}, 2},
		{[]string{"node", "show"}, 2},
		{[]string{"inventory", "--list", "--host", "x"}, 2},
		{[]string{"keyring", "install", "short"}, 2},
		{[]string{"rack", "--http-addr", "127.0.0.1:1", "10.0.0.1"}, 0}, // Hadoop must not break
	} {
		if code, out, err := run(tc.args...); code != tc.code {
			t.Errorf("%q: exit %d, want %d\n%s%s", tc.args, code, tc.code, out, err)
		}
	}
}

// Every command says what it does, and every one that prints has --json.
func TestEveryCommandIsDescribed(t *testing.T) {
	silent := map[string]bool{ // what they print is a word for people, or has a form of its own
		"join": true, "leave": true, "force-leave": true, "deregister": true, "on": true, "off": true, "install": true,
		"use": true, "remove": true, "generate": true, "agent": true, "inventory": true, probeStoreName: true,
	}
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.Name() == "completion" || sub.Name() == "help" {
				continue
			}
			if sub.Short == "" || strings.HasSuffix(sub.Short, ".") {
				t.Errorf("%s: short text %q", sub.CommandPath(), sub.Short)
			}
			if !sub.HasSubCommands() && !silent[sub.Name()] && sub.Flags().Lookup("json") == nil {
				t.Errorf("%s prints and has no --json", sub.CommandPath())
			}
			visit(sub)
		}
	}
	visit(Command(Env{Getenv: os.Getenv}))
}

func TestAgentSource(t *testing.T) {
	var a agentFlags
	a.paths.paths = new([]string)
	var src config.Source
	s := &shell{env: Env{Getenv: func(string) string { return "" }}}
	c := s.agent()
	c.RunE = nil
	for _, f := range []struct{ name, value string }{
		{"config-dir", "/b"}, {"config-file", "/a.hcl"}, {"node", "n1"}, {"http-addr", "127.0.0.2:1"}, {"join", "x"}, {"join", "y:1"},
	} {
		if err := c.Flags().Set(f.name, f.value); err != nil {
			t.Fatal(err)
		}
	}
	*a.paths.paths = *c.Flags().Lookup("config-dir").Value.(pathFlags).paths
	for _, k := range []string{"node", "http-addr"} {
		key := map[string]string{"node": "node_name", "http-addr": "http"}[k]
		a.keys = append(a.keys, struct{ name, key string }{k, key})
	}
	src = a.source(c)
	want := config.Source{Paths: []string{"/b", "/a.hcl"}, Flags: []config.Flag{
		{Name: "--node", Key: "node_name", Value: "n1"},
		{Name: "--http-addr", Key: "addresses.http", Value: "127.0.0.2"}, {Name: "--http-addr", Key: "ports.http", Value: "1"},
		{Name: "--join", Key: "retry_join", Value: "x"}, {Name: "--join", Key: "retry_join", Value: "y:1"},
	}}
	if !reflect.DeepEqual(src, want) {
		t.Errorf("source\n%+v, want\n%+v", src, want)
	}
}

func host(name, address string, change func(*catalog.Node)) *catalog.Node {
	n := &catalog.Node{Name: name, Address: address, Status: catalog.Alive}
	if change != nil {
		change(n)
	}
	return n
}

func TestHostLines(t *testing.T) {
	lines := hostLines([]*catalog.Node{
		host("dn1", "10.0.0.1", func(n *catalog.Node) { n.FQDN = "DN1.example.com" }),
		host("dn2.example.com", "10.0.0.2", func(n *catalog.Node) { n.Status = catalog.Failed }),
		host("dn2.example.org", "10.0.0.3", nil), // dn2 would be ambiguous
		host("gone", "10.0.0.4", func(n *catalog.Node) { n.Status = catalog.Left }),
		host("six", "2001:db8::1", nil),
		host("evil\n10.6.6.6 bank.example.com", "10.0.0.5", nil),
		host("localhost", "10.0.0.6", nil),
		host("noaddress", "", nil),
	})
	want := "10.0.0.1\tdn1.example.com dn1\n10.0.0.2\tdn2.example.com\n10.0.0.3\tdn2.example.org\n2001:db8::1\tsix\n"
	got := ""
	for _, l := range lines {
		got += l.String() + "\n"
	}
	if got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

func TestFenced(t *testing.T) {
	lines := []hostLine{{"10.0.0.1", []string{"a"}}}
	block := fenceBegin + fenceNote + "\n10.0.0.1\ta\n" + fenceEnd + "\n"
	for _, tc := range []struct{ text, want string }{
		{"", block},
		{"127.0.0.1 localhost", "127.0.0.1 localhost\n" + block},
		{"# top\r\n" + block + "# bottom, no end of line", "# top\r\n" + block + "# bottom, no end of line"},
		{"x\n" + fenceBegin + " of old\nold\n" + fenceEnd + "\ny\n", "x\n" + block + "y\n"},
		{"x\n  " + fenceBegin + "\n" + fenceEnd, "x\n" + block},
	} {
		got, err := fenced("f", tc.text, lines)
		if err != nil || got != tc.want {
			t.Errorf("%q: got %q (%v), want %q", tc.text, got, err, tc.want)
		}
		if again, err := fenced("f", got, lines); err != nil || again != got {
			t.Errorf("%q: a second time gives %q (%v)", tc.text, again, err)
		}
	}
}

// Whatever a file holds: its own lines stay, in order and to the byte, or
// nothing is written.
func FuzzFenced(f *testing.F) {
	f.Add("127.0.0.1 localhost\n# BEGIN yodel\nx\n# END yodel\ny", "10.0.0.1")
	f.Add("# END yodel\n", "")
	f.Add("a\r\nb\x00", "::1")
	f.Fuzz(func(t *testing.T, text, address string) {
		lines := []hostLine{{"10.0.0.1", []string{"a"}}}
		got, err := fenced("f", text, lines)
		if err != nil {
			return
		}
		own := func(s string) string {
			var out strings.Builder
			inside := false
			for line := range strings.Lines(s) {
				trimmed := strings.TrimSpace(line)
				switch {
				case strings.HasPrefix(trimmed, fenceBegin):
					inside = true
				case strings.HasPrefix(trimmed, fenceEnd):
					inside = false
				case !inside:
					out.WriteString(line)
				}
			}
			return strings.TrimSuffix(out.String(), "\n")
		}
		if own(got) != own(text) {
			t.Fatalf("own lines %q became %q", own(text), own(got))
		}
		if again, err := fenced("f", got, lines); err != nil || again != got {
			t.Fatalf("a second time: %q, %v", again, err)
		}
	})
}

func TestReplaceFileKeepsModeAndOwner(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "hosts"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(path, []byte("a\n"), 0o604), os.Chmod(path, 0o604), os.Symlink("hosts", link)); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 12, 34); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s := &shell{env: Env{Out: &out, Err: &out}}
	if err := s.writeHosts(link, []hostLine{{"10.0.0.1", []string{"a"}}}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	was, is := before.Sys().(*syscall.Stat_t), info.Sys().(*syscall.Stat_t)
	if info.Mode() != 0o604 || is.Uid != was.Uid || is.Gid != was.Gid || is.Ino == was.Ino {
		t.Errorf("mode %v owner %d:%d, was %v %d:%d", info.Mode(), is.Uid, is.Gid, before.Mode(), was.Uid, was.Gid)
	}
	if l, err := os.Readlink(link); err != nil || l != "hosts" {
		t.Errorf("the link became %q, %v", l, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".hosts.yodel-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestReplaceFileLeavesNothingWhenItFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "busy")
	if err := os.Mkdir(path, 0o755); err != nil { // a rename onto a directory fails
		t.Fatal(err)
	}
	if err := replaceFile(path, []byte("x")); err == nil {
		t.Fatal("a directory was replaced")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".busy*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if err := replaceFile(filepath.Join(dir, "nodir", "f"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestRacks(t *testing.T) {
	r := racksOf([]*catalog.Node{
		host("dn1.example.com", "10.0.0.1", func(n *catalog.Node) {
			n.Rack = "/dc1/r1"
			n.Facts, _ = catalog.Tell(catalog.Facts{Interfaces: []catalog.Interface{
				{Addresses: []string{"10.0.0.1/24", "172.16.0.1/16", "127.0.0.1/8", "fe80::1/64"}}}})
		}),
		host("dn2", "2001:db8::2", func(n *catalog.Node) { n.Rack, n.FQDN = "r2", "dn2.example.com" }),
		host("dn3", "172.16.0.1", func(n *catalog.Node) { n.Rack = "/dc1/r3" }), // its own address, whoever else has it
		host("dn4", "10.0.0.4", nil),
		host("dn5", "10.0.0.5", func(n *catalog.Node) { n.Rack = "/a b" }),
	})
	for host, want := range map[string]string{
		"10.0.0.1": "/dc1/r1", "dn1.example.com.": "/dc1/r1", "DN1": "/dc1/r1", "::ffff:10.0.0.1": "/dc1/r1",
		"2001:DB8:0::2": "/r2", "dn2.example.com": "/r2", "172.16.0.1": "/dc1/r3",
		"127.0.0.1": "/default-rack", "dn4": "/default-rack", "dn5": "/default-rack", "": "/default-rack",
	} {
		if got := r.of(host, defaultRack); got != want {
			t.Errorf("%q: %s, want %s", host, got, want)
		}
	}
}

var groupPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func TestInventory(t *testing.T) {
	inventory := ansible([]*catalog.Node{
		host("a", "10.0.0.1", func(n *catalog.Node) {
			n.Tags, n.Datacenter, n.Rack = map[string]string{"role": "data-node", "3x": "y/z"}, "dc1", "/dc1/r12"
			n.Services = []*catalog.Service{{ID: "w1", Name: "web"}, {ID: "w2", Name: "web"}}
		}),
		host("b", "10.0.0.2", func(n *catalog.Node) { n.Status = catalog.Failed }),
		host("c", "10.0.0.3", func(n *catalog.Node) { n.Status = catalog.Left }),
	})
	b, err := json.Marshal(inventory)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]struct{ Hosts, Children []string }
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for group, hosts := range map[string]string{
		"all": "[a b]", "role_data_node": "[a]", "_3x_y_z": "[a]", "datacenter_dc1": "[a]", "rack_dc1_r12": "[a]", "service_web": "[a]",
		"status_alive": "[a]", "status_failed": "[b]", "status_left": "[]",
	} {
		if s := fmt.Sprint(got[group].Hosts); s != hosts {
			t.Errorf("%s: %s, want %s", group, s, hosts)
		}
	}
	for group := range got {
		if !groupPattern.MatchString(group) {
			t.Errorf("Ansible takes no group %q", group)
		}
	}
	if n := len(got["all"].Children); n != len(got)-1 { // all itself and _meta are none; ungrouped is one more
		t.Errorf("all has %d children of %d groups", n, len(got))
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	env := Env{Out: &out, Terminal: true, Getenv: func(string) string { return "" }}
	show := func() string {
		out.Reset()
		tab := (&shell{env: env}).table("NODE", "STATUS", "OUTPUT")
		tab.add("zürich", healthCell(catalog.Passing), "")
		tab.add("a", healthCell(catalog.Critical), "\x1b[2Jgone\nnext")
		if err := tab.print(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	plain := "NODE    STATUS    OUTPUT\nzürich  passing\na       critical  ?[2Jgone next\n"
	coloured := show()
	if strings.Count(coloured, "\x1b[") != 10 || regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(coloured, "") != plain {
		t.Errorf("coloured: %q", coloured)
	}
	env.Getenv = func(name string) string { return map[string]string{"NO_COLOR": "1"}[name] }
	if got := show(); got != plain {
		t.Errorf("NO_COLOR: %q", got)
	}
	env.Terminal, env.Getenv = false, func(string) string { return "" }
	if got := show(); got != plain {
		t.Errorf("no terminal: %q", got)
	}
}

func TestUnitsForPeople(t *testing.T) {
	for bytes, want := range map[uint64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 64e9: "64 GB", 9_949_999: "9.9 MB", 9_950_001: "10 MB", 999_600: "1.0 MB", 4e12: "4.0 TB", 1 << 63: "9223 PB"} {
		if got := size(bytes); got != want {
			t.Errorf("size(%d) = %s, want %s", bytes, got, want)
		}
	}
	now := time.Now()
	for d, want := range map[time.Duration]string{-time.Hour: "0s", 59 * time.Second: "59s", 119 * time.Minute: "1h", 47 * time.Hour: "47h", 50 * time.Hour: "2d"} {
		if got := ago(now.Add(-d), now); got != want {
			t.Errorf("ago(%v) = %s, want %s", d, got, want)
		}
	}
}
