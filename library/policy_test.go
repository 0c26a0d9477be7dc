package library

import (
	"errors"
	iofs "io/fs"
	"reflect"
	"testing"
	"time"

	"sd/library/catalog"
)

func TestPolicies(t *testing.T) {
	l, err := Open(t.Context(), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	a := Policy{Place: "device:a", Path: "home/\xff odd\n", Copies: 2, Different: DifferentDevice | DifferentMedium, Created: at}
	root := Policy{Place: "device:a", Copies: 1, Created: at}
	b := Policy{Place: "volume:b", Path: "x", Copies: MaxCopies, Different: DifferentVolume, Created: at}
	before, err := l.Generation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []Policy{b, {Place: a.Place, Path: a.Path, Copies: 7}, a, root} {
		if err := l.SetPolicy(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want ...Policy) {
		t.Helper()
		got, err := l.Policies(t.Context())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
	check(root, a, b)
	if after, err := l.Generation(t.Context()); err != nil || after == before {
		t.Errorf("a policy is no change: %v, %v", after, err)
	}
	for _, copies := range []int{-1, 0, MaxCopies + 1} {
		if l.SetPolicy(t.Context(), Policy{Place: "device:a", Copies: copies}) == nil {
			t.Errorf("a policy of %d copies was kept", copies)
		}
	}
	for _, c := range []struct {
		place catalog.Place
		path  string
		want  error
	}{
		{a.Place, a.Path, nil}, {a.Place, a.Path, iofs.ErrNotExist}, {b.Place, "", iofs.ErrNotExist}, {root.Place, "", nil},
	} {
		if err := l.RemovePolicy(t.Context(), c.place, c.path); !errors.Is(err, c.want) {
			t.Errorf("remove %s %q: got %v, want %v", c.place, c.path, err, c.want)
		}
	}
	check(b)
}

func TestDifference(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "device": "device", "volume,device": "device,volume", " medium , device ": "device,medium", "device,device": "device",
	} {
		d, err := ParseDifference(in)
		if err != nil || d.String() != want {
			t.Errorf("%q: got %q, %v; want %q", in, d, err, want)
		}
	}
	for _, in := range []string{"disk", "device;medium", "device,disk"} {
		if d, err := ParseDifference(in); err == nil {
			t.Errorf("%q: got %q, want an error", in, d)
		}
	}
}

func TestRot(t *testing.T) {
	l, err := Open(t.Context(), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := Rot{Place: "device:a", Path: "home/\xff", Size: 5, ModTime: 1234567890123456789, Expected: [32]byte{1}, Actual: [32]byte{31: 2},
		Found: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)}
	if _, err := l.RotOf(t.Context(), r.Place, r.Path); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	for range 2 {
		if err := l.NoteRot(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		r.Actual[0]++
	}
	r.Actual[0]--
	if got, err := l.RotOf(t.Context(), r.Place, r.Path); err != nil || got != r {
		t.Errorf("got %+v, %v; want %+v", got, err, r)
	}
	if got, err := l.Rotten(t.Context()); err != nil || len(got) != 1 || got[0] != r {
		t.Errorf("got %+v, %v; want %+v alone", got, err, r)
	}
	for range 2 {
		if err := l.ForgetRot(t.Context(), r.Place, r.Path); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := l.Rotten(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("got %+v, %v; want none", got, err)
	}
}
