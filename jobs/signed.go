package jobs

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// Namespace is the one in which an order is signed (PROTOCOL.sshsig of
// OpenSSH), so that a signature of a commit or a file is never one of an order.
const Namespace = "yodel-job"

const signedForm = "yodel-signed-1"

// Signed is an order, or a cancel, with its signature: what travels.
type Signed struct {
	_         struct{} `cbor:",toarray"`
	Body      []byte   // the canonical form, which is the message that is signed
	Signature []byte   // an SSHSIG blob (PROTOCOL.sshsig), not armored
}

// Encode is the wire form.
func (s Signed) Encode() ([]byte, error) { return encode(signedForm, s) }

// DecodeSigned reads the wire form. It believes nothing of what is in it.
func DecodeSigned(b []byte) (Signed, error) { return decode[Signed](signedForm, SignedMax, b) }

// Armor is the signature as a file of ssh-keygen -Y sign. With the body in
// another file, ssh-keygen -Y verify reads it.
func (s Signed) Armor() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: sshsig.PEMType, Bytes: s.Signature})
}

// Unarmor joins a body with the file that ssh-keygen -Y sign -n yodel-job made
// of it.
func Unarmor(body, file []byte) (Signed, error) {
	block, rest := pem.Decode(file)
	if block == nil || block.Type != sshsig.PEMType || len(bytes.TrimSpace(rest)) > 0 {
		return Signed{}, fmt.Errorf("read signature: want one block %q", sshsig.PEMType)
	}
	return Signed{Body: body, Signature: block.Bytes}, nil
}

// IsCancel says that the body names itself a cancel.
func (s Signed) IsCancel() bool { return formOf(s.Body) == cancelForm }

// parse reads the signature and refuses what OpenSSH would not make. The
// library reads the blob; it does not know that RSA certificates sign with
// SHA-2 too, and it lets bytes follow a signature.
func (s Signed) parse() (*sshsig.Signature, error) {
	if len(s.Signature) > signatureMax {
		return nil, fmt.Errorf("%d bytes, limit %d", len(s.Signature), signatureMax)
	}
	sig, err := sshsig.ParseSignature(s.Signature)
	if err != nil {
		return nil, err
	}
	key := plainKey(sig.PublicKey)
	if err := goodKey(key); err != nil {
		return nil, err
	}
	if !slices.Contains(formatsOf(key.Type()), sig.Signature.Format) {
		return nil, fmt.Errorf("a %s key signed with %q", key.Type(), sig.Signature.Format)
	}
	if len(sig.Signature.Rest) > 0 && !isSecurityKey(key.Type()) {
		return nil, errors.New("bytes follow the signature")
	}
	return sig, nil
}

// check is whether the key in the signature signed the body.
func check(sig *sshsig.Signature, body []byte) error {
	return sshsig.Verify(bytes.NewReader(body), sig, sig.PublicKey, sig.HashAlgorithm, Namespace)
}

// formatsOf are the signatures that a type of key may make: SHA-1 is none.
func formatsOf(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{keyType}
}

func isSecurityKey(keyType string) bool {
	return keyType == ssh.KeyAlgoSKED25519 || keyType == ssh.KeyAlgoSKECDSA256
}

// rsaMin is what RSA keys must have, in bits: NIST SP 800-57 for any use today.
const rsaMin = 2048

// goodKey refuses keys that are not fit to give root: DSA, short RSA, unknown.
func goodKey(key ssh.PublicKey) error {
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256:
		return nil
	case ssh.KeyAlgoRSA:
		if bits := rsaBits(key); bits < rsaMin {
			return fmt.Errorf("an RSA key of %d bits; at least %d", bits, rsaMin)
		}
		return nil
	default:
		return fmt.Errorf("key type %.40q; must be ed25519, ECDSA, RSA or a security key", key.Type())
	}
}
