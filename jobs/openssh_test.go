package jobs

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// openssh is a directory with keys of every type, made by ssh-keygen.
type openssh struct {
	t   *testing.T
	dir string
}

// What ssh-keygen is asked for, by the name of the file.
var keyKinds = map[string][]string{
	"ed25519":   {"-t", "ed25519"},
	"ecdsa256":  {"-t", "ecdsa", "-b", "256"},
	"ecdsa384":  {"-t", "ecdsa", "-b", "384"},
	"ecdsa521":  {"-t", "ecdsa", "-b", "521"},
	"rsa2048":   {"-t", "rsa", "-b", "2048"},
	"rsapem":    {"-t", "rsa", "-b", "3072", "-m", "PEM"},
	"encrypted": {"-t", "ed25519", "-N", "correct horse"},
}

func newOpenSSH(t *testing.T) *openssh {
	t.Helper()
	for _, program := range []string{"ssh-keygen", "ssh-agent", "ssh-add"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	return &openssh{t, t.TempDir()}
}

func (o *openssh) path(name string) string { return filepath.Join(o.dir, name) }

func (o *openssh) write(name, text string) string {
	o.t.Helper()
	if err := os.WriteFile(o.path(name), []byte(text), 0o600); err != nil {
		o.t.Fatal(err)
	}
	return o.path(name)
}

func (o *openssh) read(name string) string {
	o.t.Helper()
	b, err := os.ReadFile(o.path(name))
	if err != nil {
		o.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// try runs a program in UTC and gives its output.
func (o *openssh) try(stdin []byte, env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = o.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TZ=UTC", "SSH_ASKPASS_REQUIRE=never"}, env...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (o *openssh) run(stdin []byte, name string, args ...string) string {
	o.t.Helper()
	out, err := o.try(stdin, nil, name, args...)
	if err != nil {
		o.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func (o *openssh) keygen(name string) {
	o.t.Helper()
	args := append([]string{"-q", "-f", name, "-C", name}, keyKinds[name]...)
	if name != "encrypted" {
		args = append(args, "-N", "")
	}
	o.run(nil, "ssh-keygen", args...)
}

// verify asks ssh-keygen for its opinion.
func (o *openssh) verify(allowed, principal string, s Signed) error {
	o.t.Helper()
	sig := o.write("order.sig", string(s.Armor()))
	out, err := o.try(s.Body, nil, "ssh-keygen", "-Y", "verify", "-f", allowed, "-I", principal, "-n", Namespace, "-s", sig)
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// signers reads a file of allowed signers as a host does.
func (o *openssh) signers(text string) (string, *Signers) {
	o.t.Helper()
	path := o.write("allowed_signers", text)
	s, err := ReadSigners(path)
	if err != nil {
		o.t.Fatal(err)
	}
	return path, s
}

func (o *openssh) body() []byte {
	o.t.Helper()
	b, err := full().Encode()
	if err != nil {
		o.t.Fatal(err)
	}
	return b
}

// agree checks one signature with both, and that an altered body fails.
func (o *openssh) agree(what, allowed string, signers *Signers, s Signed) {
	o.t.Helper()
	if err := o.verify(allowed, "ann@example.com", s); err != nil {
		o.t.Errorf("%s: ssh-keygen: %v", what, err)
	}
	if _, err := signers.Verify(s, "ann@example.com", time.Now()); err != nil {
		o.t.Errorf("%s: ours: %v", what, err)
	}
	altered := Signed{Body: append(bytes.Clone(s.Body), '!'), Signature: s.Signature}
	var refusal *Refusal
	if _, err := signers.Verify(altered, "ann@example.com", time.Now()); !errors.As(err, &refusal) || refusal.Cause != Altered {
		o.t.Errorf("%s: altered: %v", what, err)
	}
	if o.verify(allowed, "ann@example.com", altered) == nil {
		o.t.Errorf("%s: altered, and ssh-keygen takes it", what)
	}
}

// Every type of key signs with ours and with ssh-keygen, from a file, and both
// verify both.
func TestInterchangeFiles(t *testing.T) {
	o := newOpenSSH(t)
	body := o.body()
	for name := range keyKinds {
		o.keygen(name)
		allowed, signers := o.signers("# of the test\nann@example.com " + o.read(name+".pub") + "\n")
		key, err := ReadKey(o.path(name), func() ([]byte, error) { return []byte("correct horse"), nil })
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		ours, err := key.Sign(body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		o.agree(name+", ours", allowed, signers, ours)

		sig := o.write("order.sig", string(ours.Armor()))
		if out := o.run(nil, "ssh-keygen", "-Y", "find-principals", "-f", allowed, "-s", sig); strings.TrimSpace(out) != "ann@example.com" {
			t.Errorf("%s: find-principals: %q", name, out)
		}
		if names := signers.Principals(key, time.Now()); len(names) != 1 || names[0] != "ann@example.com" {
			t.Errorf("%s: principals: %q", name, names)
		}
		if out := o.run(nil, "ssh-keygen", "-l", "-f", name+".pub"); !strings.Contains(out, " "+key.Fingerprint()+" ") {
			t.Errorf("%s: fingerprint %s, ssh-keygen says %s", name, key.Fingerprint(), out)
		}

		if name == "encrypted" {
			continue // ssh-keygen asks a terminal for the passphrase
		}
		theirs, err := Unarmor(body, []byte(o.run(body, "ssh-keygen", "-Y", "sign", "-f", name, "-n", Namespace)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		o.agree(name+", theirs", allowed, signers, theirs)
	}
}

// The same through a real ssh-agent, and by certificates of two authorities.
func TestInterchangeAgent(t *testing.T) {
	o := newOpenSSH(t)
	body := o.body()
	socket := o.agent()
	var text strings.Builder
	o.keygen("ecdsa384")
	o.run(nil, "ssh-keygen", "-q", "-f", "ca", "-N", "", "-t", "rsa", "-b", "3072")
	fmt.Fprintf(&text, "*@example.com cert-authority %s\n", o.read("ca.pub"))
	for _, name := range []string{"ed25519", "ecdsa256", "ecdsa521", "rsa2048"} {
		o.keygen(name)
		o.run(nil, "ssh-keygen", "-q", "-s", "ca", "-I", "ann's "+name, "-n", "ann@example.com", "-V", "-1d:+1d", name+".pub")
		if out, err := o.try(nil, []string{"SSH_AUTH_SOCK=" + socket}, "ssh-add", "-q", name); err != nil { // and its certificate
			t.Fatal(out)
		}
		fmt.Fprintf(&text, "ann@example.com %s\n", o.read(name+".pub"))
	}
	allowed, signers := o.signers(text.String())
	a, err := DialAgent(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if keys, err := a.Keys(); err != nil || len(keys) != 8 {
		t.Fatalf("%d keys: %v", len(keys), err)
	}
	for _, name := range []string{"ed25519", "ecdsa256", "ecdsa521", "rsa2048"} {
		for _, file := range []string{name + ".pub", name + "-cert.pub"} {
			key, err := a.Key(o.path(file))
			if err != nil {
				t.Fatal(err)
			}
			ours, err := key.Sign(body)
			if err != nil {
				t.Fatal(err)
			}
			o.agree(file+", ours", allowed, signers, ours)
			out, err := o.try(body, []string{"SSH_AUTH_SOCK=" + socket}, "ssh-keygen", "-q", "-Y", "sign", "-f", file, "-n", Namespace)
			if err != nil {
				t.Fatal(out)
			}
			theirs, err := Unarmor(body, []byte(out[strings.Index(out, "-----BEGIN"):]))
			if err != nil {
				t.Fatal(err)
			}
			o.agree(file+", theirs", allowed, signers, theirs)
		}
		key, err := ReadKey(o.path(name+"-cert.pub"), nil)
		if err != nil {
			t.Fatal(err)
		}
		byFile, err := key.Sign(body)
		if err != nil {
			t.Fatal(err)
		}
		o.agree(name+" certificate in a file", allowed, signers, byFile)
		if names := signers.Principals(key, time.Now()); len(names) != 1 || names[0] != "ann@example.com" {
			t.Errorf("principals of a certificate: %q", names)
		}
	}
	if _, err := a.Key(o.path("ecdsa384.pub")); err == nil || !strings.Contains(err.Error(), "ssh-add it") {
		t.Errorf("a key that the agent does not have: %v", err)
	}
	// An agent that is locked refuses.
	key, err := a.Key(o.path("ed25519.pub"))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.ext.Lock([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := key.Sign(body); err == nil || !strings.Contains(err.Error(), "sign with SHA256:") {
		t.Errorf("locked: %v", err)
	}
}

// agent starts a real ssh-agent for as long as the test runs.
func (o *openssh) agent() (socket string) {
	o.t.Helper()
	// Not under the test's directory: the path of a socket has 107 bytes.
	dir, err := os.MkdirTemp("", "jobs-agent")
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "agent")
	cmd := exec.Command("ssh-agent", "-D", "-a", socket)
	if err := cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for range 1000 {
		if conn, err := net.Dial("unix", socket); err == nil {
			conn.Close()
			return socket
		}
		time.Sleep(10 * time.Millisecond)
	}
	o.t.Fatal("ssh-agent did not come up")
	return ""
}

// A certificate is no better than its dates, its principals and its authority.
func TestCertificatesThatDoNotCount(t *testing.T) {
	o := newOpenSSH(t)
	o.keygen("ed25519")
	o.run(nil, "ssh-keygen", "-q", "-f", "ca", "-N", "", "-t", "ed25519")
	o.run(nil, "ssh-keygen", "-q", "-f", "other", "-N", "", "-t", "ed25519")
	_, signers := o.signers("*@example.com cert-authority " + o.read("ca.pub") + "\n")
	for name, args := range map[string][]string{
		"expired":         {"-s", "ca", "-n", "ann@example.com", "-V", "-2d:-1d"},
		"not yet valid":   {"-s", "ca", "-n", "ann@example.com", "-V", "+1d:+2d"},
		"of another":      {"-s", "ca", "-n", "bob@example.com"},
		"of nobody":       {"-s", "ca"},
		"of a host":       {"-s", "ca", "-h", "-n", "ann@example.com"},
		"for one command": {"-s", "ca", "-n", "ann@example.com", "-O", "force-command=true"},
		"by a stranger":   {"-s", "other", "-n", "ann@example.com"},
	} {
		o.run(nil, "ssh-keygen", append(append([]string{"-q", "-I", "x"}, args...), "ed25519.pub")...)
		key, err := ReadKey(o.path("ed25519-cert.pub"), nil)
		if err != nil {
			t.Fatal(err)
		}
		s, err := key.Sign(o.body())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signers.Verify(s, "ann@example.com", time.Now()); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
	// The bare key is not what the authority vouched for.
	key, err := ReadKey(o.path("ed25519"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := key.Sign(o.body())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signers.Verify(s, "ann@example.com", time.Now()); err == nil {
		t.Error("the key without its certificate was accepted")
	}
}

// Lines that both read, and one question to both: may ann sign now?
func TestSignersAgreeWithOpenSSH(t *testing.T) {
	o := newOpenSSH(t)
	o.keygen("ed25519")
	o.keygen("rsa2048")
	key, err := ReadKey(o.path("ed25519"), nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := key.Sign(o.body())
	if err != nil {
		t.Fatal(err)
	}
	k, other := strings.TrimSuffix(o.read("ed25519.pub"), " ed25519"), o.read("rsa2048.pub")
	day := func(days int, suffix string) string {
		return time.Now().UTC().AddDate(0, 0, days).Format("20060102") + suffix
	}
	second := func(d time.Duration) string { return time.Now().UTC().Add(d).Format("20060102150405Z") }
	for _, line := range []string{
		"ann@example.com " + k, "bob@example.com " + k, "* " + k, "*@example.com " + k, "?nn@example.com " + k, "ann@example.co " + k,
		"ANN@example.com " + k, "bob@example.com,ann@example.com " + k, "*,!ann@example.com " + k, "!bob@example.com,*@example.com " + k,
		`"ann@example.com" ` + k, "\t ann@example.com\t" + strings.Replace(k, " ", "\t ", 1) + "   a comment with = and \" signs",
		"ann@example.com cert-authority " + k, "ann@example.com " + other, "ann@example.com " + other + "\nann@example.com " + k,
		`ann@example.com namespaces="yodel-job" ` + k, `ann@example.com namespaces="file,git" ` + k, `ann@example.com namespaces="file,yodel-*" ` + k,
		`ann@example.com namespaces="!yodel-job,*" ` + k, `ann@example.com NameSpaces="yodel-job",VALID-AFTER="` + day(-1, "") + `" ` + k,
		`ann@example.com valid-after="` + day(-1, "Z") + `" ` + k, `ann@example.com valid-after="` + day(2, "Z") + `" ` + k,
		`ann@example.com valid-before="` + day(-1, "Z") + `" ` + k, `ann@example.com valid-before="` + day(2, "") + `" ` + k,
		`ann@example.com valid-after="` + day(-2, "1130") + `",valid-before="` + day(-1, "113059Z") + `" ` + k,
		`ann@example.com valid-after="` + second(-time.Hour) + `",valid-before="` + second(time.Hour) + `" ` + k,
		`ann@example.com valid-before="` + second(-time.Hour) + `" ` + k, `ann@example.com valid-after="` + second(time.Hour) + `" ` + k,
		"# ann@example.com " + k, "   # x\n\n \nann@example.com " + k, `bob valid-before="20200101" ` + k + "\nann@example.com " + k,
		"ann@example.com " + k + "\r",
	} {
		allowed, signers := o.signers(line + "\n")
		_, ours := signers.Verify(signed, "ann@example.com", time.Now())
		theirs := o.verify(allowed, "ann@example.com", signed)
		if (ours == nil) != (theirs == nil) {
			t.Errorf("%s\nours:   %v\ntheirs: %v", line, ours, theirs)
		}
	}
}

// What OpenSSH calls wrong is wrong for us.
func TestWrongSignerLines(t *testing.T) {
	o := newOpenSSH(t)
	o.keygen("ed25519")
	k := o.read("ed25519.pub")
	o.run(nil, "ssh-keygen", "-q", "-f", "short", "-N", "", "-t", "rsa", "-b", "1024")
	good, err := ReadKey(o.path("ed25519"), nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := good.Sign(o.body())
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	lines := []string{
		"ann", "ann ssh-ed25519", "ann ssh-ed25519 !!!!", "ann ssh-rsa " + strings.Fields(k)[1], "ann ssh-foo AAAA", `"ann ` + k,
		"ann no-such-option " + k, "ann namespaces=yodel-job " + k, `ann namespaces="a",namespaces="b" ` + k, `ann namespaces="a ` + k,
		`ann valid-after="2026" ` + k, `ann valid-after="20260231" ` + k, `ann valid-before="20260101",valid-before="20260102" ` + k,
		`ann valid-after="20260102",valid-before="20260101" ` + k, `ann namespaces="a", ` + k, `ann namespaces="a"x ` + k, `ann cert-authority= ` + k,
		"ann ssh-ed25519 " + strings.Fields(k)[1][:40],
	}
	for _, line := range lines {
		text.WriteString(line + "\n")
		if strings.Contains(line, "20260231") {
			continue // which ssh-keygen takes for the third of March
		}
		if err := o.verify(o.write("allowed", strings.ReplaceAll(line, "ann", "*")+"\n"), "ann@example.com", signed); err == nil {
			t.Errorf("%s: ssh-keygen takes it", line)
		}
	}
	text.WriteString("ann " + o.read("short.pub") + "\n" + "ann " + k + "\n")
	_, err = ParseSigners("allowed", []byte(text.String()), time.UTC)
	if err == nil {
		t.Fatal("accepted")
	}
	found := strings.Split(err.Error(), "\n")
	for i, line := range found {
		if !strings.HasPrefix(line, fmt.Sprintf("allowed:%d: ", i+1)) {
			t.Errorf("error %d: %s", i+1, line)
		}
	}
	if len(found) != len(lines)+1 {
		t.Errorf("%d errors in %d wrong lines:\n%v", len(found), len(lines)+1, err)
	}
}

func TestReadKeyMistakes(t *testing.T) {
	o := newOpenSSH(t)
	o.keygen("encrypted")
	o.keygen("ed25519")
	o.run(nil, "ssh-keygen", "-q", "-f", "short", "-N", "", "-t", "rsa", "-b", "1024")
	o.write("junk", "junk")
	o.write("huge", strings.Repeat("x", keyFileMax+1))
	ask := func(s string) func() ([]byte, error) { return func() ([]byte, error) { return []byte(s), nil } }
	if _, err := ReadKey(o.path("encrypted"), ask("wrong")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	gone := errors.New("no terminal")
	if _, err := ReadKey(o.path("encrypted"), func() ([]byte, error) { return nil, gone }); !errors.Is(err, gone) {
		t.Errorf("no passphrase: %v", err)
	}
	if err := os.Chmod(o.path("ed25519"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"ed25519": "chmod 600", "ed25519.pub": "a public key", "junk": "no key found", "huge": "more than", "none": "no such file", "short": "1024 bits",
	} {
		if _, err := ReadKey(o.path(name), ask("")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o.write("loose", "")
	if err := os.Chmod(o.path("loose"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSigners(o.path("loose")); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
		t.Errorf("signers that all may write: %v", err)
	}
	if _, err := DialAgent(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "SSH_AUTH_SOCK") {
		t.Errorf("no agent: %v", err)
	}
}

// token is a security key in software, behind the agent's protocol: FIDO U2F as
// PROTOCOL.u2f of OpenSSH has it.
type token struct {
	agent.Agent
	public ssh.PublicKey
	sign   func(data []byte) []byte // the raw signature in SSH's form
	flags  byte
}

func (k *token) List() ([]*agent.Key, error) {
	return []*agent.Key{{Format: k.public.Type(), Blob: k.public.Marshal(), Comment: "token"}}, nil
}

func (k *token) Sign(_ ssh.PublicKey, data []byte) (*ssh.Signature, error) {
	application, message := sha256.Sum256([]byte("ssh:")), sha256.Sum256(data)
	const counter = 7
	signed := append(application[:], k.flags)
	signed = binary.BigEndian.AppendUint32(signed, counter)
	signed = append(signed, message[:]...)
	return &ssh.Signature{
		Format: k.public.Type(), Blob: k.sign(signed),
		Rest: binary.BigEndian.AppendUint32([]byte{k.flags}, counter),
	}, nil
}

func newTokens(t *testing.T) []*token {
	t.Helper()
	edPublic, edPrivate, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := ec.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	public := func(fields any) ssh.PublicKey {
		key, err := ssh.ParsePublicKey(ssh.Marshal(fields))
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	return []*token{{
		public: public(struct {
			Type        string
			Key         []byte
			Application string
		}{ssh.KeyAlgoSKED25519, edPublic, "ssh:"}),
		sign: func(data []byte) []byte { return ed25519.Sign(edPrivate, data) }, flags: 1,
	}, {
		public: public(struct {
			Type, Curve string
			Point       []byte
			Application string
		}{ssh.KeyAlgoSKECDSA256, "nistp256", point, "ssh:"}),
		sign: func(data []byte) []byte {
			hash := sha256.Sum256(data)
			r, s, err := ecdsa.Sign(rand.Reader, ec, hash[:])
			if err != nil {
				t.Fatal(err)
			}
			return ssh.Marshal(struct{ R, S *big.Int }{r, s})
		}, flags: 1,
	}}
}

// Security keys sign through the agent. ssh-keygen agrees; without a touch only
// we refuse.
func TestSecurityKeys(t *testing.T) {
	o := newOpenSSH(t)
	for _, k := range newTokens(t) {
		here, there := net.Pipe()
		defer here.Close()
		go agent.ServeAgent(k, there)
		a := &Agent{here, agent.NewClient(here), func() bool { return true }}
		keys, err := a.Keys()
		if err != nil || len(keys) != 1 || keys[0].Comment != "token" {
			t.Fatalf("%v %v", keys, err)
		}
		allowed, signers := o.signers("ann@example.com " + string(ssh.MarshalAuthorizedKey(k.public)))
		signed, err := keys[0].Sign(o.body())
		if err != nil {
			t.Fatal(err)
		}
		o.agree(k.public.Type(), allowed, signers, signed)
		k.flags = 0
		if _, err := keys[0].Sign(o.body()); err == nil {
			t.Error("signed without a touch")
		}
	}
}

// An agent that hangs ends with the context.
func TestAgentHangs(t *testing.T) {
	dir, err := os.MkdirTemp("", "jobs-agent")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		conn.Read(make([]byte, 1)) // the question has come
		cancel()
	}()
	a, err := DialAgent(ctx, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.Keys(); err == nil {
		t.Error("keys of an agent that does not answer")
	}
}
