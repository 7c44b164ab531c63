package jobs

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// An ID names one order for good. It is a ULID (github.com/ulid/spec): 48 bits
// of Unix milliseconds, then 80 random bits, so that IDs sort by the time of
// the order, which is kept nowhere else.
type ID [16]byte

// Crockford's base32, in lower case: no i, l, o, u to misread.
const idLetters = "0123456789abcdefghjkmnpqrstvwxyz"

// idLength is 128 bits in letters of 5.
const idLength = 26

// NewID is a fresh ID of that time.
func NewID(now time.Time) ID {
	var id ID
	binary.BigEndian.PutUint64(id[:], uint64(now.UnixMilli())<<16)
	rand.Read(id[6:]) // does not fail: crypto/rand ends the process instead
	return id
}

// Time is when the order was made, by its author's clock.
func (id ID) Time() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(id[:]) >> 16))
}

// IsZero is true for no ID.
func (id ID) IsZero() bool { return id == ID{} }

// String is the text form: 26 letters and digits, in the order of the IDs.
func (id ID) String() string {
	high, low := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	var text [idLength]byte
	for i := idLength - 1; i >= 0; i-- {
		text[i] = idLetters[low&31]
		low = low>>5 | high<<59
		high >>= 5
	}
	return string(text[:])
}

// ParseID reads the text form, in either case.
func ParseID(text string) (ID, error) {
	var high, low uint64
	if len(text) != idLength || text[0] > '7' { // the first letter has 3 bits
		return ID{}, fmt.Errorf("parse job ID %.40q: want %d letters and digits", text, idLength)
	}
	for _, c := range []byte(strings.ToLower(text)) {
		v := strings.IndexByte(idLetters, c)
		if v < 0 {
			return ID{}, fmt.Errorf("parse job ID %.40q: %q is not in a job ID", text, c)
		}
		high = high<<5 | low>>59
		low = low<<5 | uint64(v)
	}
	var id ID
	binary.BigEndian.PutUint64(id[:8], high)
	binary.BigEndian.PutUint64(id[8:], low)
	return id, nil
}

// MarshalText makes an ID its text form in JSON; no ID is empty.
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return nil, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText reads the text form.
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id = ID{}
	if len(b) > 0 {
		*id, err = ParseID(string(b))
	}
	return err
}
