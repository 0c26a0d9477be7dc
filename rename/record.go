package rename

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// The kinds of record, in the order in which a journal has them.
const (
	isHeader byte = 'H' // name: a header as JSON
	isFile   byte = 'F' // a planned object: name below the folder, which may be empty, version, size
	isMarker byte = 'D' // a planned folder of its own: name below the folder, "" is itself
	planned  byte = 'c' // the plan is complete, copying begins
	copied   byte = 'C' // index, and the version that the copy got
	refused  byte = 'N' // index: what is at the new name is not ours
	deleting byte = 'd' // all is copied, the old ones go: the rename holds
	removed  byte = 'R' // index: the old one is gone
	kept     byte = 'K' // index: the old one stays, for it has changed
	undoing  byte = 'u' // the copies go: the rename does not hold
)

// record is one entry of a journal. Names are bytes, whatever they are.
type record struct {
	kind    byte
	index   int // of the planned entry that it is about
	size    int64
	name    string
	version string
}

// maxRecord bounds what a damaged length may make us allocate.
const maxRecord = 1 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// append writes r behind b: its length, its fields and their checksum.
func (r record) append(b []byte) []byte {
	body := make([]byte, 0, 64+len(r.name)+len(r.version))
	body = append(body, r.kind)
	body = binary.AppendUvarint(body, uint64(r.index))
	body = binary.AppendVarint(body, r.size)
	body = binary.AppendUvarint(body, uint64(len(r.name)))
	body = append(body, r.name...)
	body = append(body, r.version...)
	b = binary.AppendUvarint(b, uint64(len(body)))
	b = append(b, body...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(body, castagnoli))
}

var errDamaged = errors.New("damaged record")

// read reads the next record and how many bytes it took. Its error is io.EOF at the
// end and errDamaged where a record is cut off or not what was written.
func read(r *bufio.Reader) (record, int64, error) {
	length, err := binary.ReadUvarint(r)
	if err == io.EOF {
		return record{}, 0, io.EOF
	}
	if err != nil || length == 0 || length > maxRecord {
		return record{}, 0, errDamaged
	}
	body := make([]byte, length+crc32.Size)
	if _, err := io.ReadFull(r, body); err != nil {
		return record{}, 0, errDamaged
	}
	sum := binary.LittleEndian.Uint32(body[length:])
	took := int64(len(binary.AppendUvarint(nil, length)) + len(body))
	body = body[:length]
	if sum != crc32.Checksum(body, castagnoli) {
		return record{}, 0, errDamaged
	}
	out := record{kind: body[0]}
	body = body[1:]
	index, n := binary.Uvarint(body)
	body = body[max(n, 0):]
	size, m := binary.Varint(body)
	body = body[max(m, 0):]
	name, k := binary.Uvarint(body)
	body = body[max(k, 0):]
	if n <= 0 || m <= 0 || k <= 0 || name > uint64(len(body)) {
		return record{}, 0, errDamaged
	}
	out.index, out.size = int(index), size
	out.name, out.version = string(body[:name]), string(body[name:])
	return out, took, nil
}
