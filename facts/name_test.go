package facts

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

func TestFQDN(t *testing.T) {
	answer := func(name string, err error) func(context.Context, string) (string, error) {
		return func(context.Context, string) (string, error) { return name, err }
	}
	never := func(context.Context, string) (string, error) { t.Error("the resolver was asked"); return "", nil }
	for _, c := range []struct {
		name, host, hosts string
		lookup            func(context.Context, string) (string, error)
		before, want      string
	}{
		{"the host name has a domain", "DN1.Example.Com.", "10.0.0.1 other.example.com dn1", never, "", "dn1.example.com"},
		{"hosts file", "dn1", "# c\n10.0.0.1 Dn1.example.com dn1 alias # x\n", never, "", "dn1.example.com"},
		{"hosts file, canonical name without a domain is final", "dn1", "127.0.1.1 dn1 dn1.example.com\n", never, "", ""},
		{"resolver", "dn1", "127.0.0.1 localhost", answer("DN1.example.com.", nil), "", "dn1.example.com"},
		{"resolver knows no domain", "dn1", "", answer("dn1.", nil), "", ""},
		{"resolver is dead: as before", "dn1", "", answer("", errors.New("timeout")), "dn1.example.com", "dn1.example.com"},
		{"resolver is dead and the host renamed", "dn2", "", answer("", errors.New("timeout")), "dn1.example.com", ""},
		{"no such name: as before", "dn1", "", answer("", &net.DNSError{IsNotFound: true}), "dn1.example.com", "dn1.example.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := tree{t, t.TempDir()}
			w.file("etc/hosts", c.hosts)
			n := New(Options{Root: w.root, Previous: catalog.Facts{OS: catalog.OS{FQDN: c.before}}})
			n.lookup = c.lookup
			if got := n.fqdn(t.Context(), c.host); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What the files say is what hostname -f says, asked in a namespace where the
// host has that name and that file.
func TestAsHostnameF(t *testing.T) {
	if os.Getuid() != 0 {
		need(t, "root, for a namespace")
	}
	for _, c := range []struct{ host, hosts string }{
		{"dn1", "127.0.0.1 localhost\n10.0.0.1 dn1.example.com dn1\n"},
		{"dn1", "10.0.0.1 DN1.Example.com dn1 # x\n"},
		{"dn1", "10.0.0.1 alias.example.com dn1\n10.0.0.2 dn1.example.com dn1\n"},
		{"dn1", "::1 localhost\n127.0.1.1\tdn1.example.com\tdn1\n"},
		{"dn1.example.com", "10.0.0.1 dn1.example.com dn1\n"},
	} {
		w := tree{t, t.TempDir()}
		w.file("etc/hosts", c.hosts)
		out, err := exec.Command("unshare", "--uts", "--mount", "/bin/sh", "-ec",
			`hostname "$1"; mount --bind "$2" /etc/hosts; hostname -f`, "sh", c.host, w.root+"/etc/hosts").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		n := New(Options{Root: w.root})
		n.lookup = func(context.Context, string) (string, error) { t.Error("the resolver was asked"); return "", nil }
		if got, want := n.fqdn(t.Context(), c.host), strings.ToLower(strings.TrimSpace(string(out))); got != want {
			t.Errorf("%q: got %q, hostname -f says %q", c.hosts, got, want)
		}
	}
}

func TestResolverIsAskedOnceAndBriefly(t *testing.T) {
	root := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{Root: root})
		asked := 0
		c.lookup = func(ctx context.Context, _ string) (string, error) {
			asked++
			<-ctx.Done() // a dead server
			return "", ctx.Err()
		}
		start := time.Now()
		if got := c.fqdn(t.Context(), "dn1"); got != "" || time.Since(start) != lookupTimeout {
			t.Errorf("got %q after %v", got, time.Since(start))
		}
		c.lookup = func(context.Context, string) (string, error) { asked++; return "dn1.example.com.", nil }
		for range 3 {
			c.before.OS.FQDN = c.fqdn(t.Context(), "dn1")
		}
		if c.before.OS.FQDN != "dn1.example.com" || asked != 2 {
			t.Errorf("got %q after asking %d times", c.before.OS.FQDN, asked)
		}
	})
}
