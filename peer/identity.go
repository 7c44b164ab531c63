package peer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// KeyFile is the name of the identity's file in the data directory: an ed25519
// private key in PKCS #8, as PEM, readable by its owner only.
const KeyFile = "node-key.pem"

// keyFileMax bounds what is read of it; a key takes 119 bytes.
const keyFileMax = 4 << 10

// An Identity is the key by which a host is known. It outlives the host's name
// and address, and ends with its data directory.
type Identity struct {
	key ed25519.PrivateKey
}

// NewIdentity makes an identity that lives in memory only.
func NewIdentity() (Identity, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Identity{}, fmt.Errorf("make node key: %w", err)
	}
	return Identity{key}, nil
}

// LoadIdentity reads the identity of a data directory, or makes it, and says
// whether it is new. A file that cannot be used is an error that says what to
// do, never a reason for a new identity: that would be another host.
func LoadIdentity(dir string) (identity Identity, created bool, err error) {
	path := filepath.Join(dir, KeyFile)
	identity, err = readIdentity(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return identity, false, err
	}
	if identity, err = NewIdentity(); err != nil {
		return Identity{}, false, err
	}
	if err := identity.write(dir, path); err != nil {
		return Identity{}, false, fmt.Errorf("write node key %s: %w", path, err)
	}
	return identity, true, nil
}

// Origin names the identity: the first 16 bytes of the SHA-256 of its public
// key.
func (i Identity) Origin() [16]byte {
	return originOf(i.key.Public().(ed25519.PublicKey))
}

func originOf(key ed25519.PublicKey) [16]byte {
	sum := sha256.Sum256(key)
	return [16]byte(sum[:16])
}

// nameOf is an origin as people read it: base32 (RFC 4648), lower case, no
// padding; 26 letters.
func nameOf(origin [16]byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(origin[:]))
}

func readIdentity(path string) (Identity, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Identity{}, fmt.Errorf("read node key: %w", err)
	}
	switch {
	case !info.Mode().IsRegular():
		return Identity{}, fmt.Errorf("read node key %s: not a regular file; move it away", path)
	case info.Mode().Perm()&0o077 != 0:
		return Identity{}, fmt.Errorf("read node key %s: mode %04o lets other users read it, and so speak as this host; "+
			"run: chmod 600 %s (or delete it to become a new origin)", path, info.Mode().Perm(), path)
	case info.Size() > keyFileMax:
		return Identity{}, fmt.Errorf("read node key %s: %d bytes, limit %d: %s", path, info.Size(), keyFileMax, keyHint)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Identity{}, fmt.Errorf("read node key: %w", err)
	}
	key, err := parseKey(text)
	if err != nil {
		return Identity{}, fmt.Errorf("read node key %s: %w: %s", path, err, keyHint)
	}
	return Identity{key}, nil
}

const keyHint = "restore the file from a backup, or move it away: the host then starts as a new origin under its name"

func parseKey(text []byte) (ed25519.PrivateKey, error) {
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return nil, errors.New("no PEM block")
	case block.Type != "PRIVATE KEY":
		return nil, fmt.Errorf("PEM block %q, want \"PRIVATE KEY\"", block.Type)
	case len(strings.TrimSpace(string(rest))) > 0:
		return nil, errors.New("text after the PEM block")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("not a PKCS #8 key: %v", err)
	}
	ed, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("key of type %T, want ed25519", key)
	}
	return ed, nil
}

// write puts the key in place whole or not at all, also through a power cut: a
// half-written identity would need a person.
func (i Identity) write(dir, path string) error {
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, KeyFile+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // after the rename: nothing
	err = errors.Join(
		pem.Encode(file, &pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		file.Sync(),
		file.Close(),
	)
	if err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
