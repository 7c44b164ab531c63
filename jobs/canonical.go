package jobs

import (
	"bytes"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// What is signed has one form only: CBOR in the core deterministic encoding
// (RFC 8949, section 4.2.1), an array of the name of the form and the fields in
// the order of the struct. A field that is added makes a new form: a host does
// not obey what it understands in part.
type document[T any] struct {
	_    struct{} `cbor:",toarray"`
	Form string
	Body T
}

// canonical is CBOR with every length bounded: it reads foreign bytes.
var canonical = newCanonical()

type canonicalModes struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

func newCanonical() canonicalModes {
	enc, err := cbor.EncOptions{
		Sort:          cbor.SortCoreDeterministic,
		NilContainers: cbor.NilContainerAsEmpty, // or nothing would have two forms
		IndefLength:   cbor.IndefLengthForbidden,
		TagsMd:        cbor.TagsForbidden,
		Time:          cbor.TimeRFC3339NanoUTC, // in results; orders have none
	}.EncMode()
	if err != nil {
		panic(err) // the options above are constants
	}
	dec, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		UTF8:             cbor.UTF8RejectInvalid,
		MaxNestedLevels:  8,
		MaxArrayElements: 1 << 14, // above TargetsMax
		MaxMapPairs:      1 << 10, // above envMax
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return canonicalModes{enc, dec}
}

func encode[T any](form string, body T) ([]byte, error) {
	b, err := canonical.enc.Marshal(document[T]{Form: form, Body: body})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", form, err)
	}
	return b, nil
}

// decode refuses all but the bytes that encode makes of the result.
func decode[T any](form string, limit int, b []byte) (T, error) {
	var none T
	if len(b) > limit {
		return none, fmt.Errorf("decode %s: %d bytes, limit %d", form, len(b), limit)
	}
	if found := formOf(b); found != form {
		return none, fmt.Errorf("decode %s: the form is %.40q, which this version of yodel does not know", form, found)
	}
	var d document[T]
	if err := canonical.dec.Unmarshal(b, &d); err != nil {
		return none, fmt.Errorf("decode %s: %w", form, err)
	}
	again, err := canonical.enc.Marshal(d)
	if err != nil {
		return none, fmt.Errorf("decode %s: %w", form, err)
	}
	if !bytes.Equal(again, b) {
		return none, fmt.Errorf("decode %s: not in its canonical form", form)
	}
	return d.Body, nil
}

// formOf is the name that a document begins with, or "". It reads no further:
// a later form has other fields.
func formOf(b []byte) string {
	const pair = 0x82 // the head of an array of two
	if len(b) < 2 || b[0] != pair {
		return ""
	}
	var form string
	if _, err := canonical.dec.UnmarshalFirst(b[1:min(len(b), 64)], &form); err != nil {
		return ""
	}
	return form
}

// wireTime is what is left of a time when it has been encoded and decoded.
func wireTime(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Round(0).UTC()
}
