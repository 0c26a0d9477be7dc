package search

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/google/uuid"
)

// A name pack holds the names, kinds, sizes and times of all that is indexed, in a form that
// is searched by reading all of it from memory: for a million files that are some
// twenty megabytes, a few milliseconds for today's processors. It is a copy of what the catalog says, made
// anew when it is missing, damaged or too old. Numbers are little-endian; "uvarint" is that
// of package binary, and "signed" a uvarint of the zigzag form. All times are whole seconds.
//
//	header   see below; written last
//	blocks   files, by folder and name, at most blockFiles each
//	table    the folders: each before those in it, which come in the order of their names
//	index    for each block its length, number of files and checksums
//
// A block: seven uint32 (number of files, lengths of text, runs, cases, kinds, sizes, times), then
//
//	text     the folded names, with a separator before the first and after each
//	runs     for each folder: its number in the table (signed difference to the one before), how
//	         many files of it follow, and how many bytes of text: uvarints
//	cases    for each file whose name is not the folded one: how many others come before,
//	         uvarint; then a byte n and n bytes, whose bits tell where a lower-case letter of
//	         ASCII stands for its capital; or n = 0, a uvarint length and the name
//	kinds    a byte for each file: kind | type<<5
//	sizes    uvarints
//	times    signed differences to the file before
//
// The table: seven uint32 (number of folders, lengths of text, cases, ups, ids, times, places), then text and
// cases as above, and
//
//	ups      how many folders to leave after the one before to get to the parent: uvarints
//	ids      signed differences of catalog.FolderID
//	times    as above
//	places   of each folder without a parent: a uvarint length and the catalog.Place
//
// A block has two checksums: of what comes before kinds, which all searches read, and of the rest.
//
// The index: four uint32 for each block, and 256 uint32: how often each byte is in the texts of the
// blocks, in 2^32ths of all.
const (
	packMagic    = "sdnames\x01"
	headerSize   = 112
	blockHeader  = 7 * 4
	tableHeader  = 7 * 4
	indexEntry   = 4 * 4
	blockFiles   = 4096
	blockText    = 1 << 20 // a block with so many bytes of names is ended early
	typeShift    = 5
	maxPackBlock = 64 << 20 // no block is longer
)

// errPack is wrapped by what says that a file is no name pack, or not a whole one. The remedy is
// always to make a new one.
var errPack = errors.New("not a sound name pack")

func badPack(what string) error { return fmt.Errorf("%w: %s", errPack, what) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return update(0, b) }

func update(sum uint32, b []byte) uint32 { return crc32.Update(sum, castagnoli, b) }

// header is at the beginning of a pack.
type header struct {
	library uuid.UUID // the library that it is about
	id      uuid.UUID // the pack
	files   uint64
	folders uint64
	blocks  uint64
	table   section
	index   section
}

type section struct {
	at, length uint64
	sum        uint32
}

func (h *header) encode() []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, packMagic...)
	b = append(b, h.library[:]...)
	b = append(b, h.id[:]...)
	for _, n := range []uint64{h.files, h.folders, h.blocks, h.table.at, h.table.length, h.index.at, h.index.length} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = binary.LittleEndian.AppendUint32(b, h.table.sum)
	b = binary.LittleEndian.AppendUint32(b, h.index.sum)
	b = append(b, make([]byte, headerSize-4-len(b))...)
	return binary.LittleEndian.AppendUint32(b, checksum(b))
}

func decodeHeader(b []byte) (h header, err error) {
	if len(b) < headerSize || string(b[:8]) != packMagic {
		return h, badPack("it does not begin like one")
	}
	if checksum(b[:headerSize-4]) != binary.LittleEndian.Uint32(b[headerSize-4:]) {
		return h, badPack("its header is damaged")
	}
	copy(h.library[:], b[8:])
	copy(h.id[:], b[24:])
	for i, n := range []*uint64{&h.files, &h.folders, &h.blocks, &h.table.at, &h.table.length, &h.index.at, &h.index.length} {
		*n = binary.LittleEndian.Uint64(b[40+8*i:])
	}
	h.table.sum = binary.LittleEndian.Uint32(b[96:])
	h.index.sum = binary.LittleEndian.Uint32(b[100:])
	return h, nil
}

// in returns the section's bytes when they are there and as they were written.
func (s section) in(data []byte) ([]byte, error) {
	if s.at > uint64(len(data)) || s.length > uint64(len(data))-s.at {
		return nil, badPack("its end is missing")
	}
	b := data[s.at : s.at+s.length]
	if checksum(b) != s.sum {
		return nil, badPack("it is damaged")
	}
	return b, nil
}

// cut takes the fields of lengths given by head, uint32 each after the first, from body.
func cut(b []byte, fields ...*[]byte) (n int, ok bool) {
	head := 4 * (1 + len(fields))
	if len(b) < head {
		return 0, false
	}
	n = int(binary.LittleEndian.Uint32(b))
	body := b[head:]
	for i, f := range fields {
		length := uint64(binary.LittleEndian.Uint32(b[4+4*i:]))
		if length > uint64(len(body)) {
			return 0, false
		}
		*f, body = body[:length:length], body[length:]
	}
	return n, len(body) == 0
}

func appendSigned(b []byte, n int64) []byte { return binary.AppendVarint(b, n) }

// reader takes numbers from a section. After its end, and after a number that is none, it
// gives zeros and bad is set.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	n, i := uvarint(r.b, 0)
	if i > len(r.b) {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[i:]
	return n
}

func unzigzag(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }

// uvarint returns the number at b[i:] and where the next begins. Where there is none that is
// beyond the end of b, for good.
func uvarint(b []byte, i int) (n uint64, next int) {
	if i < len(b) && b[i] < 0x80 {
		return uint64(b[i]), i + 1
	}
	return longUvarint(b, i)
}

func longUvarint(b []byte, i int) (n uint64, next int) {
	for shift := 0; i < len(b) && shift < 64; shift += 7 {
		c := b[i]
		i++
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n, i
		}
	}
	return 0, len(b) + 1
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.b, r.bad = nil, true
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// done tells whether all was read, and well.
func (r *reader) done() bool { return !r.bad && len(r.b) == 0 }
