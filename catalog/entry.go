package catalog

import (
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Limits of what one origin may say. They bound the memory that a hostile or
// mistaken member can take on every host of the mesh.
const (
	KeyMax     = 256       // bytes; a service id and its kind
	ValueMax   = 64 << 10  // bytes; 24 disks are 4 kB, 512 mounts 60 kB
	EntriesMax = 4096      // live entries of one origin; a crowded host has 300 checks
	SizeMax    = 768 << 10 // bytes of all entries of one origin: with what the encoding adds, one message between peers
	OutputMax  = 512       // bytes of a check's output that travel: what fits a gossip message with the rest

	// tombstonesMax is how many deletions of one origin are remembered one by
	// one. A peer that missed more is sent the origin whole.
	tombstonesMax = 128
)

// Entry is one keyed item of the catalog, said by its origin under a number.
// Numbers of one origin only grow, and no number is used twice. A nil Value
// means that the key is gone.
type Entry struct {
	_      struct{} `cbor:",toarray"`
	Number uint64
	Key    string
	Value  []byte
}

// Delta is what somebody knows of one origin: every entry whose number is
// above From and at most To. From 0 is everything: what it does not name is
// gone. Seen and Status are the sender's word on the member itself.
type Delta struct {
	_       struct{} `cbor:",toarray"`
	Origin  Origin
	From    uint64
	To      uint64
	Floor   uint64 // deletions up to here are not among the entries
	Status  Status
	Seen    int64 // Unix seconds when the sender last knew it alive; 0: now
	Entries []Entry
}

// Row is one line of a digest: of Origin, everything up to Have is known.
type Row struct {
	_      struct{} `cbor:",toarray"`
	Origin Origin
	Have   uint64
}

// Question asks another host for what it knows and this one does not: what this
// one has of the origins named, and whether it wants to hear of others too.
type Question struct {
	_    struct{} `cbor:",toarray"`
	All  bool
	Rows []Row
}

// codec is CBOR (RFC 8949) with every length bounded: it reads foreign bytes.
var codec = newCodec()

type codecModes struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

func newCodec() codecModes {
	enc, err := cbor.EncOptions{Sort: cbor.SortCanonical, Time: cbor.TimeUnix}.EncMode()
	if err != nil {
		panic(err) // the options above are constants
	}
	dec, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  8,
		MaxArrayElements: 1 << 16,
		MaxMapPairs:      1 << 10,
		IndefLength:      cbor.IndefLengthForbidden,
		UTF8:             cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return codecModes{enc, dec}
}

// Encode is the wire form of a value of this package.
func Encode(v any) ([]byte, error) {
	b, err := codec.enc.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return b, nil
}

// Decode reads the wire form.
func Decode(b []byte, v any) error {
	if err := codec.dec.Unmarshal(b, v); err != nil {
		return fmt.Errorf("decode %T: %w", v, err)
	}
	return nil
}

// entryOverhead is more than the encoding adds to the key and value of an entry.
const entryOverhead = 24

// Split is a whole delta (From 0) as deltas for one number range after the
// other, each of at most max bytes of entries, or of one entry. Whoever knows
// nothing of the origin and learns them in order knows all of it; if one is
// missing he knows that something is.
func (d Delta) Split(max int) []Delta {
	var parts []Delta
	rest := d.Entries // by number
	for from := d.From; ; {
		part, size, count := d, 0, 0
		for count < len(rest) {
			size += len(rest[count].Key) + len(rest[count].Value) + entryOverhead
			if count > 0 && size > max {
				break
			}
			count++
		}
		part.From, part.Entries, rest = from, rest[:count:count], rest[count:]
		if len(rest) > 0 {
			part.To = part.Entries[count-1].Number
		}
		from, parts = part.To, append(parts, part)
		if len(rest) == 0 {
			return parts
		}
	}
}

// check refuses a delta that no honest origin sends.
func (d Delta) check() error {
	if d.To < d.From {
		return fmt.Errorf("delta of %s: from %d to %d goes backwards", d.Origin, d.From, d.To)
	}
	if len(d.Entries) > EntriesMax+tombstonesMax {
		return fmt.Errorf("delta of %s: %d entries, limit %d", d.Origin, len(d.Entries), EntriesMax)
	}
	if !d.Status.valid() {
		return fmt.Errorf("delta of %s: status %.20q", d.Origin, d.Status)
	}
	size := 0
	for _, e := range d.Entries {
		if err := e.check(); err != nil {
			return fmt.Errorf("delta of %s: %w", d.Origin, err)
		}
		if e.Number <= d.From || e.Number > d.To {
			return fmt.Errorf("delta of %s: entry %q is number %d, not in (%d,%d]", d.Origin, e.Key, e.Number, d.From, d.To)
		}
		size += len(e.Key) + len(e.Value)
	}
	if size > SizeMax {
		return fmt.Errorf("delta of %s: %d bytes, limit %d", d.Origin, size, SizeMax)
	}
	return nil
}

func (e Entry) check() error {
	if e.Key == "" || len(e.Key) > KeyMax {
		return fmt.Errorf("entry %.40q: key of %d bytes, limit 1 to %d", e.Key, len(e.Key), KeyMax)
	}
	if len(e.Value) > ValueMax {
		return fmt.Errorf("entry %q: value of %d bytes, limit %d", e.Key, len(e.Value), ValueMax)
	}
	return nil
}

func (d Delta) seen(now time.Time) time.Time {
	if d.Seen == 0 {
		return now
	}
	return time.Unix(d.Seen, 0)
}
