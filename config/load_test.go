package config

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// writeFiles makes a directory of files.
func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestMerge(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"10.hcl": `data_dir = "/a"  datacenter = "one"  retry_join = ["h1"]  recursors = ["192.0.2.1"]
			node_meta { a = "1" b = "1" }  dns_config { node_ttl = "1s" only_passing = true service_ttl { web = "1s" } }
			client_addr = "127.0.0.2"  service { name = "s1" }  ports { dns = 53 }`,
		"20.json": `{"datacenter": "two", "retry_join": ["h2"], "recursors": ["192.0.2.2:5353", "192.0.2.1"],
			"node_meta": {"b": "2", "c": "2"}, "dns_config": {"node_ttl": "2s", "service_ttl": {"db": "2s"}},
			"client_addr": "127.0.0.3", "service": {"name": "s2"}, "ports": {"http": 80, "serf_lan": 9301}}`,
		"30.hcl":     ``,
		"README":     `not configuration`,
		"sub/40.hcl": `datacenter = "overridden"`,
		"later.hcl":  `start_join = ["h3"]`,
	})
	c := mustLoad(t, Source{Paths: []string{dir, filepath.Join(dir, "sub/40.hcl")}, Flags: []Flag{
		{"--join", "retry_join", "h4"}, {"--datacenter", "datacenter", "three"}, {"--dns-port", "ports.dns", "54"},
		{"-t", "tags.role", "datanode"}, {"--log-json", "log_json", "true"}, {"--log-level", "log_level", "WARN"},
	}})
	got := fmt.Sprint(c.DataDir, c.Datacenter, c.RetryJoin, c.Recursors, c.NodeMeta, c.DNS.NodeTTL, c.DNS.OnlyPassing,
		c.DNS.ServiceTTL, c.ClientAddrs, len(c.Services), c.Ports, c.Tags, c.LogJSON, c.LogLevel)
	want := "/a three [h1 h2 h3 h4] [192.0.2.1:53 192.0.2.2:5353] map[a:1 b:2 c:2] 2s true map[db:2s web:1s] [127.0.0.3] 2 " +
		"{54 80 9301 8300} map[role:datanode] true WARN"
	if strings.Join(strings.Fields(got), "") != strings.Join(strings.Fields(want), "") {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDefaults(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	name := Flag{"--node", "node_name", "n1"}
	if what, _ := wrongNodeName(host); what == "" {
		name.Value = host
	}
	c := mustLoad(t, Source{Flags: []Flag{{"--data-dir", "data_dir", "/d"}, name}})
	want := Default()
	want.DataDir, want.NodeName = "/d", strings.ToLower(name.Value)
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
	for what, got := range map[string]any{
		"0.0.0.0:8301": c.GossipAddr(), "0.0.0.0:8300": c.PeerAddr(), "[127.0.0.1:8600]": c.DNSAddrs(), "[127.0.0.1:8500]": c.HTTPAddrs(),
	} {
		if fmt.Sprint(got) != what {
			t.Errorf("got %v, want %s", got, what)
		}
	}
}

func TestDev(t *testing.T) {
	c := mustLoad(t, Source{Dev: true, Flags: slices.Concat(
		AddrFlags("--http-addr", "http", "127.0.0.2:0"), AddrFlags("--dns-addr", "dns", ":-1"),
		[]Flag{{"--node", "node_name", "n1"}, {"--gossip", "ports.gossip", "0"}})})
	advertise, written := c.Advertise()
	if got := fmt.Sprint(c.DataDir, c.BindAddr, advertise, written, c.HTTPAddrs(), c.DNSAddrs(), c.Ports); got != "127.0.0.1 127.0.0.1 true [127.0.0.2:0] [] {-1 0 0 8300}" {
		t.Error(got)
	}
}

// Spellings that Consul takes too.
func TestSpellings(t *testing.T) {
	c := mustLoad(t, Source{Dev: true, Paths: []string{filepath.Join(writeFiles(t, map[string]string{
		"a.hcl": `Datacenter = "X"  NODE_NAME = "n"  ports = [{ dns = 53 }]  domain = "Consul"  log_level = "ERR"
			services = { Name = "s" EnableTagOverride = true meta = [{ a = "b" }] }  retry_join = []`,
	}), "a.hcl")}})
	if got := fmt.Sprint(c.Datacenter, c.Ports.DNS, c.Domain, c.LogLevel, c.Services[0].EnableTagOverride, c.Services[0].Meta); got != "x53consul.ERROR true map[a:b]" {
		t.Error(got)
	}
}

func TestAddrFlags(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:80": "addresses.http=127.0.0.1 ports.http=80", ":80": "ports.http=80", "10.0.0.1": "addresses.http=10.0.0.1",
		"[::1]:80": "addresses.http=::1 ports.http=80", "[::1]": "addresses.http=[::1]", "::1": "addresses.http=::1",
	} {
		var got []string
		for _, f := range AddrFlags("--http-addr", "http", addr) {
			got = append(got, f.Key+"="+f.Value)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", addr, got, want)
		}
	}
}

