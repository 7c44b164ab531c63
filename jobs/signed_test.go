package jobs

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// person is a key made for a test, and the line that allows it.
type person struct {
	Key
	line string
}

func newPerson(t testing.TB, principal string) person {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return person{newKey(signer, ""), principal + " " + string(ssh.MarshalAuthorizedKey(signer.PublicKey()))}
}

// allowed are the signers of some lines.
func allowed(t testing.TB, people ...person) *Signers {
	t.Helper()
	var text strings.Builder
	for _, p := range people {
		text.WriteString(p.line)
	}
	s, err := ParseSigners("allowed_signers", []byte(text.String()), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sign gives an order that a host would accept.
func (p person) sign(t testing.TB, o Order) Signed {
	t.Helper()
	body, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func causeOf(err error) Cause {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Cause
	}
	return ""
}

func TestSignaturesThatDoNotCount(t *testing.T) {
	ann, eve := newPerson(t, "ann@example.com"), newPerson(t, "eve@example.com")
	good := ann.sign(t, plain())
	signers := allowed(t, ann)
	if _, err := signers.Verify(good, "ann@example.com", noon); err != nil {
		t.Fatal(err)
	}
	remake := func(change func(*sshsig.Signature)) Signed {
		sig, err := sshsig.ParseSignature(good.Signature)
		if err != nil {
			t.Fatal(err)
		}
		change(sig)
		return Signed{Body: good.Body, Signature: sig.Marshal()}
	}
	file, err := sshsig.Sign(bytes.NewReader(good.Body), ann.signer, sshsig.HashSHA512, "file")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		signed    Signed
		principal string
		want      Cause
	}{
		"another's key":            {eve.sign(t, plain()), "ann@example.com", UnknownSigner},
		"in another's name":        {good, "bob@example.com", UnknownSigner},
		"of a file":                {Signed{Body: good.Body, Signature: file.Marshal()}, "ann@example.com", WrongNamespace},
		"of a file, renamed":       {remake(func(s *sshsig.Signature) { s.Signature = file.Signature }), "ann@example.com", Altered},
		"one bit of the body":      {Signed{Body: append([]byte{good.Body[0] ^ 1}, good.Body[1:]...), Signature: good.Signature}, "ann@example.com", Altered},
		"one bit of the signature": {remake(func(s *sshsig.Signature) { s.Signature.Blob[5] ^= 1 }), "ann@example.com", Altered},
		"eve's key put in":         {remake(func(s *sshsig.Signature) { s.PublicKey = eve.signer.PublicKey() }), "ann@example.com", UnknownSigner},
		"bytes after it":           {remake(func(s *sshsig.Signature) { s.Signature.Rest = []byte{0} }), "ann@example.com", BadSignature},
		"another hash":             {remake(func(s *sshsig.Signature) { s.HashAlgorithm = sshsig.HashSHA256 }), "ann@example.com", Altered},
		"nothing":                  {Signed{Body: good.Body}, "ann@example.com", BadSignature},
		"too long":                 {Signed{Body: good.Body, Signature: make([]byte, signatureMax+1)}, "ann@example.com", BadSignature},
	} {
		if _, err := signers.Verify(c.signed, c.principal, noon); causeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := (*Signers)(nil).Verify(good, "ann@example.com", noon); causeOf(err) != UnknownSigner {
		t.Errorf("no signers: %v", err)
	}
}

// SHA-1 is refused with the plain key and under a certificate, where the
// library does not look.
func TestNoSHA1(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert := &ssh.Certificate{Key: signer.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"ann"}, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, signer); err != nil {
		t.Fatal(err)
	}
	certified, err := ssh.NewCertSigner(cert, signer)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := sshsig.Sign(strings.NewReader("x"), sha1Signer{certified.(ssh.AlgorithmSigner)}, sshsig.HashSHA512, Namespace)
	if err != nil {
		t.Fatal(err)
	}
	if sig.Signature.Format != ssh.KeyAlgoRSA {
		t.Fatalf("the test signed with %s", sig.Signature.Format)
	}
	if _, err := (Signed{Body: []byte("x"), Signature: sig.Marshal()}).parse(); err == nil {
		t.Error("SHA-1 was accepted")
	}
	for _, s := range []ssh.Signer{signer, certified} {
		if _, err := newKey(s, "").Sign([]byte("x")); err != nil {
			t.Error(err)
		}
	}
}

type sha1Signer struct{ ssh.AlgorithmSigner }

func (s sha1Signer) Sign(random io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(random, data, ssh.KeyAlgoRSA)
}

func TestSignedRoundTrip(t *testing.T) {
	s := newPerson(t, "ann").sign(t, plain())
	b, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeSigned(b)
	if err != nil || !bytes.Equal(back.Body, s.Body) || !bytes.Equal(back.Signature, s.Signature) {
		t.Errorf("%v %v", back, err)
	}
	armored, err := Unarmor(s.Body, s.Armor())
	if err != nil || !bytes.Equal(armored.Signature, s.Signature) {
		t.Errorf("%v %v", armored, err)
	}
	if _, err := Unarmor(s.Body, append(s.Armor(), s.Armor()...)); err == nil {
		t.Error("two signatures were one")
	}
	if len(b) > 1024 {
		t.Errorf("an order to three hosts has %d bytes", len(b))
	}
}

func TestPatterns(t *testing.T) {
	letters := []string{"", "a", "b", "ab", "ba", "aab", "abab", "a*b", "bbbb"}
	for _, p := range []string{"", "*", "?", "a*", "*a", "*b*", "a?b", "**", "a*b*b", "*?", "?*?", "ab", "a**b"} {
		re := regexp.MustCompile("^" + strings.NewReplacer("*", ".*", "?", ".").Replace(p) + "$")
		for _, s := range letters {
			if matchPattern(p, s) != re.MatchString(s) {
				t.Errorf("%q %q: %v", p, s, matchPattern(p, s))
			}
		}
	}
	// Time is bounded by the product of the lengths.
	if matchPattern(strings.Repeat("*a", 200)+"b", strings.Repeat("a", 20000)) {
		t.Error("matched")
	}
	for _, c := range []struct {
		list, text string
		want       bool
	}{{"a,b", "b", true}, {"!a,*", "a", false}, {"*,!a", "a", false}, {"!a", "b", false}, {"", "", true}, {"a", "", false}} {
		if matchList(c.list, c.text) != c.want {
			t.Errorf("%+v", c)
		}
	}
}

func FuzzDecodeSigned(f *testing.F) {
	ann := newPerson(f, "ann@example.com")
	signers := allowed(f, ann)
	b, err := ann.sign(f, plain()).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeSigned(b)
		if err != nil {
			return
		}
		if again, err := s.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("decoded and encoded: %v\n%x\n%x", err, b, again)
		}
		signers.Verify(s, "ann@example.com", noon)
	})
}

