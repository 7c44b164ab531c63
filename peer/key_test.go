package peer

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"
)

// FuzzKeyFile: any content is a whole ed25519 key or an error.
func FuzzKeyFile(f *testing.F) {
	dir := f.TempDir()
	if _, _, err := LoadIdentity(dir); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, KeyFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:50])
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if key, err := parseKey(text); err == nil && len(key) != ed25519.PrivateKeySize {
			t.Errorf("a key of %d bytes", len(key))
		}
	})
}
