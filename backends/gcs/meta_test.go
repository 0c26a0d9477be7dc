package gcs

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"strings"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/netproxy"
)

// TestMetaOfOthers reads what other tools write.
func TestMetaOfOthers(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_700_000_000, 123_456_789)
	for _, tt := range []struct {
		name string
		h    map[string]string
		want backends.Meta
	}{
		{"rclone", map[string]string{"mtime": "2023-11-14T22:13:20.123456789Z", "goog-reserved-file-mtime": "1700000000"}, backends.Meta{ModTime: at}},
		{"rclone elsewhere", map[string]string{"mtime": "2023-11-15T00:13:20.123456789+02:00"}, backends.Meta{ModTime: at}},
		{"gsutil", map[string]string{
			"goog-reserved-file-mtime": "1700000000", "goog-reserved-posix-mode": "640", "goog-reserved-posix-uid": "1000", "goog-reserved-posix-gid": "100",
		}, backends.Meta{ModTime: time.Unix(1_700_000_000, 0), Mode: 0o640, UID: id(1000), GID: id(100)}},
		{"gcsfuse", map[string]string{"gcsfuse_mtime": "2023-11-14T22:13:20.123456789Z"}, backends.Meta{ModTime: at}},
		{"nonsense", map[string]string{"mtime": "yesterday", "goog-reserved-file-mtime": "x", "goog-reserved-posix-mode": "rwx", "mode": "?"}, backends.Meta{}},
		{"nothing", nil, backends.Meta{}},
	} {
		if got := readMeta(tt.h, ""); !same(*got, tt.want) {
			t.Errorf("%s: got %+v, want %+v", tt.name, *got, tt.want)
		}
	}
}

func id(n uint32) *uint32 { return &n }

func same(a, b backends.Meta) bool {
	ids := func(a, b *uint32) bool { return a == b || a != nil && b != nil && *a == *b }
	return a.ModTime.Equal(b.ModTime) && a.Mode == b.Mode && ids(a.UID, b.UID) && ids(a.GID, b.GID) &&
		a.LinkTarget == b.LinkTarget && a.BLAKE3 == b.BLAKE3 && a.ContentType == b.ContentType &&
		maps.EqualFunc(a.Xattrs, b.Xattrs, func(a, b []byte) bool { return string(a) == string(b) })
}

// TestForeignMetadata survives a change of ours, and a copy with a change; what is ours
// and was not said again does not.
func TestForeignMetadata(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	err := l.server.Put(t.Context(), bucket, "file", []byte("text"), map[string]any{
		"contentType": "text/odd", "cacheControl": "max-age=5", "contentLanguage": "de", "contentDisposition": "inline",
		"metadata": map[string]string{"colour": "red", "mode": "33188", "uid": "5", "gcsfuse_mtime": "2020-01-01T00:00:00Z"},
	})
	if err != nil {
		t.Fatal(err)
	}
	old, err := l.Stat(t.Context(), "file")
	if err != nil {
		t.Fatal(err)
	}
	m := backends.Meta{Mode: 0o100600, ModTime: time.Unix(7, 0)}
	for _, dst := range []string{"copy", "file"} {
		e, err := l.Copy(t.Context(), dst, "file", backends.CopyOptions{Source: old.Version, Size: old.Size, Meta: &m})
		if err != nil {
			t.Fatal(err)
		}
		if dst == "file" && (e.Version == old.Version || !sameBytes(e.Version, old.Version)) {
			t.Errorf("version %q became %q, want another metageneration alone", old.Version, e.Version)
		}
		is, err := l.server.Describe(t.Context(), bucket, dst)
		if err != nil {
			t.Fatal(err)
		}
		want := "map[colour:red goog-reserved-file-mtime:7 mode:33152 mtime:1970-01-01T00:00:07Z]"
		if got := fmt.Sprint(is["metadata"]); got != want {
			t.Errorf("%s carries %v, want %v", dst, got, want)
		}
		if got := fmt.Sprint(is["contentType"], is["cacheControl"], is["contentLanguage"], is["contentDisposition"]); got != "text/odd"+"max-age=5"+"de"+"inline" {
			t.Errorf("%s carries %v", dst, got)
		}
	}
}

// TestNothingReplacesAll: a copy that is to carry nothing does, also where the original has
// no content type.
func TestNothingReplacesAll(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	if err := l.server.Put(t.Context(), bucket, "file", []byte("text"), map[string]any{
		"contentType": "", "metadata": map[string]string{"mode": "33188", "mtime": "2020-01-01T00:00:00Z"},
	}); err != nil {
		t.Fatal(err)
	}
	for _, dst := range []string{"copy", "file"} {
		e, err := l.Copy(t.Context(), dst, "file", backends.CopyOptions{Meta: &backends.Meta{}})
		if err != nil || e.Meta.Mode != 0 {
			t.Fatalf("got %+v, %v", e, err)
		}
		if is, err := l.Stat(t.Context(), dst); err != nil || is.Meta.Mode != 0 || !is.Meta.ModTime.IsZero() {
			t.Errorf("%s carries %+v, %v", dst, is.Meta, err)
		}
	}
}

