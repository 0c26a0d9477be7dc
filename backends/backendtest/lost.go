package backendtest

import (
	"errors"
	iofs "io/fs"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sd/backends"
)

// Lossy is one empty store whose server does what it is asked for and loses an answer. The
// second request is refused by its own condition then, and that is no failure.
type Lossy struct {
	// Open opens the store again. Lose is asked about each request, whether its answer is lost.
	// It is safe for concurrent use.
	Open func(t *testing.T, lose func(*http.Request) bool) backends.Backend
	// First tells true the first time that it is asked about each of these operations, which
	// are named as in Stats.
	First func(ops ...string) (lose func(*http.Request) bool)
	// Commit is the operation that commits an upload.
	Commit string
}

// A LostAnswer is a write whose first answer is lost.
type LostAnswer struct {
	Name string
	Lose string // the operation that loses it
	// Do writes into b, in which src holds "source", and old, of which it is told, "old".
	Do func(t *testing.T, b backends.Backend, old backends.Entry) (backends.Entry, error)
	// At is the file that it makes, of a name of its own, or src or old. It must hold Want
	// then; "" is not there.
	At, Want string
}

func (l Lossy) answers() []LostAnswer {
	when := time.Unix(1_700_000_000, 5_000_000)
	return []LostAnswer{
		{"put of a new file", "PUT", func(t *testing.T, b backends.Backend, _ backends.Entry) (backends.Entry, error) {
			return put(t, b, "new", "content", backends.Meta{ModTime: when}, backends.Cond{Absent: true})
		}, "new", "content"},
		{"put with its digest", "PUT", func(t *testing.T, b backends.Backend, _ backends.Entry) (backends.Entry, error) {
			m := backends.Meta{ModTime: when.Truncate(time.Second), BLAKE3: strings.Repeat("0", 64)}
			return put(t, b, "digest", "content", m, backends.Cond{Absent: true})
		}, "digest", "content"},
		{"put over a version", "PUT", func(t *testing.T, b backends.Backend, old backends.Entry) (backends.Entry, error) {
			return put(t, b, "old", "newer", backends.Meta{ModTime: when}, backends.Cond{Version: old.Version})
		}, "old", "newer"},
		{"copy", "COPY", func(t *testing.T, b backends.Backend, _ backends.Entry) (backends.Entry, error) {
			return b.(backends.Copier).Copy(t.Context(), "copy", "src", backends.CopyOptions{Cond: backends.Cond{Absent: true}})
		}, "copy", "source"},
		{"commit", l.Commit, func(t *testing.T, b backends.Backend, _ backends.Entry) (backends.Entry, error) {
			u, err := b.(backends.Uploader).Upload(t.Context(), "big", "", backends.Meta{})
			if err != nil {
				return backends.Entry{}, err
			}
			part, err := u.Part(t.Context(), 1, strings.NewReader("part"), 4)
			if err != nil {
				return backends.Entry{}, err
			}
			return u.Commit(t.Context(), []backends.Part{part}, backends.Cond{Absent: true})
		}, "big", "part"},
		{"remove", "DELETE", func(t *testing.T, b backends.Backend, _ backends.Entry) (backends.Entry, error) {
			e, err := b.Stat(t.Context(), "src")
			if err == nil {
				err = b.(backends.Remover).Remove(t.Context(), "src", backends.Cond{Version: e.Version})
			}
			return e, err
		}, "src", ""},
	}
}

// Answers loses the answer to each kind of write, and to those of the service.
func (l Lossy) Answers(t *testing.T, ofService []LostAnswer) {
	for _, tt := range slices.Concat(l.answers(), ofService) {
		t.Run(tt.Name, func(t *testing.T) {
			whole := &store{T: t, Backend: l.Open(t, l.First())}
			whole.seed("old", "old", "src", "source")
			lose := l.First(tt.Lose)
			var lost atomic.Int32
			s := &store{T: t, Backend: l.Open(t, func(r *http.Request) bool {
				gone := lose(r)
				if gone {
					lost.Add(1)
				}
				return gone
			})}
			e, err := tt.Do(t, s.Backend, s.stat("old"))
			if err != nil || lost.Load() != 1 {
				t.Fatalf("got %+v, %v with %d answers lost", e, err, lost.Load())
			}
			if tt.Want == "" {
				s.wantAbsent(tt.At)
				return
			}
			if got, at, err := Read(t.Context(), s, tt.At, "", 0, -1); got != tt.Want || at.Version != e.Version || err != nil {
				t.Errorf("got %q of %+v, %v; want %q of %+v", got, at, err, tt.Want, e)
			}
		})
	}
}

// OthersWork has somebody else write before us; each write must say so, also when its answer
// was lost and when the bytes are the same.
func (l Lossy) OthersWork(t *testing.T) {
	for _, tt := range []struct {
		name, theirs, ours string
		lose               string
		m                  backends.Meta
		later              time.Duration // is theirs
	}{
		{"other bytes", "theirs", "ours", "PUT", backends.Meta{ModTime: time.Unix(9, 9)}, time.Hour},
		{"the same bytes, nothing known of the time", "same", "same", "PUT", backends.Meta{}, 0},
		{"the same bytes and time, no answer lost", "same", "same", "", backends.Meta{ModTime: time.Unix(9, 0)}, 0},
		{"the same bytes at another time", "same", "same", "PUT", backends.Meta{ModTime: time.Unix(9, 9)}, time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := tt.m
			if tt.later > 0 {
				m.ModTime = m.ModTime.Add(tt.later)
			}
			if _, err := put(t, l.Open(t, l.First()), "lock", tt.theirs, m, backends.Cond{}); err != nil {
				t.Fatal(err)
			}
			_, err := put(t, l.Open(t, l.First(tt.lose)), "lock", tt.ours, tt.m, backends.Cond{Absent: true})
			if !errors.Is(err, iofs.ErrExist) {
				t.Errorf("got %v, want %v", err, iofs.ErrExist)
			}
		})
	}
}

func put(t *testing.T, b backends.Backend, name, text string, m backends.Meta, c backends.Cond) (backends.Entry, error) {
	t.Helper()
	r := strings.NewReader(text)
	return b.(backends.Putter).Put(t.Context(), name, r, r.Size(), m, c)
}
