package jobs

import (
	"encoding/base32"
	"fmt"
)

// An Origin is the identity of a host, born with its data directory.
type Origin [16]byte

// originText is RFC 4648 base32 in lower case: 26 letters and digits, as
// everywhere in yodel.
var originText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// String is the text form.
func (o Origin) String() string { return originText.EncodeToString(o[:]) }

// MarshalText makes an origin its text form in JSON.
func (o Origin) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the text form.
func (o *Origin) UnmarshalText(text []byte) error {
	b, err := originText.DecodeString(string(text))
	if err != nil || len(b) != len(o) {
		return fmt.Errorf("parse origin %.40q: want 26 letters and digits", text)
	}
	copy(o[:], b)
	return nil
}