// What is wrong with a flag is said of the flag.
func TestWrongFlags(t *testing.T) {
	_, _, err := Load(Source{Dev: true, Flags: []Flag{
		{"--node", "node_name", "a_b"}, {"--bind", "bind_addr", "x"}, {"--http-addr", "ports.http", "many"}, {"--nope", "nope", "1"}}})
	want := `--bind: bind_addr: "x" is no IP address; ` + addressHint + `
--node: node_name: "a_b" has a _, and Java finds no host in a URI with one; use "a-b"
--nope: nope: unknown key
--http-addr: ports.http: many is not a whole number`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

// Unreadable, endless and too large input is an error that names the file.
func TestHostileFiles(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"big.hcl":      strings.Repeat("#\n", maxFileSize/2+1),
		"hopeless.hcl": strings.Repeat("nope = 1\n", 100_000),
		"deep.hcl":     strings.Repeat("[", 1<<20),
		"nul.hcl":      "data_dir = \"\x00\"",
	})
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.hcl"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling.hcl")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for name, want := range map[string]string{
		"big.hcl":      "big.hcl: more than 4194304 bytes",
		"pipe.hcl":     "pipe.hcl: not a regular file",
		"dangling.hcl": "dangling.hcl: stat: no such file or directory",
		"nosuch.hcl":   "nosuch.hcl: stat: no such file or directory",
		"deep.hcl":     "deep.hcl:1: parse HCL: more than 32 blocks and lists inside each other",
		"nul.hcl":      "nul.hcl:",
		"/dev/zero":    "/dev/zero: the name must end in .hcl or .json",
	} {
		_, _, err := Load(Source{Paths: []string{name}})
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	_, _, err := Load(Source{Dev: true, Paths: []string{"hopeless.hcl"}})
	all, ok := err.(Problems)
	if !ok || len(all) != maxProblems+1 || all[maxProblems].String() != "and more: stopped after 200" {
		t.Errorf("got %d problems", len(all))
	}
}

func TestTooManyFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range maxFiles + 1 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%05d.hcl", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := Load(Source{Dev: true, Paths: []string{dir}})
	if err == nil || !strings.Contains(err.Error(), "limit 4096 files") {
		t.Errorf("got %v", err)
	}
}

