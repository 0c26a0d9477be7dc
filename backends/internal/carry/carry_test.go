package carry

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/backends"
)

var form = Form{
	Time: "mtime", Mode: "mode", UID: "uid", GID: "gid", Xattrs: "xattr", Link: "link", BLAKE3: "sum",
	Others:     []string{"upload"},
	FormatTime: RFC3339, ParseTime: ParseRFC3339, MaxXattrs: 100, Max: 300,
}

func TestComesBack(t *testing.T) {
	t.Parallel()
	uid, gid := uint32(0), uint32(4_000_000_000)
	for _, m := range []backends.Meta{
		{},
		{ModTime: time.Unix(-5, 123_456_789), Mode: 0o100755, UID: &uid, GID: &gid, ContentType: "text/x"},
		{Mode: 0o120777, LinkTarget: "../ö %20+&"},
		{BLAKE3: strings.Repeat("0f", 32), Xattrs: map[string][]byte{"user.a": []byte("\x00% +"), "user.b": {}}},
	} {
		pairs, stored := form.Write(m, map[string]string{"theirs": "1", "mode": "of before"})
		got := form.Read(pairs, m.ContentType)
		same := got.ModTime.Equal(m.ModTime) && got.LinkTarget == m.LinkTarget && got.BLAKE3 == m.BLAKE3 &&
			maps.EqualFunc(got.Xattrs, m.Xattrs, slices.Equal) && (m.Mode == 0 || got.Mode == m.Mode) &&
			(m.UID == nil || got.UID != nil && *got.UID == *m.UID && *got.GID == *m.GID) && got.ContentType == m.ContentType
		if !same || pairs["theirs"] != "1" {
			t.Errorf("%+v became %q and then %+v", m, pairs, got)
		}
		if stored.LinkTarget != m.LinkTarget || len(stored.Xattrs) != len(m.Xattrs) {
			t.Errorf("of %+v is stored %+v", m, stored)
		}
	}
}

func TestTooLargeIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, m := range []backends.Meta{
		{LinkTarget: strings.Repeat("x", 400)},
		{Xattrs: map[string][]byte{"user.a": make([]byte, 90)}},
		{Xattrs: map[string][]byte{"user.\xff": []byte("x")}},
	} {
		pairs, stored := form.Write(m, nil)
		if len(pairs) != 0 || stored.LinkTarget != "" || stored.Xattrs != nil {
			t.Errorf("%+v became %q, and %+v is said to be stored", m, pairs, stored)
		}
	}
}

func TestForeign(t *testing.T) {
	t.Parallel()
	got := form.Foreign(map[string]string{"mtime": "x", "upload": "y", "theirs": "z"})
	if !maps.Equal(got, map[string]string{"theirs": "z"}) {
		t.Errorf("got %q, want theirs alone", got)
	}
}

func TestReadsModesOfOthers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint32{
		"33188": 0o100644, "100644": 0o100644, "0644": 0o644, "644": 644, "420": 420, "": 0, "-1": 0, "99999999": 0, "x": 0,
	} {
		if got := Mode(text); got != want {
			t.Errorf("Mode(%q) = %o, want %o", text, got, want)
		}
	}
}

func TestDescribed(t *testing.T) {
	t.Parallel()
	if e := Described(backends.Entry{}, &backends.Meta{Mode: 0o120777}); e.Kind != backends.Symlink || e.Meta == nil {
		t.Errorf("got %+v, want a symlink", e)
	}
	if e := Described(backends.Entry{}, nil); e.Kind != backends.File || e.Meta != nil {
		t.Errorf("got %+v, want a file of unknown metadata", e)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("2009-02-13T23:31:30.123456789Z", "33188", "%7B%22user.a%22%3A%22YQ%3D%3D%22%7D", "a%20b")
	f.Fuzz(func(t *testing.T, at, mode, xattrs, link string) {
		m := form.Read(map[string]string{"mtime": at, "mode": mode, "xattr": xattrs, "link": link}, "")
		wide := form
		wide.Max, wide.MaxXattrs = 1<<30, 1<<30
		pairs, stored := wide.Write(*m, nil)
		again := wide.Read(pairs, "")
		if !again.ModTime.Equal(m.ModTime) || again.LinkTarget != m.LinkTarget || len(again.Xattrs) != len(stored.Xattrs) {
			t.Errorf("%+v came back as %+v", m, again)
		}
	})
}
