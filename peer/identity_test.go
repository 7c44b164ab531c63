package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestIdentityIsBornOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, created, err := LoadIdentity(dir)
	if err != nil || !created {
		t.Fatalf("first load: created %v, %v", created, err)
	}
	again, created, err := LoadIdentity(dir)
	if err != nil || created {
		t.Fatalf("second load: created %v, %v", created, err)
	}
	if first.Origin() != again.Origin() || first.Origin() == ([16]byte{}) {
		t.Error("the identity changed with a restart")
	}
	info, err := os.Stat(filepath.Join(dir, KeyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file mode %v, %v; want 0600", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("files in the data directory: %q, want the key only", left)
	}
	if other := mustIdentity(t); other.Origin() == first.Origin() {
		t.Error("two identities share an origin")
	}
}

func TestUnusableKeyIsNeverReplaced(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	other := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))

	dir := t.TempDir()
	if _, _, err := LoadIdentity(dir); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		mode       fs.FileMode
		want       string
	}{
		{"readable by others", string(good), 0o644, "run: chmod 600"},
		{"empty", "", 0o600, "no PEM block: restore the file from a backup"},
		{"half", string(good[:60]), 0o600, "no PEM block"},
		{"flipped", string(good[:40]) + "!" + string(good[41:]), 0o600, "no PEM block"},
		{"other block", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE"})), 0o600, `PEM block "CERTIFICATE"`},
		{"no key in it", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})), 0o600, "not a PKCS #8 key"},
		{"other algorithm", other, 0o600, "want ed25519"},
		{"two blocks", string(good) + string(good), 0o600, "text after the PEM block"},
		{"long", string(make([]byte, keyFileMax+1)), 0o600, "limit 4096"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, KeyFile)
			if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
				t.Fatal(err)
			}
			_, created, err := LoadIdentity(dir)
			wantError(t, err, c.want)
			wantError(t, err, path)
			if now, _ := os.ReadFile(path); created || string(now) != c.text {
				t.Error("the file was replaced")
			}
		})
	}
}

func TestKeyThatCannotBeWrittenIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadIdentity(filepath.Join(file, "data")); err == nil {
		t.Error("an identity in a directory that cannot be")
	}
}
