package jobs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// The output of a run is one file of frames, in the order in which they were
// read from the command:
//
//	| stream 1 | Unix microseconds 8 | length 4 | bytes |
//
// in network byte order. A frame that is not whole is the end: it is being
// written, or the host went down.

// A Stream says where the bytes of a frame came from.
type Stream byte

const (
	Stdout Stream = 'o'
	Stderr Stream = 'e'
	Cut    Stream = 'c' // here so many bytes are missing, as 8 bytes
)

const (
	frameHead = 13
	frameMax  = 32 << 10 // bytes in a frame: what is read at once
	tailMax   = 64 << 10 // of a long output the end is kept too: there the error is
)

// A Frame is a piece of output.
type Frame struct {
	Stream Stream
	Time   time.Time
	Bytes  []byte
	Lost   uint64 // of Cut: how many bytes are missing
}

// ReadFrame reads the next frame. The error is io.EOF at the end so far.
func ReadFrame(r io.Reader) (Frame, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Frame{}, atEnd(err)
	}
	f := Frame{Stream: Stream(head[0]), Time: time.UnixMicro(int64(binary.BigEndian.Uint64(head[1:])))}
	size := binary.BigEndian.Uint32(head[9:])
	if size > frameMax || f.Stream != Stdout && f.Stream != Stderr && f.Stream != Cut || f.Stream == Cut && size != 8 {
		return Frame{}, fmt.Errorf("read output: a frame %q of %d bytes", head[0], size)
	}
	f.Bytes = make([]byte, size)
	if _, err := io.ReadFull(r, f.Bytes); err != nil {
		return Frame{}, atEnd(err)
	}
	if f.Stream == Cut {
		f.Lost, f.Bytes = binary.BigEndian.Uint64(f.Bytes), nil
	}
	return f, nil
}

// Size is how many bytes the frame has in the file.
func (f Frame) Size() int64 {
	if f.Stream == Cut {
		return frameHead + 8
	}
	return int64(frameHead + len(f.Bytes))
}

func (f Frame) encode() []byte {
	body := f.Bytes
	if f.Stream == Cut {
		body = binary.BigEndian.AppendUint64(nil, f.Lost)
	}
	b := make([]byte, 0, frameHead+len(body))
	b = append(b, byte(f.Stream))
	b = binary.BigEndian.AppendUint64(b, uint64(f.Time.UnixMicro()))
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}

func atEnd(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}

// An outputFile is where frames can be written, and half a frame taken back.
type outputFile interface {
	io.Writer
	Truncate(size int64) error
}

// A spooler keeps the beginning and the end of an output within limits.
type spooler struct {
	file    outputFile
	size    int64 // bytes of the file
	room    int64 // bytes of output that the beginning may still have
	tailMax int
	tail    []Frame
	tailed  int   // bytes in tail
	kept    int64 // bytes of output in the file
	lost    int64 // bytes of output that are nowhere
	trouble error // why nothing is written any more
}

func newSpooler(file outputFile, limit int64) *spooler {
	tail := min(limit/4, tailMax)
	return &spooler{file: file, room: limit - tail, tailMax: int(tail)}
}

// add takes what was read from a stream.
func (s *spooler) add(f Frame) {
	if n := min(s.room, int64(len(f.Bytes))); n > 0 && len(s.tail) == 0 {
		head := f
		head.Bytes = f.Bytes[:n]
		s.write(head)
		s.room -= n
		f.Bytes = f.Bytes[n:]
	}
	if len(f.Bytes) > 0 {
		s.room = 0
		f.Bytes = append([]byte(nil), f.Bytes...)
		s.tail = append(s.tail, f)
		s.tailed += len(f.Bytes)
		s.shorten()
	}
}

// shorten drops the oldest bytes of a tail that is too long.
func (s *spooler) shorten() {
	for over := s.tailed - s.tailMax; over > 0; over = s.tailed - s.tailMax {
		first := &s.tail[0]
		n := min(over, len(first.Bytes))
		first.Bytes = first.Bytes[n:]
		s.tailed -= n
		s.lost += int64(n)
		if len(first.Bytes) == 0 {
			s.tail = s.tail[1:]
		}
	}
}

// finish writes the mark and the tail.
func (s *spooler) finish(now time.Time) {
	if s.lost > 0 {
		s.write(Frame{Stream: Cut, Time: now, Lost: uint64(s.lost)})
	}
	for _, f := range s.tail {
		s.write(f)
	}
	s.tail, s.tailed = nil, 0
}

// write appends a frame, or, when the disk does not take it, nothing any more.
func (s *spooler) write(f Frame) {
	b := f.encode()
	if s.trouble == nil {
		if _, err := s.file.Write(b); err == nil {
			s.size += int64(len(b))
			s.kept += int64(len(f.Bytes))
			return
		} else {
			s.trouble = err
			s.file.Truncate(s.size) // and if not: a frame that is not whole is the end
		}
	}
	s.lost += int64(len(f.Bytes))
}
