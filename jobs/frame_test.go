package jobs

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// tape is a file with room for so many bytes.
type tape struct {
	bytes.Buffer
	room int
}

func (t *tape) Write(b []byte) (int, error) {
	n := min(len(b), t.room-t.Len())
	t.Buffer.Write(b[:n])
	if n < len(b) {
		return n, errDisk
	}
	return n, nil
}

func (t *tape) Truncate(size int64) error {
	t.Buffer.Truncate(int(size))
	return nil
}

// frames are all of a file.
func frames(t *testing.T, b []byte) (all []Frame) {
	t.Helper()
	for r := bytes.NewReader(b); ; {
		f, err := ReadFrame(r)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
}

// Of an output of any length in pieces of any size: what is kept is within the
// limit, a beginning and an end of it, and what is missing is counted.
func TestSpoolerKeepsBothEnds(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for range 100 {
		limit := r.Int64N(4 * tailMax)
		if r.IntN(4) == 0 {
			limit = r.Int64N(10)
		}
		file := &tape{room: 1 << 30}
		s := newSpooler(file, limit)
		var all []byte
		for range r.IntN(20) {
			piece := make([]byte, 1+r.IntN(frameMax))
			for i := 0; i < len(piece); i += 97 {
				piece[i] = byte(len(all) + i)
			}
			all = append(all, piece...)
			s.add(Frame{Stream: []Stream{Stdout, Stderr}[r.IntN(2)], Time: noon, Bytes: piece})
		}
		s.finish(noon)
		var head, tail []byte
		var lost uint64
		cut := false
		for _, f := range frames(t, file.Bytes()) {
			if f.Stream == Cut {
				cut, lost = true, f.Lost
			} else if cut {
				tail = append(tail, f.Bytes...)
			} else {
				head = append(head, f.Bytes...)
			}
		}
		if int64(len(head)+len(tail)) > limit || s.kept != int64(len(head)+len(tail)) || int64(lost) != s.lost {
			t.Fatalf("limit %d: %d and %d kept, %d lost; %+v", limit, len(head), len(tail), lost, s)
		}
		if len(head)+len(tail)+int(lost) != len(all) || !bytes.HasPrefix(all, head) || !bytes.HasSuffix(all, tail) {
			t.Fatalf("%d, %d and %d of %d bytes", len(head), lost, len(tail), len(all))
		}
		if cut && int64(len(head)+len(tail)) != limit {
			t.Fatalf("cut at %d, limit %d", len(head)+len(tail), limit)
		}
	}
}

// A full disk costs output and nothing else.
func TestSpoolerDiskFull(t *testing.T) {
	file := &tape{room: 100}
	s := newSpooler(file, 1<<20)
	for range 10 {
		s.add(Frame{Stream: Stdout, Time: noon, Bytes: []byte(strings.Repeat("x", 20))})
	}
	s.finish(noon)
	if !errors.Is(s.trouble, errDisk) || s.kept != 60 || s.lost != 140 || len(frames(t, file.Bytes())) != 3 || file.Len() != 99 {
		t.Errorf("%+v, %d bytes", s, file.Len())
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add(Frame{Stream: Stdout, Time: noon, Bytes: []byte("hello")}.encode())
	f.Add(append(Frame{Stream: Cut, Time: noon, Lost: 7}.encode(), Frame{Stream: Stderr, Time: noon}.encode()...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		var again []byte
		for {
			frame, err := ReadFrame(r)
			if err != nil {
				break
			}
			if e := frame.encode(); int64(len(e)) != frame.Size() {
				t.Fatal("size")
			} else {
				again = append(again, e...)
			}
		}
		if !bytes.HasPrefix(b, again) {
			t.Errorf("%x\n%x", b, again)
		}
	})
}
