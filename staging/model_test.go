package staging_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/mem"
	"sd/staging"
)

// small are limits with which a few kilobytes are a large file.
var small = backends.UploadLimits{MinPart: 512, MaxPart: 1 << 20, MaxParts: 10000}

const smallPart = 1024

// model drives one File and a []byte in step.
type model struct {
	t     *testing.T
	r     *rand.Rand
	store *staging.Store
	dir   string
	b     *mem.Store
	write bool // write-back
	f     *staging.File
	bytes []byte
	acked []byte // what a crash must leave at least; nil: nothing acknowledged
	other []byte // what the object "other" holds
	given int    // how often the file took bytes of it without fetching them
	log   []string

	started bool
}

func (m *model) open(dir string) {
	m.t.Helper()
	s, err := staging.Open(staging.Config{Dir: dir, WriteBack: m.write, PartSize: smallPart, Device: "dev",
		Backend:  func(context.Context, string) (backends.Backend, error) { return m.b, nil },
		RetryMin: time.Millisecond, RetryMax: 10 * time.Millisecond,
		Conflict: func(_, name, copy string) { m.t.Errorf("a conflict copy %q was made", copy) },
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.store, m.dir = s, dir
}

func (m *model) fail(format string, args ...any) {
	m.t.Helper()
	for _, line := range m.log[max(0, len(m.log)-40):] {
		m.t.Log(line)
	}
	m.t.Fatalf(format, args...)
}

func (m *model) step() {
	ctx, t := m.t.Context(), m.t
	note := func(format string, args ...any) { m.log = append(m.log, fmt.Sprintf(format, args...)) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			m.fail("%v", err)
		}
	}
	const most = 12 * smallPart
	off := m.r.Int64N(most)
	if m.r.IntN(3) == 0 {
		off = int64(len(m.bytes))
	}
	n := m.r.IntN(2*smallPart) + 1
	grow := func(size int64) {
		for int64(len(m.bytes)) < size {
			m.bytes = append(m.bytes, make([]byte, size-int64(len(m.bytes)))...)
		}
	}
	switch op := m.r.IntN(28); {
	case op < 8:
		p := random(m.r.Uint64(), n)
		note("write %d at %d", n, off)
		k, err := m.f.WriteAt(ctx, p, off)
		must(err)
		if k != n {
			m.fail("wrote %d of %d", k, n)
		}
		grow(off + int64(n))
		copy(m.bytes[off:], p)
	case op < 10:
		p := random(m.r.Uint64(), n)
		note("append %d", n)
		at, _, err := m.f.Append(ctx, p)
		must(err)
		if at != int64(len(m.bytes)) {
			m.fail("appended at %d, want %d", at, len(m.bytes))
		}
		m.bytes = append(m.bytes, p...)
	case op < 12:
		size := m.r.Int64N(most)
		if m.r.IntN(4) == 0 {
			size = 0
		}
		note("truncate %d", size)
		must(m.f.Truncate(ctx, size))
		grow(size)
		m.bytes = m.bytes[:size:size]
	case op < 14:
		keep := m.r.IntN(2) == 0
		note("zero %d at %d keep %v", n, off, keep)
		must(m.f.Zero(ctx, off, int64(n), keep))
		if !keep {
			grow(off + int64(n))
		}
		if off < int64(len(m.bytes)) {
			clear(m.bytes[off:min(int64(len(m.bytes)), off+int64(n))])
		}
	case op < 18:
		note("read %d at %d", n, off)
		m.check(off, n)
	case op < 20:
		note("sync")
		must(m.f.Sync(ctx))
		if got := object(t, m.b, "f"); !bytes.Equal(got, m.bytes) {
			i := 0
			for i < min(len(got), len(m.bytes)) && got[i] == m.bytes[i] {
				i++
			}
			m.check(0, len(m.bytes))
			m.fail("the object differs after Sync: %d bytes, want %d; first at %d", len(got), len(m.bytes), i)
		}
		m.acked = bytes.Clone(m.bytes)
		if m.acked == nil {
			m.acked = []byte{}
		}
	case op < 22:
		note("flush")
		must(m.f.Flush(ctx))
		m.acked = append([]byte{}, m.bytes...)
	case op < 26:
		m.copy(note)
	case op == 26:
		note("keep")
		m.f.Keep(errors.New("not now"))
		m.acked = append([]byte{}, m.bytes...)
	case op == 22:
		note("absorb")
		must(m.f.Absorb(ctx))
	default:
		m.crash()
	}
	if got, want := m.f.Size(), int64(len(m.bytes)); got != want {
		m.fail("size %d, want %d", got, want)
	}
}

// copy shows bytes of another object, or changes that object, which the caller of a File may do
// only when the file does not depend on it any more.
func (m *model) copy(note func(string, ...any)) {
	ctx := m.t.Context()
	if m.other == nil || m.r.IntN(3) == 0 {
		if m.f.Borrows() {
			note("sync before other changes")
			if err := m.f.Sync(ctx); err != nil {
				m.fail("%v", err)
			}
			m.acked = append([]byte{}, m.bytes...)
		}
		m.other = random(m.r.Uint64(), m.r.IntN(6*smallPart)+1)
		note("other is %d bytes", len(m.other))
		put(m.t, m.b, "other", m.other)
	}
	if m.r.IntN(3) > 0 {
		note("truncate 0")
		if err := m.f.Truncate(ctx, 0); err != nil {
			m.fail("%v", err)
		}
		m.bytes = nil
	}
	off, size := int64(len(m.bytes)), int64(len(m.other))
	n := size - off
	if m.r.IntN(3) == 0 {
		n = m.r.Int64N(size) + 1
	}
	e, err := m.b.Stat(ctx, "other")
	if err != nil {
		m.fail("%v", err)
	}
	took := m.f.Copy(*baseOf(m.b, e), off, n)
	note("copy %d of %d at %d: %v", n, size, off, took)
	if took {
		m.given++
		m.bytes = append(m.bytes, m.other[off:off+n]...)
	}
}

func (m *model) check(off int64, n int) {
	m.t.Helper()
	p := make([]byte, n)
	k, err := m.f.ReadAt(m.t.Context(), p, off)
	if err != nil {
		m.fail("read: %v", err)
	}
	want := m.bytes[min(off, int64(len(m.bytes))):min(off+int64(n), int64(len(m.bytes)))]
	if !bytes.Equal(p[:k], want) {
		i := 0
		for i < min(k, len(want)) && p[i] == want[i] {
			i++
		}
		m.fail("read %d at %d: got %d bytes, want %d; they differ from %d on", n, off, k, len(want), i)
	}
}

// crash goes on with a copy of the folder, as the disk would be after a kill.
func (m *model) crash() {
	t := m.t
	dir := m.dir
	if m.started || m.r.IntN(3) == 0 {
		m.log = append(m.log, "close")
	} else {
		m.log = append(m.log, "crash")
		// Notes of uploads come and go while the folder is copied.
		for dir = t.TempDir(); os.CopyFS(dir, os.DirFS(m.dir)) != nil; dir = t.TempDir() {
		}
	}
	if err := m.store.Close(); err != nil {
		m.fail("%v", err)
	}
	m.started = false
	m.open(dir)
	files := m.store.Recovered()
	if len(files) > 1 {
		m.fail("%d files recovered", len(files))
	}
	if len(files) == 1 {
		m.f = files[0]
		m.readAll("recovered")
		if m.r.IntN(2) == 0 {
			m.store.Start()
			m.started = true
		}
		return
	}
	e, err := m.b.Stat(t.Context(), "f")
	if errors.Is(err, os.ErrNotExist) {
		if m.acked != nil {
			m.fail("what was acknowledged is gone")
		}
		m.f = create(t, m.store, m.b, "f")
		m.bytes = nil
		return
	}
	if err != nil {
		m.fail("%v", err)
	}
	f, err := m.store.Create("vol", "f", m.b, baseOf(m.b, e), backends.Meta{})
	if err != nil {
		m.fail("%v", err)
	}
	m.f = f
	m.readAll("object")
}

// readAll takes what was found after a crash, which is what was acknowledged, or the
// last bytes, if a commit was under way.
func (m *model) readAll(what string) {
	p := make([]byte, m.f.Size())
	if n, err := m.f.ReadAt(m.t.Context(), p, 0); err != nil || n != len(p) {
		m.fail("%s: read %d of %d: %v", what, n, len(p), err)
	}
	if !bytes.Equal(p, m.acked) && !bytes.Equal(p, m.bytes) {
		m.fail("%s: %d bytes that are neither what was acknowledged (%d) nor what was written (%d)", what, len(p), len(m.acked), len(m.bytes))
	}
	m.bytes, m.acked = p, append([]byte{}, p...)
}

var (
	rounds    = flag.Int("rounds", 20, "how many files TestModel plays with")
	kills     = flag.Int("kills", 25, "how often TestKilled kills in each mode")
	firstSeed = flag.Uint64("seed", 0, "the seed of TestModel's first file")
)

func TestModel(t *testing.T) {
	for _, writeBack := range []bool{false, true} {
		t.Run(fmt.Sprintf("write-back=%v", writeBack), func(t *testing.T) {
			copied := 0
			defer func() {
				if copied == 0 {
					t.Error("no file took bytes of another object")
				}
			}()
			for i := range *rounds {
				seed := rand.Uint64()
				if i == 0 && *firstSeed != 0 {
					seed = *firstSeed
				}
				ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
					m := &model{t: t, r: rand.New(rand.NewPCG(seed, 2)), b: mem.New(mem.Config{Limits: small}), write: writeBack}
					m.open(t.TempDir())
					defer func() { m.store.Close() }()
					m.f = create(t, m.store, m.b, "f")
					if m.r.IntN(2) == 0 {
						m.store.Start()
						m.started = true
					}
					for range 170 {
						m.step()
					}
					copied += m.given
					m.check(0, len(m.bytes)+1)
					mustSync(t, m.f)
					wantObject(t, m.b, "f", m.bytes)
					m.f.Close()
					m.store.Start()
					if err := m.store.Drain(t.Context()); err != nil {
						t.Fatal(err)
					}
				})
				if !ok {
					return
				}
			}
		})
	}
}
