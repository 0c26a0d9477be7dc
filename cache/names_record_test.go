package cache

import (
	"reflect"
	"testing"
	"time"

	"sd/backends"
)

// Of Meta stays what describes a file.
func TestNamesKeepMeta(t *testing.T) {
	id := func(n uint32) *uint32 { return &n }
	at := time.Unix(1_234_567, 89).UTC()
	m, _ := newNames(t, 0)
	for _, tt := range []struct{ put, want *backends.Meta }{
		{nil, nil},
		{&backends.Meta{}, &backends.Meta{}},
		{&backends.Meta{ModTime: at}, &backends.Meta{ModTime: at}},
		{&backends.Meta{Mode: 0o4755, UID: id(0), GID: id(7)}, &backends.Meta{Mode: 0o4755, UID: id(0), GID: id(7)}},
		{&backends.Meta{GID: id(0), ModTime: time.Unix(0, 0)}, &backends.Meta{GID: id(0), ModTime: time.Unix(0, 0).UTC()}},
		{&backends.Meta{LinkTarget: "x", BLAKE3: "y", ContentType: "z", Xattrs: map[string][]byte{"a": nil}}, &backends.Meta{}},
	} {
		for _, first := range []bool{true, false} { // also in place of another
			e := backends.Entry{Name: "a", Kind: backends.Symlink, Meta: tt.put}
			dir := home
			if first {
				dir.Dir += "/first"
				m.Invalidate(dir)
			}
			m.Put(dir, e)
			got, state := m.Lookup(dir, "a")
			if state != Present || got.Kind != backends.Symlink || !reflect.DeepEqual(got.Meta, tt.want) {
				t.Errorf("%+v: got %+v, want %+v", tt.put, got.Meta, tt.want)
			}
		}
	}
}

// An entry goes by the name it is shown under.
func TestNamesAsShown(t *testing.T) {
	m, _ := newNames(t, 0)
	f := m.Begin(home)
	f.Add([]backends.Entry{
		{Name: "x", Kind: backends.Dir},
		{Name: "x", Shown: "%%x%file", Version: "1"},
		{Name: "", Shown: "%%", Kind: backends.Dir},
	})
	f.Done(true)
	for label, want := range map[string]backends.Entry{
		"x":        {Name: "x", Kind: backends.Dir},
		"%%x%file": {Name: "x", Shown: "%%x%file", Version: "1"},
		"%%":       {Name: "", Shown: "%%", Kind: backends.Dir},
	} {
		if e, state := m.Lookup(home, label); state != Present || !reflect.DeepEqual(e, want) {
			t.Errorf("%q: got %+v in state %d, want %+v", label, e, state, want)
		}
	}
	wantState(t, m, "", Absent, "")
	m.Remove(home, "%%x%file")
	m.Put(home, backends.Entry{Name: "", Shown: "%%", Version: "2"})
	wantState(t, m, "%%x%file", Absent, "")
	wantState(t, m, "x", Present, "")
	wantState(t, m, "%%", Present, "2")
	r := m.Open(home, nil)
	defer r.Close()
	if names, _ := readAll(t, r); !reflect.DeepEqual(names, []string{"x", ""}) {
		t.Errorf("got %q", names)
	}
}
