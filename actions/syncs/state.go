package syncs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sd/actions/stores"
	"sd/backends"
	"sd/identity"
)

// mark is what one side of a pair had under a name when both were last the same.
type mark struct {
	Version string // "": not known
	Time    int64  // nanoseconds since 1970, of a local file; else 0
	Inode   uint64 // of a local file; else 0
}

// record is a name under which both sides of a pair had the same.
type record struct {
	Key   string // the name below both folders; that of a folder has a slash behind it
	Kind  backends.Kind
	Size  int64
	Marks [2]mark // of side A and side B

	Sum    identity.Sum // of the bytes, where HasSum
	HasSum bool
}

// markOf is what is remembered of e.
func markOf(e *stores.Entry) mark {
	m := mark{Version: e.Version, Inode: e.Inode}
	if e.Inode != 0 {
		m.Time = e.ModTime.UnixNano()
	}
	return m
}

// holds tells whether e is, by all that shows from outside, the file that was marked. Of a
// local file the mode and owner may be others.
func (m *mark) holds(size int64, e *stores.Entry) bool {
	switch {
	case m.Version == "":
		return false
	case stores.SameVersion(m.Version, e.Version):
		return true
	}
	return m.Inode != 0 && m.Inode == e.Inode && size == e.Size && m.Time == e.ModTime.UnixNano()
}

const stateMagic = "sdsync1\n"

// hints is how many parts at least a long listing is made in, and at most twice as many: each
// ends in the middle of a page, which is asked for in vain.
const hints = 8

// hintEvery is how many records lie between two hints in the least.
const hintEvery = 1000

// about is what a state file says of itself.
type about struct {
	Sides [2]string `json:"sides"` // as places.key
	Count int64     `json:"count"` // records of files
	Hints []string  `json:"hints"` // every so many keys one
	Saved time.Time `json:"saved"` // when the sync was planned that it is of
}

// pair is two folders that are kept in step, and where it is remembered what they had in
// common. The two may be named in either order.
type pair struct {
	dir   string // of the library's files about syncs
	id    string
	sides [2]string
	swap  bool // side A of the file is side B of the caller
}

// pairOf is the pair of two folders, each as side.key.
func pairOf(libraryDir, a, b string) pair {
	p := pair{dir: filepath.Join(libraryDir, "sync"), sides: [2]string{a, b}}
	if p.swap = b < a; p.swap {
		p.sides = [2]string{b, a}
	}
	sum := sha256.Sum256([]byte(fmt.Sprintf("%d:%s%s", len(p.sides[0]), p.sides[0], p.sides[1])))
	p.id = hex.EncodeToString(sum[:10])
	return p
}

func (p *pair) statePath() string { return filepath.Join(p.dir, p.id+".state") }

// turn gives the marks the caller's order, or back.
func (p *pair) turn(r *record) {
	if p.swap {
		r.Marks[0], r.Marks[1] = r.Marks[1], r.Marks[0]
	}
}

// stateReader reads the last common state in the order of keys.
type stateReader struct {
	about
	pair *pair
	list *listReader // nil: there is none
}

// state opens the state. Where there is none yet, it is one of no records. A damaged one is
// an error that is errDamaged.
func (p *pair) state() (*stateReader, error) {
	s := &stateReader{pair: p}
	list, err := openList(p.statePath(), stateMagic, &s.about)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		return s, nil
	case err != nil:
		return nil, &iofs.PathError{Op: "read", Path: p.statePath(), Err: err}
	case s.Sides != p.sides:
		list.close()
		return nil, &iofs.PathError{Op: "read", Path: p.statePath(), Err: errDamaged}
	}
	s.list = list
	return s, nil
}

// known tells whether the pair was ever the same.
func (s *stateReader) known() bool { return s.list != nil }

// next reads a record; ok is false after the last.
func (s *stateReader) next(r *record) (ok bool, err error) {
	if s.list == nil || !s.list.more() {
		return false, nil
	}
	r.Key = s.list.key()
	s.list.record(r)
	if s.list.bad {
		return false, &iofs.PathError{Op: "read", Path: s.pair.statePath(), Err: errDamaged}
	}
	s.pair.turn(r)
	return true, nil
}

func (s *stateReader) close() {
	if s.list != nil {
		s.list.close()
	}
}

// stateWriter writes the next state.
type stateWriter struct {
	about
	pair   *pair
	list   *listWriter
	before string
	n      int64
	every  int64 // records lie between two hints
}

func (p *pair) newState() (*stateWriter, error) {
	list, err := createList(p.statePath(), stateMagic)
	if err != nil {
		return nil, err
	}
	return &stateWriter{about: about{Sides: p.sides}, pair: p, list: list, every: hintEvery}, nil
}

// add appends a record. Keys must come in their order.
func (s *stateWriter) add(r record) error {
	if s.n > 0 && !before(s.before, r.Key) {
		return fmt.Errorf("the state of a sync would not be in order: %q after %q", r.Key, s.before)
	}
	s.pair.turn(&r)
	s.list.body = putKey(s.list.body, r.Key, s.before)
	s.list.body = r.put(s.list.body)
	if s.n++; s.n%s.every == 0 {
		s.hint(r.Key)
	}
	if r.Kind != backends.Dir {
		s.Count++
	}
	s.before = r.Key
	return s.list.flushBody()
}

// hint notes a key. Where there are too many, every other goes.
func (s *stateWriter) hint(key string) {
	if s.Hints = append(s.Hints, key); len(s.Hints) < 2*hints {
		return
	}
	kept := s.Hints[:0]
	for i, key := range s.Hints {
		if i%2 == 1 {
			kept = append(kept, key)
		}
	}
	s.Hints, s.every = kept, 2*s.every
}

// finish makes it the state of the pair: that of a sync that was planned then.
func (s *stateWriter) finish(planned time.Time) error {
	s.Saved = planned
	return s.list.finish(s.about)
}

// forget removes the state, so that the next sync is like the first.
func (p *pair) forget() error {
	err := os.Remove(p.statePath())
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	return err
}

// isFolder tells whether a key is that of a folder.
func isFolder(key string) bool { return strings.HasSuffix(key, "/") }

// rel is the name of a key.
func rel(key string) string { return strings.TrimSuffix(key, "/") }
