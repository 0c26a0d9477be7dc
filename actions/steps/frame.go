package steps

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/bits"
)

// A frame is a length, so many bytes, and their checksum. Length 0 ends a list of frames.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maxFrame is far more than a step or record with the longest names takes.
const maxFrame = 16 << 20

// appendFrame appends body as a frame.
func appendFrame(to, body []byte) []byte {
	to = binary.AppendUvarint(to, uint64(len(body)))
	to = append(to, body...)
	return binary.LittleEndian.AppendUint32(to, crc32.Checksum(body, castagnoli))
}

// frames reads frames one after the other.
type frames struct {
	r    *bufio.Reader
	off  int64 // behind the last whole frame, from where r began
	body []byte
}

// next returns the body of the next frame, which is valid until the next call. After the
// list's end it returns io.EOF, for a frame that is not whole io.ErrUnexpectedEOF, for one
// with other bytes than were written errDamaged.
func (f *frames) next() ([]byte, error) {
	n, err := binary.ReadUvarint(f.r)
	if err != nil {
		return nil, err // io.EOF if there was not one byte
	}
	if n == 0 {
		return nil, io.EOF
	}
	if n > maxFrame {
		return nil, errDamaged
	}
	if uint64(cap(f.body)) < n+4 {
		f.body = make([]byte, n+n/2+256)
	}
	b := f.body[:n+4]
	if _, err := io.ReadFull(f.r, b); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if crc32.Checksum(b[:n], castagnoli) != binary.LittleEndian.Uint32(b[n:]) {
		return nil, errDamaged
	}
	f.off += int64((bits.Len64(n)+6)/7 + len(b))
	return b[:n], nil
}
