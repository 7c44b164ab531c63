package catalog

import (
	"encoding/base32"
	"fmt"
)

// Origin is the identity that writes entries: the first 16 bytes of the
// SHA-256 of a node's public key. It is born with the data directory and is
// not the host name; a host that lost its disk is a new origin.
type Origin [16]byte

// Base32 (RFC 4648) in lower case: 26 characters, fit for any name.
var originText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// String is the text form of an origin: 26 characters.
func (o Origin) String() string { return originText.EncodeToString(o[:]) }

// ParseOrigin reads the text form of an origin.
func ParseOrigin(s string) (Origin, error) {
	var o Origin
	b, err := originText.DecodeString(s)
	if err != nil || len(b) != len(o) {
		return o, fmt.Errorf("parse origin %.40q: want 26 characters of base32", s)
	}
	copy(o[:], b)
	return o, nil
}

// MarshalText makes an origin its text form in JSON.
func (o Origin) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the text form.
func (o *Origin) UnmarshalText(b []byte) (err error) {
	*o, err = ParseOrigin(string(b))
	return err
}