func TestTooManyDefinitions(t *testing.T) {
	var b strings.Builder
	for i := range maxServices + 1 {
		fmt.Fprintf(&b, "service {\n name = \"s%d\"\n check { ttl = \"1s\" } }\n", i)
	}
	_, _, err := Load(Source{Dev: true, Paths: []string{filepath.Join(writeFiles(t, map[string]string{"a.hcl": b.String()}), "a.hcl")}})
	if want := "checks: 4097 of them, limit 4096\nservices: 4097 of them, limit 4096"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestTokenFile(t *testing.T) {
	dir := writeFiles(t, map[string]string{"token": "secret\n", "two": "a\nb\n"})
	c := mustLoad(t, Source{Dev: true, Flags: []Flag{{"f", "http_token_file", dir + "/token"}, {"f", "node_name", "n"}}})
	if c.HTTPToken != "secret" {
		t.Errorf("token %q", c.HTTPToken)
	}
	for _, bad := range []string{"two", "none", "."} {
		if _, _, err := Load(Source{Dev: true, Flags: []Flag{{"f", "http_token_file", filepath.Join(dir, bad)}}}); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

// Beyond loopback, HTTP needs TLS and a token both, or to be told.
func TestHTTPBeyondLoopback(t *testing.T) {
	certFile, keyFile := certificate(t)
	tlsFlags := []Flag{{"f", "tls.cert_file", certFile}, {"f", "tls.key_file", keyFile}}
	token := []Flag{{"f", "http_token", "t"}}
	for _, c := range []struct {
		name  string
		flags []Flag
		ok    bool
	}{
		{"nothing", nil, false},
		{"TLS", tlsFlags, false},
		{"token", token, false},
		{"TLS and token", slices.Concat(tlsFlags, token), true},
		{"told", []Flag{{"f", "http_insecure", "true"}}, true},
		{"not served", []Flag{{"f", "ports.http", "-1"}}, true},
		{"loopback after all", []Flag{{"f", "addresses.http", "127.0.0.1 ::1"}}, true},
	} {
		_, _, err := Load(Source{Dev: true, Flags: append([]Flag{{"f", "node_name", "n"}, {"f", "client_addr", "10.0.0.1"}}, c.flags...)})
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// certificate makes one for itself.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := writeFiles(t, map[string]string{
		"cert": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})),
		"key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
	})
	return filepath.Join(dir, "cert"), filepath.Join(dir, "key")
}

func TestTemplates(t *testing.T) {
	c := mustLoad(t, Source{Dev: true, Flags: []Flag{
		{"f", "node_name", "n"}, {"f", "bind_addr", `{{ GetAllInterfaces | include "name" "lo" | include "type" "IPv4" | limit 1 | join "address" " " }}`},
		{"f", "client_addr", `{{ GetAllInterfaces | include "flags" "loopback" | include "type" "IPv4" | join "address" " " }} 127.0.0.9`},
	}})
	if !c.BindAddr.IsLoopback() || !slices.Contains(c.ClientAddrs, netip.MustParseAddr("127.0.0.9")) || len(c.ClientAddrs) < 2 {
		t.Errorf("bind %v client %v", c.BindAddr, c.ClientAddrs)
	}
}

func TestAdvertise(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("10.0.0.6")
	for _, c := range []struct {
		advertise, bind, want netip.Addr
		written               bool
	}{
		{a, b, a, true},
		{netip.Addr{}, b, b, true},
		{a, netip.IPv4Unspecified(), a, true},
		{netip.Addr{}, netip.IPv4Unspecified(), netip.IPv4Unspecified(), false},
		{netip.Addr{}, netip.IPv6Unspecified(), netip.IPv6Unspecified(), false},
	} {
		if got, written := (Config{AdvertiseAddr: c.advertise, BindAddr: c.bind}).Advertise(); got != c.want || written != c.written {
			t.Errorf("advertise %v, bind %v: got %v, %v", c.advertise, c.bind, got, written)
		}
	}
}

func TestDiffAndKeep(t *testing.T) {
	old, new := Default(), Default()
	if apply, restart := Diff(old, new); apply != nil || restart != nil {
		t.Errorf("no change: %v %v", apply, restart)
	}
	new.Services = []Service{{}}
	new.LogLevel = slog.LevelDebug
	new.DNS.NodeTTL = time.Second
	new.Tags = map[string]string{"role": "x"}
	new.RetryJoin = []string{"h"}
	new.Ports.DNS = 53
	new.NodeName = "n"
	new.Encrypt = []byte("k")
	new.HTTPToken = "t"
	apply, restart := Diff(old, new)
	if got := fmt.Sprint(apply, restart); got != "[tags retry_join dns_config services log_level] [node_name ports encrypt http_token]" {
		t.Error(got)
	}
	kept := Keep(old, new, restart)
	if again, rest := Diff(old, kept); !slices.Equal(again, apply) || rest != nil {
		t.Errorf("after Keep: %v %v", again, rest)
	}
}

