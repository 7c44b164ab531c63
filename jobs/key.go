package jobs

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// ErrPassphrase: the passphrase does not open the key file.
var ErrPassphrase = errors.New("wrong passphrase")

// keyFileMax bounds a key file: RSA of 16,384 bits is 13 kB.
const keyFileMax = 64 << 10

// A Key signs for a person.
type Key struct {
	signer  ssh.Signer
	Comment string // of a key from an agent
}

// Fingerprint names the key as ssh-keygen -l does: "SHA256:...". That of a
// certificate is that of its key.
func (k Key) Fingerprint() string { return fingerprint(k.signer.PublicKey()) }

// Type is the name of the key's type in OpenSSH: "ssh-ed25519".
func (k Key) Type() string { return k.signer.PublicKey().Type() }

func fingerprint(key ssh.PublicKey) string { return ssh.FingerprintSHA256(plainKey(key)) }

// Sign signs a body in its canonical form. A security key waits for a touch.
func (k Key) Sign(body []byte) (Signed, error) {
	sig, err := sshsig.Sign(bytes.NewReader(body), k.signer, sshsig.HashSHA512, Namespace)
	if err != nil {
		return Signed{}, fmt.Errorf("sign with %s %s: %w", k.Fingerprint(), k.Comment, err)
	}
	s := Signed{Body: body, Signature: sig.Marshal()}
	// An agent is another program: what it says is looked at.
	parsed, err := s.parse()
	if err == nil {
		err = check(parsed, body)
	}
	if err != nil {
		return Signed{}, fmt.Errorf("sign with %s %s: not a signature that would be accepted: %w", k.Fingerprint(), k.Comment, err)
	}
	return s, nil
}

// ReadKey reads a key file in any form that ssh-keygen writes. passphrase is
// asked when the file is encrypted, once. A path that ends in -cert.pub is a
// certificate for the key in the file of the name before that.
func ReadKey(path string, passphrase func() ([]byte, error)) (Key, error) {
	private, isCert := strings.CutSuffix(path, "-cert.pub")
	signer, err := readPrivate(private, passphrase)
	if err == nil && isCert {
		signer, err = certify(path, signer)
	}
	if err != nil {
		return Key{}, fmt.Errorf("read key %s: %w", private, err)
	}
	if err := goodKey(plainKey(signer.PublicKey())); err != nil {
		return Key{}, fmt.Errorf("read key %s: %w", private, err)
	}
	return newKey(signer, ""), nil
}

func newKey(s ssh.Signer, comment string) Key {
	if with, ok := s.(ssh.AlgorithmSigner); ok && plainKey(s.PublicKey()).Type() == ssh.KeyAlgoRSA {
		s = sha2Signer{with}
	}
	return Key{s, comment}
}

// sha2Signer keeps RSA from signing with SHA-1, also under a certificate.
type sha2Signer struct{ ssh.AlgorithmSigner }

func (s sha2Signer) Sign(random io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(random, data, ssh.KeyAlgoRSASHA512)
}

func readPrivate(path string, passphrase func() ([]byte, error)) (ssh.Signer, error) {
	b, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	if _, _, _, _, err := ssh.ParseAuthorizedKey(b); err == nil {
		return nil, errors.New("a public key; name the private one, or use the agent that has it")
	}
	if info, err := os.Stat(path); err == nil && info.Mode()&0o077 != 0 {
		return nil, fmt.Errorf("others may read it (mode %#o); chmod 600 %s", info.Mode().Perm(), path)
	}
	signer, err := ssh.ParsePrivateKey(b)
	if missing := new(ssh.PassphraseMissingError); errors.As(err, &missing) {
		var secret []byte
		if secret, err = passphrase(); err != nil {
			return nil, fmt.Errorf("ask for its passphrase: %w", err)
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(b, secret)
		clear(secret)
		if errors.Is(err, x509.IncorrectPasswordError) {
			return nil, ErrPassphrase
		}
	}
	if err != nil && strings.Contains(err.Error(), "unhandled key type") {
		return nil, fmt.Errorf("%w; security keys sign through ssh-agent: ssh-add %s", err, path)
	}
	return signer, err
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, keyFileMax+1))
	if err == nil && len(b) > keyFileMax {
		err = fmt.Errorf("more than %d bytes", keyFileMax)
	}
	return b, err
}

func certify(path string, signer ssh.Signer) (ssh.Signer, error) {
	key, err := readPublic(path)
	if err != nil {
		return nil, err
	}
	cert, ok := key.(*ssh.Certificate)
	if !ok {
		return nil, fmt.Errorf("%s is not a certificate", path)
	}
	return ssh.NewCertSigner(cert, signer)
}

func readPublic(path string) (ssh.PublicKey, error) {
	b, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(b)
	return key, err
}

// An Agent is a connection to ssh-agent.
type Agent struct {
	conn net.Conn
	ext  agent.ExtendedAgent
	stop func() bool
}

// DialAgent connects to the agent at a socket, as SSH_AUTH_SOCK names it. The
// end of ctx ends the connection, and with it a signature that waits.
func DialAgent(ctx context.Context, socket string) (*Agent, error) {
	if socket == "" {
		return nil, errors.New("dial ssh-agent: SSH_AUTH_SOCK is not set; start one, or name a key file")
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("dial ssh-agent: %w", err)
	}
	return &Agent{conn, agent.NewClient(conn), context.AfterFunc(ctx, func() { conn.Close() })}, nil
}

// Close ends the connection.
func (a *Agent) Close() error {
	a.stop()
	return a.conn.Close()
}

// Keys are those of the agent that can sign orders, in its order.
func (a *Agent) Keys() ([]Key, error) {
	listed, err := a.ext.List()
	if err != nil {
		return nil, fmt.Errorf("list the keys of ssh-agent: %w", err)
	}
	var keys []Key
	for _, l := range listed {
		public, err := ssh.ParsePublicKey(l.Blob)
		if err == nil && goodKey(plainKey(public)) == nil {
			keys = append(keys, newKey(agentSigner{a.ext, public}, l.Comment))
		}
	}
	return keys, nil
}

// agentSigner knows, other than the library's, what is in a certificate.
type agentSigner struct {
	agent agent.ExtendedAgent
	key   ssh.PublicKey
}

func (s agentSigner) PublicKey() ssh.PublicKey { return s.key }

func (s agentSigner) Sign(random io.Reader, data []byte) (*ssh.Signature, error) {
	return s.agent.Sign(s.key, data)
}

func (s agentSigner) SignWithAlgorithm(random io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	if algorithm != ssh.KeyAlgoRSASHA512 {
		return s.Sign(random, data)
	}
	return s.agent.SignWithFlags(s.key, data, agent.SignatureFlagRsaSha512)
}

// Key is the agent's key of a public key file, a certificate included.
func (a *Agent) Key(publicFile string) (Key, error) {
	key, err := readPublic(publicFile)
	if err != nil {
		return Key{}, fmt.Errorf("read public key %s: %w", publicFile, err)
	}
	keys, err := a.Keys()
	if err != nil {
		return Key{}, err
	}
	for _, k := range keys {
		if bytes.Equal(k.signer.PublicKey().Marshal(), key.Marshal()) {
			return k, nil
		}
	}
	return Key{}, fmt.Errorf("find key %s: ssh-agent does not have %s; ssh-add it", publicFile, fingerprint(key))
}

func plainKey(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

func rsaBits(key ssh.PublicKey) int {
	if k, ok := key.(ssh.CryptoPublicKey); ok {
		if public, ok := k.CryptoPublicKey().(*rsa.PublicKey); ok {
			return public.N.BitLen()
		}
	}
	return 0
}