// TestChangeWithoutTheRight to change objects makes a copy of the object onto itself.
func TestChangeWithoutTheRight(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	if err := l.server.Put(t.Context(), bucket, "file", []byte("text"), map[string]any{"metadata": map[string]string{"colour": "red", "uid": "5"}}); err != nil {
		t.Fatal(err)
	}
	old, err := l.Stat(t.Context(), "file")
	if err != nil {
		t.Fatal(err)
	}
	l.faults.Script(netproxy.Rule{Op: "PATCH", Fault: netproxy.Fault{Kind: netproxy.Status, Status: 403, Code: "insufficientPermissions"}})
	o := backends.CopyOptions{Source: old.Version, Size: old.Size, Meta: &backends.Meta{Mode: 0o100600}, Cond: backends.Cond{Version: old.Version}}
	e, err := l.Copy(t.Context(), "file", "file", o)
	if err != nil || e.Version == old.Version || e.Meta.Mode != 0o100600 || e.Meta.UID != nil {
		t.Fatalf("got %+v, %v", e, err)
	}
	if is, err := l.server.Describe(t.Context(), bucket, "file"); err != nil || fmt.Sprint(is["metadata"]) != "map[colour:red mode:33152]" {
		t.Errorf("it carries %v, %v", is["metadata"], err)
	}
	if _, err := l.Copy(t.Context(), "file", "file", o); !errors.Is(err, backends.ErrChanged) {
		t.Errorf("got %v, want %v", err, backends.ErrChanged)
	}
	l.faults.Script(netproxy.Rule{Op: "PATCH", Fault: netproxy.Fault{Kind: netproxy.Status, Status: 403, Code: "forbidden"}})
	if _, err := l.Copy(t.Context(), "file", "file", o); !errors.Is(err, iofs.ErrPermission) {
		t.Errorf("got %v, want %v", err, iofs.ErrPermission)
	}
}

// TestChangedMetadataLeavesTheBytes: who reads a version goes on reading it when what the
// file carries changes, but may not write over it.
func TestChangedMetadataLeavesTheBytes(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	old := put(t, l.Backend, "file", "0123456789")
	if err := l.server.Patch(t.Context(), bucket, "file", map[string]any{"metadata": map[string]any{"mode": "33152"}}); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{-1, 4, 0} {
		got, e, err := read(t.Context(), l, "file", old.Version, 0, n)
		if err != nil || !strings.HasPrefix("0123456789", got) || e.Version != old.Version || e.Meta != nil {
			t.Errorf("got %q of %+v, %v; want the version that was asked for, and no metadata", got, e, err)
		}
	}
	if err := l.Remove(t.Context(), "file", backends.Cond{Version: old.Version}); err == nil {
		t.Error("a file that has changed was removed")
	}
	now, err := l.Stat(t.Context(), "file")
	if err != nil || now.Version == old.Version || now.Meta.Mode != 0o100600 {
		t.Errorf("got %+v, %v", now, err)
	}
}

// TestListingsTell what files carry, and their checksums, so that nobody has to ask for
// each.
func TestListingsTell(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	m := backends.Meta{Mode: 0o120777, LinkTarget: "../x", ModTime: time.Unix(5, 5)}
	if _, err := l.Put(t.Context(), "d/link", strings.NewReader("../x"), 4, m, backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	is, err := l.Stat(t.Context(), "d/link")
	if err != nil {
		t.Fatal(err)
	}
	check := func(page []backends.Entry) error {
		e := page[0]
		if e.Kind != backends.Symlink || e.Meta == nil || e.Meta.LinkTarget != "../x" || !e.Meta.ModTime.Equal(m.ModTime) || e.Version != is.Version ||
			!e.ModTime.Equal(is.ModTime) || len(e.Sums) != 2 || e.Sums[0].Algorithm != "md5" || e.Sums[1].Algorithm != "crc32c" || len(e.Sums[1].Hex) != 8 {
			t.Errorf("got %+v, want %+v", e, is)
		}
		return nil
	}
	if err := l.List(t.Context(), "d", check); err != nil {
		t.Error(err)
	}
	if err := l.Walk(t.Context(), "d", "", check); err != nil {
		t.Error(err)
	}
}

// TestPackedFiles are read as they are stored.
func TestPackedFiles(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(strings.Repeat("text ", 1000))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.server.Put(t.Context(), bucket, "page", packed.Bytes(), map[string]any{"contentEncoding": "gzip", "contentType": "text/plain"}); err != nil {
		t.Fatal(err)
	}
	for _, off := range []int64{0, 5} {
		got, e, err := read(t.Context(), l, "page", "", off, -1)
		if err != nil || got != packed.String()[off:] || e.Size != int64(packed.Len()) {
			t.Errorf("got %d bytes of %+v, %v; want %d", len(got), e, err, packed.Len())
		}
	}
}

// TestContentTypes are by the name's end where nobody says another.
func TestContentTypes(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	for name, want := range map[string]string{"page.html": "text/html; charset=utf-8", "a.b/picture.png": "image/png", "x": "application/octet-stream"} {
		put(t, l.Backend, name, "x")
		if e, err := l.Stat(t.Context(), name); err != nil || e.Meta.ContentType != want {
			t.Errorf("%s: got %+v, %v; want %q", name, e.Meta, err, want)
		}
	}
}