// A field of Config that no key fills could never be set, and Diff would not see it.
func TestEveryFieldHasAKey(t *testing.T) {
	fields := reflect.TypeFor[Config]()
	for i := range fields.NumField() {
		changed := Default()
		if f := reflect.ValueOf(&changed).Elem().Field(i); fields.Field(i).Name == "Dev" {
			continue
		} else {
			stir(f)
		}
		if apply, restart := Diff(Default(), changed); len(apply)+len(restart) != 1 {
			t.Errorf("%s: %v %v", fields.Field(i).Name, apply, restart)
		}
	}
}

// stir changes a value.
func stir(f reflect.Value) {
	switch f.Kind() {
	case reflect.String:
		f.SetString("stirred")
	case reflect.Bool:
		f.SetBool(!f.Bool())
	case reflect.Int, reflect.Int64:
		f.SetInt(f.Int() + 1)
	case reflect.Slice:
		f.Set(reflect.MakeSlice(f.Type(), 7, 7))
	case reflect.Map:
		f.Set(reflect.MakeMap(f.Type()))
	default:
		if a, ok := f.Addr().Interface().(*netip.Addr); ok {
			*a = netip.MustParseAddr("192.0.2.99")
			return
		}
		stir(f.Field(0))
	}
}

func TestStarter(t *testing.T) {
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Yqd7p7hYyqCz0s3+q6c5S6yq1h0m3vT5l0H4Yw8kX"
	ssh := writeFiles(t, map[string]string{"id_ed25519.pub": key + " anna@example.com\n", "id_rsa.pub": "ssh-rsa nonsense\n", "known_hosts": "x"})
	dir := filepath.Join(t.TempDir(), "etc", "yodel")
	s := Starter{Dir: dir, DataDir: "/d", SSHDir: ssh, Join: []string{"h1", "h2:8301"}}
	files, err := s.Files()
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteStarter(files); err != nil {
		t.Fatal(err)
	}
	c := mustLoad(t, Source{Paths: []string{dir}, Flags: []Flag{{"--node", "node_name", "n"}}})
	if len(c.Encrypt) != 32 || bytes.Equal(c.Encrypt, make([]byte, 32)) || c.DataDir != "/d" || !slices.Equal(c.RetryJoin, s.Join) {
		t.Errorf("%+v", c)
	}
	signers, err := os.ReadFile(c.AllowedSignersFile)
	if err != nil || string(signers) != "anna@example.com namespaces=\"yodel-job\" "+key+"\n" {
		t.Errorf("%v %q", err, signers)
	}
	info, err := os.Stat(filepath.Join(dir, "yodel.hcl"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the key: %v %v", info.Mode(), err)
	}
	err = WriteStarter(files)
	if want := "write " + dir + "/yodel.hcl: it is there already; move it away, or choose another directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	again, err := s.Files()
	if err != nil || bytes.Equal(again[0].Body, files[0].Body) {
		t.Errorf("the same key twice: %v", err)
	}
}

func TestStarterWithoutKeys(t *testing.T) {
	files, err := Starter{Dir: t.TempDir(), SSHDir: t.TempDir()}.Files()
	if err != nil || len(files) != 2 || !strings.Contains(string(files[0].Body), "\n# allowed_signers_file") {
		t.Errorf("%v %v", files, err)
	}
	for _, bad := range []Starter{{}, {Dir: "/x", Encrypt: "short"}, {Dir: "/x", Join: []string{"a b"}}, {Dir: "/x", Datacenter: "a b"}} {
		if _, err := bad.Files(); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}
}
