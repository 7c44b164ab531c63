package gossip

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// ErrNotEncrypted answers a keyring request in a mesh without a key.
var ErrNotEncrypted = errors.New("this mesh is not encrypted: set encrypt on every host first")

// keyring is the keys of this member: those of the file when there is one,
// since a rotation changed it later than anybody changed the configuration.
func (c Config) keyring() (*memberlist.Keyring, error) {
	keys, err := c.keys()
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	ring, err := memberlist.NewKeyring(keys, keys[0])
	if err != nil {
		return nil, fmt.Errorf("read gossip key: %w", err)
	}
	return ring, nil
}

func (c Config) keys() ([][]byte, error) {
	if c.Key == "" {
		return nil, nil
	}
	texts := []string{c.Key}
	if c.KeyringFile != "" {
		b, err := os.ReadFile(c.KeyringFile)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return decodeKeys(texts, "encrypt", c.writeKeyring(texts))
		case err != nil:
			return nil, fmt.Errorf("read keyring: %w", err)
		}
		if err := json.Unmarshal(b, &texts); err != nil {
			return nil, fmt.Errorf("read keyring %s: %w; copy the file of another member", c.KeyringFile, err)
		}
	}
	return decodeKeys(texts, "keyring "+c.KeyringFile, nil)
}

func (c Config) writeKeyring(texts []string) error {
	b, err := json.MarshalIndent(texts, "", "  ")
	if err != nil {
		return fmt.Errorf("write keyring: %w", err)
	}
	if err := os.WriteFile(c.KeyringFile, b, 0o600); err != nil {
		return fmt.Errorf("write keyring: %w", err)
	}
	return nil
}

func decodeKeys(texts []string, where string, err error) ([][]byte, error) {
	if err != nil {
		return nil, err
	}
	keys := make([][]byte, 0, len(texts))
	for _, t := range texts {
		k, err := base64.StdEncoding.DecodeString(t)
		if err != nil || len(k) != 16 && len(k) != 24 && len(k) != 32 {
			return nil, fmt.Errorf("read %s: a key is the base64 of 16, 24 or 32 bytes: yodel keyring generate makes one", where)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// Keyring is the answer of the whole mesh to a keyring request.
type Keyring struct {
	Members  int               // how many were asked
	Answered int               // how many answered
	Keys     map[string]int    // base64 of a key: on how many members it is installed
	Primary  map[string]int    // base64 of a key: on how many members it encrypts
	Errors   map[string]string // id of a member: what it said
}

// KeyOperation is a thing to do to every keyring of the mesh.
type KeyOperation string

// The operations. A rotation is install, use, remove, each once every member
// has answered the one before.
const (
	KeyList    KeyOperation = "list"
	KeyInstall KeyOperation = "install"
	KeyUse     KeyOperation = "use"
	KeyRemove  KeyOperation = "remove"
)

// Keyring asks every member to do op. It takes seconds, and an error comes
// with what was answered: members that were away are not among them.
func (m *Mesh) Keyring(op KeyOperation, key string) (Keyring, error) {
	if !m.serf.EncryptionEnabled() {
		return Keyring{}, ErrNotEncrypted
	}
	if op != KeyList {
		if _, err := decodeKeys([]string{key}, "key", nil); err != nil {
			return Keyring{}, err
		}
	}
	m.keyBusy <- struct{}{} // one at a time: Serf holds its lock while it waits
	defer func() { <-m.keyBusy }()
	r, err := m.keyRequest(op, key)
	if r == nil {
		return Keyring{}, err
	}
	k := Keyring{Members: r.NumNodes, Answered: r.NumResp, Keys: r.Keys, Primary: r.PrimaryKeys, Errors: make(map[string]string)}
	for _, sm := range m.serf.Members() {
		if text, said := r.Messages[sm.Name]; said {
			k.Errors[member(sm).ID] = text
		}
	}
	if err != nil {
		return k, fmt.Errorf("keyring %s: %w; do it again once all members are here", op, err)
	}
	return k, nil
}

func (m *Mesh) keyRequest(op KeyOperation, key string) (*serf.KeyResponse, error) {
	km := m.serf.KeyManager()
	switch op {
	case KeyList:
		return km.ListKeys()
	case KeyInstall:
		return km.InstallKey(key)
	case KeyUse:
		return km.UseKey(key)
	case KeyRemove:
		return km.RemoveKey(key)
	}
	return nil, fmt.Errorf("keyring operation %q: want list, install, use or remove", op)
}
