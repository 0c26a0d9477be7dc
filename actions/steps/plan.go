package steps

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"time"
)

// A plan file is the magic word, the steps as frames, an empty frame, the header as JSON,
// and where that begins. The header comes last, because it is known last: a file without
// one is no plan.
const (
	magic    = "sdplan1\n"
	tailSize = 8 + 4 + len(magic) // the offset of the header, its checksum, the magic word
	writeBuf = 256 << 10
	readBuf  = 128 << 10
)

// Header is what a plan says besides its steps.
type Header struct {
	Spec    Spec       `json:"spec"`
	Stores  []StoreRef `json:"stores"`
	Summary Summary    `json:"summary"`
	Work    Count      `json:"work"`    // what Step.Work counts, set by Finish
	Created time.Time  `json:"created"` // set by Finish if zero
}

// Writer writes a plan. It is for one goroutine. The caller ends it by Finish and Close, or
// by Discard.
type Writer struct {
	file   *os.File
	buf    *bufio.Writer
	off    int64
	n      int64
	work   Count
	before Step
	body   encoder
	frame  []byte
}

// Create begins a plan in a new file of dir, ".draft-" and a number, that is only for its
// owner to read.
func Create(dir string) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(dir, ".draft-*")
	if err != nil {
		return nil, err
	}
	w := &Writer{file: file, buf: bufio.NewWriterSize(file, writeBuf)}
	if err := w.write([]byte(magic)); err != nil {
		_ = w.Discard()
		return nil, err
	}
	return w, nil
}

// Path is the file's name.
func (w *Writer) Path() string { return w.file.Name() }

// Len is how many steps were added.
func (w *Writer) Len() int64 { return w.n }

// Add appends a step and returns its number, which is one more than that of the one before.
func (w *Writer) Add(s Step) (int64, error) {
	if s.After > w.n || s.After < 0 {
		return 0, fmt.Errorf("step %d cannot come after step %d", w.n+1, s.After)
	}
	w.body = w.body[:0]
	s.encode(&w.body, &w.before)
	w.frame = appendFrame(w.frame[:0], w.body)
	if err := w.write(w.frame); err != nil {
		return 0, err
	}
	w.n++
	w.before = s
	if bytes, counts := s.Work(); counts {
		w.work.Add(bytes)
	}
	return w.n, nil
}

// Finish writes the header, with the number of steps in its Summary. Nothing can be added
// any more.
func (w *Writer) Finish(h Header) error {
	if h.Created.IsZero() {
		h.Created = time.Now().UTC().Truncate(time.Millisecond)
	}
	h.Summary.Steps, h.Work = w.n, w.work
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := w.write([]byte{0}); err != nil {
		return err
	}
	tail := binary.LittleEndian.AppendUint64(nil, uint64(w.off))
	tail = binary.LittleEndian.AppendUint32(tail, crc32.Checksum(text, castagnoli))
	tail = append(tail, magic...)
	if err := errors.Join(w.write(text), w.write(tail)); err != nil {
		return err
	}
	return w.buf.Flush()
}

// Close closes the file and leaves it there.
func (w *Writer) Close() error { return w.file.Close() }

// Discard closes the file and removes it.
func (w *Writer) Discard() error {
	err := w.file.Close()
	if errors.Is(err, iofs.ErrClosed) {
		err = nil
	}
	return errors.Join(err, os.Remove(w.file.Name()))
}

func (w *Writer) write(p []byte) error {
	n, err := w.buf.Write(p)
	w.off += int64(n)
	return err
}

// Plan is a plan that is read. Its methods are safe for concurrent use.
type Plan struct {
	file   *os.File
	header Header
	end    int64 // of the steps
}

// Open opens a plan. A file that is none, or not a whole one, is an error that says so.
func Open(path string) (*Plan, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	p := &Plan{file: file}
	if err := p.readHeader(); err != nil {
		file.Close()
		return nil, &iofs.PathError{Op: "read", Path: path, Err: fmt.Errorf("this is no whole plan: %w", err)}
	}
	return p, nil
}

func (p *Plan) readHeader() error {
	info, err := p.file.Stat()
	if err != nil {
		return err
	}
	tail := make([]byte, tailSize)
	at := info.Size() - int64(tailSize)
	if at < int64(len(magic)) {
		return io.ErrUnexpectedEOF
	}
	if _, err := p.file.ReadAt(tail, at); err != nil {
		return err
	}
	p.end = int64(binary.LittleEndian.Uint64(tail))
	if string(tail[12:]) != magic || p.end < int64(len(magic)) || p.end > at {
		return errDamaged
	}
	text := make([]byte, at-p.end)
	if _, err := p.file.ReadAt(text, p.end); err != nil {
		return err
	}
	if crc32.Checksum(text, castagnoli) != binary.LittleEndian.Uint32(tail[8:]) {
		return errDamaged
	}
	return json.Unmarshal(text, &p.header)
}

// Header returns what the plan says besides its steps. Its slices are shared.
func (p *Plan) Header() Header { return p.header }

// Name is the name of the plan's file without its folder.
func (p *Plan) Name() string { return filepath.Base(p.file.Name()) }

// Sync waits until the plan is safe from a loss of power.
func (p *Plan) Sync() error { return p.file.Sync() }

// Close closes the file.
func (p *Plan) Close() error { return p.file.Close() }

// Each calls fn with the steps from number first on, in order; each step is fn's to keep. It
// stops at fn's first error and returns that as it is. Only the steps that fn keeps take memory.
func (p *Plan) Each(first int64, fn func(*Step) error) error {
	return p.read(place{off: int64(len(magic)), before: new(Step)}, func(s *Step, _ place) error {
		if s.N < first {
			return nil
		}
		return fn(s)
	})
}

// Reverse is Each from the last step to the first. It reads the plan twice.
func (p *Plan) Reverse(fn func(*Step) error) error {
	places, err := p.places()
	for i := len(places) - 1; i >= 0 && err == nil; i-- {
		var list []*Step
		list, err = p.block(places[i])
		for j := len(list) - 1; j >= 0 && err == nil; j-- {
			err = fn(list[j])
		}
	}
	return err
}

// places are those from which each stride of steps can be read.
func (p *Plan) places() ([]place, error) {
	at := place{off: int64(len(magic)), before: new(Step)}
	list := []place{at}
	err := p.read(at, func(s *Step, next place) error {
		if s.N%stride == 0 {
			list = append(list, next)
		}
		return nil
	})
	return list, err
}

// block reads one stride of steps.
func (p *Plan) block(at place) (list []*Step, err error) {
	err = p.read(at, func(s *Step, _ place) error {
		if list = append(list, s); len(list) == stride {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return list, err
}

var errEnough = errors.New("enough")

// place is where reading can begin.
type place struct {
	off    int64
	before *Step // the step that ends there; of number 0 at the start
}

// read calls fn with the steps from a place on, and with the place behind each.
func (p *Plan) read(at place, fn func(*Step, place) error) error {
	start := at.off
	r := frames{r: bufio.NewReaderSize(io.NewSectionReader(p.file, start, p.end-start), readBuf)}
	for {
		body, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		s := new(Step)
		if err == nil {
			err = s.decode(body, at.before)
		}
		if err != nil {
			return &iofs.PathError{Op: "read", Path: p.file.Name(), Err: fmt.Errorf("step %d: %w", at.before.N+1, err)}
		}
		s.N = at.before.N + 1
		at = place{off: start + r.off, before: s}
		if err := fn(s, at); err != nil {
			return err
		}
	}
}
