package jobs

import (
	"encoding/hex"
	"fmt"
)

// A Hash is the SHA-256 of a content.
type Hash [32]byte

// String is the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText makes a hash hexadecimal in JSON.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads the text form.
func (h *Hash) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(h) {
		return fmt.Errorf("parse hash %.70q: want 64 hexadecimal digits", text)
	}
	copy(h[:], b)
	return nil
}
