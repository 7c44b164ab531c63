package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"
)

// A Stream carries the messages of one verb between two hosts that have proven
// who they are. One goroutine may send while another receives; neither method
// is for two at once. Each call ends within idleTimeout and the stream within
// streamTimeout of its start, or when the context it was made with ends.
type Stream struct {
	ctx  context.Context
	conn *tls.Conn
	pace pace
	peer [16]byte
	stop func() bool // detaches ctx
	ends time.Time
	hint string // why there may be no answer at all

	in, out account // each belongs to the goroutine of its direction
}

// An account is one direction: what has passed, and how it ended.
type account struct {
	frames int
	bytes  int
	err    error
}

// errEnded is how a direction ends that we have closed ourselves.
var errEnded = errors.New("stream is closed for writing")

// A RefusalError is the other side's word on why the stream failed.
type RefusalError struct{ Text string }

func (e *RefusalError) Error() string { return "refused: " + e.Text }

func newStream(ctx context.Context, conn *tls.Conn, peer [16]byte, pace pace) *Stream {
	s := &Stream{ctx: ctx, conn: conn, pace: pace, peer: peer, ends: time.Now().Add(pace.stream)}
	// Closing the connection below TLS wakes every reader and writer and waits
	// for nobody.
	raw := conn.NetConn()
	s.stop = context.AfterFunc(ctx, func() { raw.Close() })
	return s
}

// Peer is the origin of the other side.
func (s *Stream) Peer() [16]byte { return s.peer }

// Send writes one message of at most FrameMax bytes. It keeps no part of it.
func (s *Stream) Send(message []byte) error {
	return s.write(kindData, message)
}

// Receive reads the next message, which is the caller's to keep. It answers
// io.EOF after the last one, a *RefusalError if the other side gave up, and
// another error if the stream was cut or broke a limit.
func (s *Stream) Receive() ([]byte, error) {
	k, payload, err := s.read()
	if err != nil {
		return nil, err
	}
	switch k {
	case kindData:
		return payload, nil
	case kindEnd:
		s.in.err = io.EOF
	case kindRefusal:
		s.in.err = &RefusalError{printable(payload)}
	default:
		s.in.err = fmt.Errorf("receive from %s: frame of kind %d in mid-stream", nameOf(s.peer), k)
	}
	return nil, s.in.err
}

// CloseWrite says that nothing more will be sent; receiving goes on.
func (s *Stream) CloseWrite() error {
	if s.out.err == errEnded {
		return nil
	}
	if err := s.write(kindEnd, nil); err != nil {
		return err
	}
	s.out.err = errEnded
	return nil
}

// Close ends the stream both ways, and wakes whoever sends or receives. What
// was sent before CloseWrite still arrives. It may take 5 seconds if the other
// side does not read.
func (s *Stream) Close() {
	s.stop()
	s.conn.Close()
}

// finish is a server's last word: an orderly end, or why not. It then waits
// for the other side to stop sending, since bytes that arrive at a closed
// socket reset the connection and take the last word with them.
func (s *Stream) finish(cause error) {
	var err error
	if cause == nil {
		err = s.CloseWrite()
	} else {
		err = s.write(kindRefusal, clip(cause.Error(), refusalMax))
	}
	if err != nil || s.in.err != nil || s.conn.CloseWrite() != nil {
		return
	}
	s.conn.SetReadDeadline(earlier(time.Now().Add(s.pace.linger), s.ends))
	io.Copy(io.Discard, io.LimitReader(s.conn, 2*FrameMax))
}

func (s *Stream) read() (kind, []byte, error) {
	if s.in.err != nil {
		return 0, nil, s.in.err
	}
	s.conn.SetReadDeadline(earlier(time.Now().Add(s.pace.idle), s.ends))
	k, payload, err := readFrame(s.conn)
	if err == nil {
		err = s.in.add(len(payload))
	}
	if err != nil {
		hint := ""
		if s.in.frames == 0 {
			hint = s.hint
		}
		s.in.err = fmt.Errorf("receive from %s%s: %w", nameOf(s.peer), hint, s.explain(err))
	}
	return k, payload, s.in.err
}

func (s *Stream) write(k kind, payload []byte) error {
	if s.out.err == errEnded {
		return fmt.Errorf("send to %s: %w", nameOf(s.peer), errEnded)
	}
	if s.out.err != nil {
		return s.out.err
	}
	if limit, _ := k.max(); len(payload) > limit {
		return fmt.Errorf("send to %s: message of %d bytes, limit %d", nameOf(s.peer), len(payload), limit)
	}
	if err := s.out.add(len(payload)); err != nil {
		return fmt.Errorf("send to %s: %w", nameOf(s.peer), err)
	}
	s.conn.SetWriteDeadline(earlier(time.Now().Add(s.pace.idle), s.ends))
	frame := appendFrame(make([]byte, 0, headerSize+len(payload)), k, payload)
	if _, err := s.conn.Write(frame); err != nil {
		s.out.err = fmt.Errorf("send to %s: %w", nameOf(s.peer), s.explain(err))
	}
	return s.out.err
}

// explain says why: the cause is the end of the context if that is what closed
// the connection.
func (s *Stream) explain(err error) error {
	if cause := s.ctx.Err(); cause != nil {
		return cause
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF // cut: no end frame
	}
	return err
}

func (a *account) add(bytes int) error {
	a.frames++
	a.bytes += headerSize + bytes
	if a.frames > StreamFramesMax {
		return fmt.Errorf("more than %d frames in one stream", StreamFramesMax)
	}
	if a.bytes > StreamBytesMax {
		return fmt.Errorf("more than %d bytes in one stream", StreamBytesMax)
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func clip(text string, limit int) []byte {
	return []byte(text[:min(len(text), limit)])
}

// printable is foreign text fit for a log line or a terminal.
func printable(text []byte) string {
	quoted := fmt.Sprintf("%+q", text)
	return quoted[1 : len(quoted)-1]
}
