package syncs

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"sd/backends"
)

// However many files there are, a listing of them is made in a few parts of the same length:
// each costs up to one page that is not needed.
func TestHints(t *testing.T) {
	for _, tt := range []struct{ files, least, most int }{
		{hintEvery - 1, 0, 0}, {hintEvery, 1, 1}, {10 * hintEvery, 10, 10}, {100_000, hints, 2*hints - 1}, {123_456, hints, 2*hints - 1},
	} {
		p := pairOf(t.TempDir(), "a", "b")
		w, err := p.newState()
		if err != nil {
			t.Fatal(err)
		}
		for i := range tt.files {
			if err := w.add(record{Key: fmt.Sprintf("%09d", i), Kind: backends.File}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.finish(time.UnixMilli(1)); err != nil {
			t.Fatal(err)
		}
		s, err := p.state()
		if err != nil {
			t.Fatal(err)
		}
		s.close()
		if n := len(s.Hints); n < tt.least || n > tt.most {
			t.Errorf("%d files: got %d hints, want %d to %d", tt.files, n, tt.least, tt.most)
		}
		for i, key := range s.Hints {
			if want := fmt.Sprintf("%09d", int64(i+1)*w.every-1); key != want {
				t.Errorf("%d files: got hint %s, want %s", tt.files, key, want)
			}
		}
	}
}

// A file that was set aside may have got the name of one that was there.
func TestTwoFindingsOfOneName(t *testing.T) {
	p := pairOf(t.TempDir(), "a", "b")
	w, err := p.newFound("x")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b", "c"} {
		if err := w.add(&finding{record: record{Key: key, Size: 1}, Keep: true}); err != nil {
			t.Fatal(err)
		}
	}
	w.addExtra(finding{record: record{Key: "b", Size: 2}, Make: 1})
	w.addExtra(finding{record: record{Key: "c", Size: 2}, Make: 2})
	if err := w.finish("", []int64{0, always, 0}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := settleJob(&p, p.foundPath("x"), "", "", nil); err != nil {
		t.Fatal(err)
	}
	s, err := p.state()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var got []string
	for {
		var r record
		ok, err := s.next(&r)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		got = append(got, fmt.Sprint(r.Key, r.Size))
	}
	if want := []string{"a1", "b2", "c1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
