package jobs

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// The audit is a file of lines of JSON, one for each decision and one for each
// outcome. A line has the hash of the line before it and its own, so that a
// line that was changed, taken out or put elsewhere shows. What cannot show in a
// file alone is an end that was cut off: the last number and hash are kept
// beside it, and a node can tell them to others (Head).
//
// A file may be rotated by rename at any time: the next one goes on where it
// ended.

// A Line is one entry of the audit.
type Line struct {
	Number   uint64    `json:"n"` // from 1, without gaps
	Time     time.Time `json:"time"`
	Job      ID        `json:"job"`
	What     string    `json:"what"`           // the command, or "cancel", shortened
	Who      string    `json:"who"`            // the author, as the order says
	Key      string    `json:"key,omitempty"`  // fingerprint of the key that signed
	User     string    `json:"user,omitempty"` // to run as
	Decision string    `json:"decision"`       // "accepted", "refused", "ended"
	Why      string    `json:"why,omitempty"`  // of a refusal, or of an outcome
	Outcome  Outcome   `json:"outcome,omitempty"`
	Code     int       `json:"code,omitempty"`
	Before   string    `json:"before"` // hash of the line before; of the first, 64 zeros
	Hash     string    `json:"hash"`   // SHA-256 of the line with an empty hash, in hexadecimal
}

const (
	auditWhatMax = 1 << 10 // bytes of a command that are worth reading
	auditLineMax = 8 << 10 // escaped, all fields at their longest
)

// A Head is the end of an audit: its last number and hash.
type Head struct {
	Number uint64 `json:"n"`
	Hash   string `json:"hash"`
}

func firstHead() Head { return Head{Hash: strings.Repeat("0", 2*sha256.Size)} }

// An Audit appends lines to a file. It may be used by many at once.
type Audit struct {
	mu   sync.Mutex
	path string
	head Head
}

// OpenAudit goes on with the audit in a file, or begins it. What a crash left
// half written is taken back.
func OpenAudit(path string) (*Audit, error) {
	head, err := readHead(path)
	if err != nil {
		return nil, fmt.Errorf("open audit: %w", err)
	}
	a := &Audit{path: path, head: head}
	if err := a.repair(); err != nil {
		return nil, fmt.Errorf("open audit: %w", err)
	}
	return a, nil
}

func headPath(path string) string { return path + ".head" }

func readHead(path string) (Head, error) {
	b, err := os.ReadFile(headPath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return firstHead(), nil
	}
	if err != nil {
		return Head{}, err
	}
	var h Head
	if err := json.Unmarshal(b, &h); err != nil || len(h.Hash) != 2*sha256.Size {
		return Head{}, fmt.Errorf("%s is damaged", headPath(path))
	}
	return h, nil
}

// repair cuts a line that is not whole, and takes up one that was written when
// the head was not.
func (a *Audit) repair() error {
	f, err := os.OpenFile(a.path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // rotated, or never begun
	}
	if err != nil {
		return err
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	from := max(0, end-2*auditLineMax)
	tail := make([]byte, end-from)
	if _, err := f.ReadAt(tail, from); err != nil {
		return err
	}
	whole := bytes.LastIndexByte(tail, '\n') + 1
	if whole < len(tail) {
		if err := f.Truncate(from + int64(whole)); err != nil {
			return err
		}
	}
	last := tail[:whole]
	if n := bytes.LastIndexByte(last[:max(0, whole-1)], '\n'); n >= 0 {
		last = last[n+1:]
	}
	if l, err := parseLine(bytes.TrimSuffix(last, []byte("\n"))); err == nil && l.Number == a.head.Number+1 && l.Before == a.head.Hash {
		a.head = Head{l.Number, l.Hash}
		return a.writeHead()
	}
	return nil
}

// Append writes a line; Number, Before and Hash are set here. It is on disk when
// it comes back; an error means that it may not be, and then an order is not to
// be carried out.
func (a *Audit) Append(l Line) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	l.Number, l.Before, l.Hash = a.head.Number+1, a.head.Hash, ""
	l.Time = l.Time.UTC().Truncate(time.Millisecond)
	l.What, l.Why = shorten(l.What, auditWhatMax), shorten(l.Why, whyMax)
	l.Who, l.User = shorten(l.Who, nameMax), shorten(l.User, nameMax)
	l.Hash = l.sum()
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	if err := a.write(append(text, '\n')); err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	a.head = Head{l.Number, l.Hash}
	if err := a.writeHead(); err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	return nil
}

// write appends to the file that has the name now, whatever was renamed, and
// takes back what the disk took in part.
func (a *Audit) write(text []byte) error {
	f, err := os.OpenFile(a.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	before, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err = f.Write(text); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Truncate(before))
	}
	return nil
}

func (a *Audit) writeHead() error {
	b, err := json.Marshal(a.head)
	if err != nil {
		return err
	}
	next := headPath(a.path) + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(next, headPath(a.path))
}

// Head is the end of the audit. Told to other hosts, it shows later whether the
// end was cut off.
func (a *Audit) Head() Head {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.head
}

// sum is the hash of a line, Hash left empty.
func (l Line) sum() string {
	l.Hash = ""
	b, err := json.Marshal(l)
	if err != nil {
		return "" // never the hash of anything
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// parseLine refuses a line that is not as Append writes it: nothing may hide in
// a line without changing its hash.
func parseLine(text []byte) (Line, error) {
	var l Line
	if err := json.Unmarshal(text, &l); err != nil {
		return l, errors.New("not a line of an audit")
	}
	if again, err := json.Marshal(l); err != nil || !bytes.Equal(again, text) {
		return l, errors.New("not as it was written")
	}
	if l.Hash != l.sum() {
		return l, errors.New("changed: its hash does not fit")
	}
	return l, nil
}

// VerifyAudit reads an audit, oldest file first as one stream, from the head
// before its first line (nil: the first line there is counts) to the head that
// it must end with (nil: any). It gives the last line's head and how many lines
// there are; the error names the first line that is wrong.
func VerifyAudit(r io.Reader, from, to *Head) (Head, int, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, auditLineMax+1)
	var head Head
	if from != nil {
		head = *from
	}
	count := 0
	for lines.Scan() {
		l, err := parseLine(lines.Bytes())
		if err != nil {
			return head, count, fmt.Errorf("verify audit: line %d (after entry %d): %w", count+1, head.Number, err)
		}
		if count > 0 || from != nil {
			if l.Number != head.Number+1 {
				return head, count, fmt.Errorf("verify audit: line %d: entry %d follows entry %d", count+1, l.Number, head.Number)
			}
			if l.Before != head.Hash {
				return head, count, fmt.Errorf("verify audit: line %d: entry %d does not follow the entry before it", count+1, l.Number)
			}
		}
		head = Head{l.Number, l.Hash}
		count++
	}
	if err := lines.Err(); err != nil {
		return head, count, fmt.Errorf("verify audit: after line %d: %w", count, err)
	}
	if to != nil && head != *to {
		return head, count, fmt.Errorf("verify audit: it ends with entry %d, but entry %d was written: its end is missing or another", head.Number, to.Number)
	}
	return head, count, nil
}

// VerifyAuditFile reads one file and its head. An audit that was rotated begins
// with a later entry than 1, which is fine.
func VerifyAuditFile(path string) (Head, int, error) {
	f, err := os.Open(path)
	if err != nil {
		return Head{}, 0, fmt.Errorf("verify audit: %w", err)
	}
	defer f.Close()
	to, err := readHead(path)
	if err != nil {
		return Head{}, 0, fmt.Errorf("verify audit: %w", err)
	}
	return VerifyAudit(f, nil, &to)
}
