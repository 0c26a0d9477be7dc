package steps

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"sd/backends"
)

// anyStep is a step with some of its fields set.
func anyStep(r *rand.Rand, n int64) Step {
	maybe := func() bool { return r.IntN(2) == 0 }
	text := func() string {
		b := make([]byte, r.IntN(40))
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		return string(b)
	}
	s := Step{Op: Op(1 + r.IntN(len(opNames)-1)), Method: Method(r.IntN(len(methodNames))), Kind: backends.Kind(r.IntN(3)),
		Absent: maybe(), Barrier: maybe()}
	if maybe() {
		s.From = Ref{Store: r.IntN(3), Name: "/home/ann/Photos/" + text()}
		s.Size, s.ModTime, s.Mode, s.Version = r.Int64(), r.Int64()-r.Int64(), r.Uint32(), text()
	}
	if maybe() {
		s.To = Ref{Store: r.IntN(300), Name: "photos/" + text()}
		s.Over, s.OverSize, s.OverTime = text(), r.Int64(), r.Int64()
	}
	if maybe() {
		s.Near, s.NearVersion = &Ref{Store: 1, Name: text()}, text()
		s.Link, s.Sum, s.Note = text(), text(), text()
	}
	if maybe() {
		s.After, s.Of = r.Int64N(n), r.Int64()
	}
	return s
}

// A plan gives back what was put in, byte for byte, from any step on.
func TestPlan(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, count := range []int{0, 1, 2, 1024, 3_000} {
		w, err := Create(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		var want []*Step
		for i := range count {
			s := anyStep(r, int64(i+1))
			n, err := w.Add(s)
			if err != nil || n != int64(i+1) {
				t.Fatalf("got step %d, %v, want %d", n, err, i+1)
			}
			s.N = n
			want = append(want, &s)
		}
		header := Header{Spec: Spec{Action: Copy, Sources: []Source{{URI: "s3://b/x", Slash: true}}}, Stores: []StoreRef{{Kind: "local", URI: "local://mac/"}}}
		header.Summary.Method(Upload, 7)
		if err := errors.Join(w.Finish(header), w.Close()); err != nil {
			t.Fatal(err)
		}
		p, err := Open(w.Path())
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		header.Summary.Steps, header.Created = int64(count), p.Header().Created
		for _, s := range want {
			if bytes, counts := s.Work(); counts {
				header.Work.Add(bytes)
			}
		}
		if got := p.Header(); !reflect.DeepEqual(got, header) {
			t.Errorf("got header %+v, want %+v", got, header)
		}
		for _, first := range []int{1, 2, count/2 + 1, count + 1} {
			var got []*Step
			if err := p.Each(int64(first), func(s *Step) error { got = append(got, s); return nil }); err != nil {
				t.Fatal(err)
			}
			if rest := want[min(first-1, count):]; len(got) != len(rest) || len(got) > 0 && !reflect.DeepEqual(got, rest) {
				t.Errorf("from step %d of %d on: got %d steps, want the %d that were added", first, count, len(got), len(rest))
			}
		}
		var got []*Step
		if err := p.Reverse(func(s *Step) error { got = append(got, s); return nil }); err != nil {
			t.Fatal(err)
		}
		slices.Reverse(got)
		if len(got) != count || count > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("backwards: got %d steps, want the %d that were added", len(got), count)
		}
		stop := errors.New("stop")
		if err := p.Each(1, func(*Step) error { return stop }); count > 0 && err != stop {
			t.Errorf("got %v, want the error of the function", err)
		}
	}
}

// A step can only wait for one before it.
func TestAfter(t *testing.T) {
	w, err := Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for after, fits := range map[int64]bool{0: true, 1: false, -1: false} {
		if _, err := w.Add(Step{Op: OpCopy, After: after}); (err == nil) != fits && w.Len() == 0 {
			t.Errorf("after %d: got %v", after, err)
		}
	}
	if err := w.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(w.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that the draft is gone", err)
	}
}