// A signature that verifies is by a key that is listed, whatever its bytes.
func FuzzSignature(f *testing.F) {
	ann := newPerson(f, "ann@example.com")
	signers := allowed(f, ann)
	good := ann.sign(f, plain())
	f.Add(good.Body, good.Signature)
	f.Fuzz(func(t *testing.T, body, signature []byte) {
		s := Signed{Body: body, Signature: signature}
		if by, err := signers.Verify(s, "ann@example.com", noon); err == nil {
			if by != ann.Fingerprint() || !bytes.Equal(body, good.Body) {
				t.Errorf("forged: %x %x", body, signature)
			}
		}
	})
}

func FuzzParseSigners(f *testing.F) {
	ann := newPerson(f, `ann@example.com namespaces="yodel-job",valid-after="20200101",valid-before="203001012359Z"`)
	f.Add(ann.line)
	f.Add(`"a b",!c cert-authority,namespaces="a\"b" ` + ann.line)
	f.Add("# nothing\n\n \t\nx ssh-rsa AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSigners("f", []byte(text), time.UTC)
		if err == nil {
			s.Principals(ann.Key, noon)
			return
		}
		for line := range strings.SplitSeq(err.Error(), "\n") {
			var n int
			if _, err := fmt.Sscanf(line, "f:%d: ", &n); err != nil || n < 1 || n > 1+strings.Count(text, "\n") {
				t.Errorf("an error without a line: %s", line)
			}
		}
	})
}
