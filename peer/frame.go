package peer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// A frame on the wire:
//
//	 0      1             4             4+length
//	+------+-------------+-------------+
//	| kind | length (BE) | payload     |
//	+------+-------------+-------------+
//
// The first frame of a stream is the verb, from the client; data frames follow
// both ways, each way closed by an end or a refusal. A stream that stops
// without one was cut.
type kind byte

const (
	kindData    kind = 0 // payload: a message
	kindEnd     kind = 1 // no payload: nothing more this way
	kindRefusal kind = 2 // payload: text, why the stream failed
	kindVerb    kind = 3 // payload: the verb
)

const headerSize = 4

// exactMax is up to which length memory is taken on the word of the header; a
// longer payload is paid for by bytes that have arrived.
const exactMax = 16 << 10

func (k kind) max() (limit int, ok bool) {
	switch k {
	case kindData:
		return FrameMax, true
	case kindEnd:
		return 0, true
	case kindRefusal:
		return refusalMax, true
	case kindVerb:
		return verbMax, true
	}
	return 0, false
}

func readFrame(r io.Reader) (kind, []byte, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, nil, err
	}
	k := kind(header[0])
	length := int(binary.BigEndian.Uint32(header[:]) & 0xffffff)
	limit, ok := k.max()
	if !ok {
		return 0, nil, fmt.Errorf("frame of unknown kind %d", k)
	}
	if length > limit {
		return 0, nil, fmt.Errorf("frame of %d bytes, limit %d", length, limit)
	}
	payload, err := readPayload(r, length)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return k, payload, err
}

func readPayload(r io.Reader, length int) ([]byte, error) {
	if length <= exactMax {
		payload := make([]byte, length)
		_, err := io.ReadFull(r, payload)
		return payload, err
	}
	var buffer bytes.Buffer
	_, err := io.CopyN(&buffer, r, int64(length))
	return buffer.Bytes(), err
}

// appendFrame is a frame as written; the payload is within the kind's limit.
func appendFrame(to []byte, k kind, payload []byte) []byte {
	to = binary.BigEndian.AppendUint32(to, uint32(k)<<24|uint32(len(payload)))
	return append(to, payload...)
}
