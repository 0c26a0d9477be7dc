package syncs

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"sd/backends"
	"sd/identity"
)

// A list file is a magic word, entries one behind the other, a JSON text about them, and a
// tail: where the text begins, the checksum of all before the tail, the magic word again.
// It is written beside its name and renamed, so that it is there as a whole or not at all.
const tailSize = 8 + 4 + 8

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errDamaged = errors.New("it is damaged")
)

// listWriter writes a list file.
type listWriter struct {
	path  string
	magic string
	file  *os.File
	buf   *bufio.Writer
	crc   hash.Hash32
	off   int64
	body  []byte
}

func createList(path, magic string) (*listWriter, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return nil, err
	}
	w := &listWriter{path: path, magic: magic, file: file, crc: crc32.New(castagnoli)}
	w.buf = bufio.NewWriterSize(file, 256<<10)
	w.body = append(w.body, magic...)
	if err := w.flushBody(); err != nil {
		w.discard()
		return nil, err
	}
	return w, nil
}

// flushBody writes what was appended to w.body.
func (w *listWriter) flushBody() error {
	w.crc.Write(w.body)
	w.off += int64(len(w.body))
	_, err := w.buf.Write(w.body)
	w.body = w.body[:0]
	return err
}

// finish writes about, and lets the file have its name.
func (w *listWriter) finish(about any) error {
	text, err := json.Marshal(about)
	if err != nil {
		return err
	}
	at := w.off
	w.body = append(w.body, text...)
	if err := w.flushBody(); err != nil {
		return err
	}
	tail := binary.LittleEndian.AppendUint64(nil, uint64(at))
	tail = binary.LittleEndian.AppendUint32(tail, w.crc.Sum32())
	tail = append(tail, w.magic...)
	if _, err := w.buf.Write(tail); err != nil {
		return err
	}
	if err := errors.Join(w.buf.Flush(), w.file.Sync(), w.file.Close()); err != nil {
		return err
	}
	return os.Rename(w.file.Name(), w.path)
}

// discard gives up a file that was not finished; after finish it does nothing.
func (w *listWriter) discard() {
	if w.file.Close() == nil {
		_ = os.Remove(w.file.Name())
	}
}

// listReader reads a list file from its start.
type listReader struct {
	file *os.File
	r    *bufio.Reader
	bad  bool
	name []byte
}

// openList opens a list file, reads what it says about itself into about, and has looked at
// every byte of it before it returns.
func openList(path, magic string, about any) (*listReader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	l := &listReader{file: file}
	end, err := l.check(magic, about)
	if err != nil {
		file.Close()
		return nil, err
	}
	start := int64(len(magic))
	l.r = bufio.NewReaderSize(io.NewSectionReader(file, start, end-start), 128<<10)
	return l, nil
}

func (l *listReader) check(magic string, about any) (end int64, err error) {
	info, err := l.file.Stat()
	if err != nil {
		return 0, err
	}
	at := info.Size() - tailSize
	if at < int64(len(magic)) {
		return 0, errDamaged
	}
	tail := make([]byte, tailSize)
	if _, err := l.file.ReadAt(tail, at); err != nil {
		return 0, err
	}
	end = int64(binary.LittleEndian.Uint64(tail))
	if string(tail[12:]) != magic || end < int64(len(magic)) || end > at {
		return 0, errDamaged
	}
	crc := crc32.New(castagnoli)
	if _, err := io.Copy(crc, io.NewSectionReader(l.file, 0, at)); err != nil {
		return 0, err
	}
	text := make([]byte, at-end)
	if _, err := l.file.ReadAt(text, end); err != nil {
		return 0, err
	}
	if crc.Sum32() != binary.LittleEndian.Uint32(tail[8:]) || json.Unmarshal(text, about) != nil {
		return 0, errDamaged
	}
	return end, nil
}

func (l *listReader) close() { _ = l.file.Close() }

func (l *listReader) uint() uint64 {
	v, err := binary.ReadUvarint(l.r)
	l.bad = l.bad || err != nil
	return v
}

func (l *listReader) int() int64 {
	v, err := binary.ReadVarint(l.r)
	l.bad = l.bad || err != nil
	return v
}

func (l *listReader) read(p []byte) {
	_, err := io.ReadFull(l.r, p)
	l.bad = l.bad || err != nil
}

func (l *listReader) string() string {
	n := l.uint()
	if l.bad || n > 1<<20 {
		l.bad = true
		return ""
	}
	if n == 0 {
		return ""
	}
	if p, err := l.r.Peek(int(n)); err == nil { // nearly always: one copy less
		s := string(p)
		_, _ = l.r.Discard(int(n))
		return s
	}
	p := make([]byte, n)
	l.read(p)
	return string(p)
}

// more tells whether entries are left.
func (l *listReader) more() bool {
	_, err := l.r.Peek(1)
	return err == nil && !l.bad
}

// key reads what putKey wrote.
func (l *listReader) key() string {
	n := l.uint()
	more := l.uint()
	if l.bad || n > uint64(len(l.name)) || more > 1<<20 {
		l.bad = true
		return ""
	}
	l.name = append(l.name[:n], make([]byte, more)...)
	l.read(l.name[n:])
	return string(l.name)
}

// putKey appends a key, without the start that it shares with the one before.
func putKey(to []byte, key, before string) []byte {
	n := 0
	for n < len(key) && n < len(before) && key[n] == before[n] {
		n++
	}
	to = binary.AppendUvarint(to, uint64(n))
	return putString(to, key[n:])
}

func putString(to []byte, s string) []byte {
	to = binary.AppendUvarint(to, uint64(len(s)))
	return append(to, s...)
}

const hasSum = 1 << 4

// put appends all of r but its key.
func (r *record) put(to []byte) []byte {
	bits := byte(r.Kind)
	if r.HasSum {
		bits |= hasSum
	}
	to = append(to, bits)
	to = binary.AppendVarint(to, r.Size)
	for i := range r.Marks {
		m := &r.Marks[i]
		to = putString(to, m.Version)
		to = binary.AppendVarint(to, m.Time)
		to = binary.AppendUvarint(to, m.Inode)
	}
	if r.HasSum {
		to = append(to, r.Sum[:]...)
	}
	return to
}

// record reads what put wrote.
func (l *listReader) record(r *record) {
	bits := byte(l.uint()) // one byte: it is below 128
	r.Kind, r.HasSum = backends.Kind(bits&(hasSum-1)), bits&hasSum != 0
	r.Size = l.int()
	for i := range r.Marks {
		r.Marks[i] = mark{Version: l.string(), Time: l.int(), Inode: l.uint()}
	}
	r.Sum = identity.Sum{}
	if r.HasSum {
		l.read(r.Sum[:])
	}
}