// No part of a plan is taken for a whole one, and a damaged step is not done.
func TestDamagedPlan(t *testing.T) {
	w, err := Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if _, err := w.Add(Step{Op: OpCopy, From: Ref{Name: fmt.Sprint("/a/", i)}, To: Ref{Store: 1, Name: fmt.Sprint("a/", i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Finish(Header{}), w.Close()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(w.Path())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "plan")
	for n := range whole {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil {
			t.Fatalf("%d of %d bytes are taken for a plan", n, len(whole))
		}
		changed := bytes.Clone(whole)
		changed[n] ^= 0x41
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := Open(path)
		if err == nil {
			err = p.Each(1, func(*Step) error { return nil })
			p.Close()
		}
		if err == nil && n >= len(magic) {
			t.Errorf("byte %d was changed and nobody saw", n)
		}
	}
}

// A journal gives back what was flushed, however it was cut, and goes on behind that.
func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	read := func() (list []Record) {
		t.Helper()
		if err := ReadJournal(path, func(r Record) error { list = append(list, r); return nil }); err != nil {
			t.Fatal(err)
		}
		return list
	}
	if got := read(); len(got) != 0 {
		t.Errorf("got %v of no journal", got)
	}
	var want []Record
	add := func(list ...Record) {
		t.Helper()
		j, err := OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			if err := j.Append(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want = append(want, Record{N: 3, State: Opened, Boot: "b", At: 1},
		Record{N: 1, State: Begun, Saved: []byte(`{"off":7}`), At: 2},
		Record{N: 1, State: Done, Method: Upload, Version: "\xff\x00", Name: "x", Sum: "ab", Bytes: 9, Err: "no", At: 3})
	add(want...)
	if got := read(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	more := Record{N: 2, State: Failed, Err: "gone", At: 4}
	for n := range whole {
		for _, tail := range []string{"", "\x00", "\x05\x01\x02"} {
			if err := os.WriteFile(path, append(bytes.Clone(whole[:n]), tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			kept := read()
			add(more)
			if got := read(); len(kept) > len(want) || !reflect.DeepEqual(got, append(kept, more)) {
				t.Fatalf("cut at %d with %q behind: got %+v, want %+v and one more", n, tail, got, kept)
			}
		}
	}
}

func FuzzStep(f *testing.F) {
	var e encoder
	s := anyStep(rand.New(rand.NewPCG(3, 4)), 9)
	s.encode(&e, &Step{})
	f.Add([]byte(e))
	f.Fuzz(func(t *testing.T, text []byte) {
		before := &Step{From: Ref{Name: "/a/b"}, To: Ref{Name: "c/d"}}
		var s, again Step
		if s.decode(text, before) != nil {
			return
		}
		var e encoder
		s.encode(&e, before)
		if err := again.decode(e, before); err != nil || !reflect.DeepEqual(s, again) {
			t.Errorf("%+v comes back as %+v, %v", s, again, err)
		}
	})
}

func BenchmarkPlan(b *testing.B) {
	w, err := Create(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := range b.N {
		name := fmt.Sprintf("/home/ann/Photos/2024/%04d/IMG_%08d.jpg", i/1000, i)
		if _, err := w.Add(Step{Op: OpCopy, From: Ref{Name: name}, To: Ref{Store: 1, Name: name[10:]}, Size: 16384, ModTime: 1_700_000_000_000_000_000, Version: "0123456789abcdef", Absent: true}); err != nil {
			b.Fatal(err)
		}
	}
	if err := errors.Join(w.Finish(Header{}), w.Close()); err != nil {
		b.Fatal(err)
	}
	p, err := Open(w.Path())
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	if err := p.Each(1, func(*Step) error { return nil }); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkJournal(b *testing.B) {
	j, err := OpenJournal(filepath.Join(b.TempDir(), "journal"))
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	b.ReportAllocs()
	for i := range b.N {
		if err := j.Append(Record{N: int64(i), State: Done, Method: Clone, Version: "0123456789abcdef"}); err != nil {
			b.Fatal(err)
		}
	}
}
