package jobs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// signersMax bounds a file of allowed signers, in bytes: 5,000 RSA keys.
const signersMax = 4 << 20

// Signers are the people whose keys may sign, as a file of allowed signers says
// (ALLOWED SIGNERS in ssh-keygen(1)). It is read more strictly than OpenSSH
// does: one wrong line and there are no signers at all, and a certificate must
// name its principal.
type Signers struct{ lines []signerLine }

// A signerLine is a key, and for whom, for what and when it may sign.
type signerLine struct {
	number     int
	principals string // a pattern list
	key        ssh.PublicKey
	authority  bool      // key signs certificates
	namespaces string    // a pattern list; empty: all
	from, to   time.Time // zero: no limit; both inclusive
}

// ReadSigners reads a file of allowed signers. Nobody but its owner, root or
// this user, may be able to write it.
func ReadSigners(path string) (*Signers, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read allowed signers: %w", err)
	}
	if info.Mode()&0o022 != 0 {
		return nil, fmt.Errorf("read allowed signers %s: others may write it (mode %#o); chmod go-w %s", path, info.Mode().Perm(), path)
	}
	if info.Size() > signersMax {
		return nil, fmt.Errorf("read allowed signers %s: %d bytes, limit %d", path, info.Size(), signersMax)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read allowed signers: %w", err)
	}
	return ParseSigners(path, b, time.Local)
}

// ParseSigners reads the text of such a file. Times without Z are of that
// place. The error has every wrong line, as "name:line: what".
func ParseSigners(name string, text []byte, local *time.Location) (*Signers, error) {
	var s Signers
	var wrong []error
	if len(text) > signersMax {
		return nil, fmt.Errorf("%s: %d bytes, limit %d", name, len(text), signersMax)
	}
	number := 0
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		number++
		rest := strings.TrimLeft(strings.TrimSuffix(string(line), "\r"), " \t")
		if rest == "" || rest[0] == '#' {
			continue
		}
		l, err := parseSignerLine(rest, local)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s:%d: %w", name, number, err))
			continue
		}
		l.number = number
		s.lines = append(s.lines, l)
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return &s, nil
}

// Len is how many lines name a key.
func (s *Signers) Len() int {
	if s == nil {
		return 0
	}
	return len(s.lines)
}

// Verify is nil when the signature is one of body, by a key that may sign for
// the principal now; else a *Refusal. The fingerprint is of the key that claims
// to have signed, if it could be read.
func (s *Signers) Verify(signed Signed, principal string, now time.Time) (fingerprint string, err error) {
	sig, err := signed.parse()
	if err != nil {
		return "", refuse(BadSignature, "the signature is damaged: %v", err)
	}
	by := sshFingerprint(sig)
	if sig.Namespace != Namespace {
		return by, refuse(WrongNamespace, "it was signed in the namespace %.40q, not %q", sig.Namespace, Namespace)
	}
	if err := s.allows(sig.PublicKey, principal, now); err != nil {
		return by, err
	}
	if err := check(sig, signed.Body); err != nil {
		return by, refuse(Altered, "the signature of %s is not one of this order: it was altered, or never signed", by)
	}
	return by, nil
}

func sshFingerprint(sig *sshsig.Signature) string { return fingerprint(sig.PublicKey) }

// allows is nil when some line lets the key sign for the principal now, else
// the reason of the line that comes closest.
func (s *Signers) allows(key ssh.PublicKey, principal string, now time.Time) error {
	if s.Len() == 0 {
		return refuse(UnknownSigner, "this host has no allowed signers")
	}
	known := false
	var nearly error
	for _, l := range s.lines {
		if !l.is(key) {
			continue
		}
		known = true
		if !matchList(l.principals, principal) {
			continue
		}
		err := l.permits(key, principal, now)
		if err == nil {
			return nil
		}
		nearly = err
	}
	switch {
	case nearly != nil:
		return nearly
	case known:
		return refuse(UnknownSigner, "the key %s may not sign for %s on this host", fingerprint(key), principal)
	default:
		return refuse(UnknownSigner, "the key %s (%s) is not among the allowed signers of this host", fingerprint(key), principal)
	}
}

// is says that the line speaks of this key, or of the authority of this
// certificate.
func (l signerLine) is(key ssh.PublicKey) bool {
	cert, certified := key.(*ssh.Certificate)
	if !l.authority {
		return !certified && bytes.Equal(l.key.Marshal(), key.Marshal())
	}
	return certified && bytes.Equal(l.key.Marshal(), cert.SignatureKey.Marshal())
}

func (l signerLine) permits(key ssh.PublicKey, principal string, now time.Time) error {
	if cert, ok := key.(*ssh.Certificate); ok {
		if err := l.certifies(cert, principal, now); err != nil {
			return refuse(UnknownSigner, "the certificate %q of %s: %v", cert.KeyId, fingerprint(key), err)
		}
	}
	now = now.Truncate(time.Second) // as the file has it
	switch {
	case l.namespaces != "" && !matchList(l.namespaces, Namespace):
		return refuse(WrongNamespace, "the key %s may sign in the namespaces %s only, not in %s", fingerprint(key), l.namespaces, Namespace)
	case !l.from.IsZero() && now.Before(l.from):
		return refuse(KeyTime, "the key %s is valid after %s only", fingerprint(key), l.from.UTC().Format(time.RFC3339))
	case !l.to.IsZero() && now.After(l.to):
		return refuse(KeyTime, "the key %s was valid before %s only", fingerprint(key), l.to.UTC().Format(time.RFC3339))
	}
	return nil
}

func (l signerLine) certifies(cert *ssh.Certificate, principal string, now time.Time) error {
	if cert.CertType != ssh.UserCert {
		return errors.New("not a user certificate")
	}
	if len(cert.ValidPrincipals) == 0 {
		return errors.New("it names no principal")
	}
	if cert.Signature == nil || cert.Signature.Format == ssh.KeyAlgoRSA {
		return errors.New("signed with SHA-1")
	}
	checker := ssh.CertChecker{Clock: func() time.Time { return now }}
	return checker.CheckCert(principal, cert)
}

// Principals are the names that a key may sign for now: those without a
// pattern, in the order of the file. It helps to find the author of an order.
func (s *Signers) Principals(k Key, now time.Time) []string {
	if s == nil {
		return nil
	}
	key := k.signer.PublicKey()
	var names []string
	for _, l := range s.lines {
		if !l.is(key) {
			continue
		}
		candidates := strings.Split(l.principals, ",")
		if cert, ok := key.(*ssh.Certificate); ok {
			candidates = cert.ValidPrincipals
		}
		for _, name := range candidates {
			if !strings.ContainsAny(name, "*?!") && matchList(l.principals, name) && l.permits(key, name, now) == nil {
				names = append(names, name)
			}
		}
	}
	return names
}
