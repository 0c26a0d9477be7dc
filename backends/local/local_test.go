package local_test

import (
	"errors"
	"io"
	iofs "io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/backendtest"
	"sd/backends/local"
)

func open(t testing.TB, dir string) *local.Store {
	t.Helper()
	s, err := local.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func put(t testing.TB, s *local.Store, name, content string, m backends.Meta) {
	t.Helper()
	r := strings.NewReader(content)
	if _, err := s.Put(t.Context(), name, r, r.Size(), m, backends.Cond{}); err != nil {
		t.Fatal(err)
	}
}

func TestStore(t *testing.T) {
	dirs := map[backends.Backend]string{}
	start := func(t *testing.T) backends.Backend {
		dir := t.TempDir()
		s := open(t, dir)
		dirs[s] = dir
		return s
	}
	backendtest.Run(t, start, backendtest.Options{
		Seed: func(t testing.TB, b backends.Backend, files map[string]string) {
			for _, name := range slices.Sorted(maps.Keys(files)) {
				if len(files) < 100 {
					put(t, b.(*local.Store), name, files[name], backends.Meta{})
				} else {
					write(t, filepath.Join(dirs[b], name), files[name]) // without a sync for each
				}
			}
		},
	})
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestOpenWantsAFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "")
	for _, path := range []string{"none", "file"} {
		if s, err := local.Open(filepath.Join(dir, path)); err == nil {
			s.Close()
			t.Errorf("%s was opened as a folder", path)
		}
	}
}

func TestNothingLeadsOut(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	write(t, filepath.Join(outside, "secret"), "secret")
	write(t, filepath.Join(dir, "sub", "file"), "x")
	for link, target := range map[string]string{
		"absolute": outside, "relative": "../" + filepath.Base(outside), "toFile": filepath.Join(outside, "secret"), "sub/up": "../..",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	s, ctx := open(t, dir), t.Context()
	for _, name := range []string{
		"absolute/secret", "relative/secret", "toFile", "sub/up/x", "../" + filepath.Base(outside) + "/secret", "sub/../../x", "/etc/passwd", "..",
	} {
		if _, _, err := s.Get(ctx, name, "", 0, -1); err == nil {
			t.Errorf("Get(%q) read something", name)
		} else if !errors.Is(err, iofs.ErrPermission) && !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("Get(%q): %v", name, err)
		}
		err := s.List(ctx, name, func([]backends.Entry) error {
			t.Errorf("List(%q) yielded something", name)
			return nil
		})
		if err == nil {
			t.Errorf("List(%q) went well", name)
		}
		if name == "toFile" {
			continue // Put replaces the link, and Remove and Rename mean the link
		}
		if _, err := s.Put(ctx, name, strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{}); err == nil {
			t.Errorf("Put(%q) went well", name)
		}
		if err := s.Remove(ctx, name, backends.Cond{}); err == nil {
			t.Errorf("Remove(%q) went well", name)
		}
		if err := s.Rename(ctx, "sub/file", name, backends.Cond{}); err == nil {
			t.Errorf("Rename to %q went well", name)
		}
		if err := s.Mkdir(ctx, name); err == nil {
			t.Errorf("Mkdir(%q) went well", name)
		}
	}
	put(t, s, "toFile", "mine", backends.Meta{})
	if got, err := os.ReadFile(filepath.Join(outside, "secret")); string(got) != "secret" {
		t.Errorf("the file outside is %q, %v", got, err)
	}
	if files, err := os.ReadDir(outside); len(files) != 1 {
		t.Errorf("outside there are %v, %v; want one file", files, err)
	}
}

func TestLinksInside(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "real", "file"), "content")
	if err := errors.Join(
		os.Symlink("real", filepath.Join(dir, "link")),
		os.Symlink("real/file", filepath.Join(dir, "toFile")),
		os.Symlink("nowhere", filepath.Join(dir, "dangling")),
	); err != nil {
		t.Fatal(err)
	}
	s, ctx := open(t, dir), t.Context()
	for _, name := range []string{"link/file", "toFile"} {
		r, _, err := s.Get(ctx, name, "", 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(r); string(got) != "content" {
			t.Errorf("%q holds %q", name, got)
		}
		r.Close()
	}
	for name, kind := range map[string]backends.Kind{"link": backends.Symlink, "dangling": backends.Symlink, "real": backends.Dir} {
		if e, err := s.Stat(ctx, name); err != nil || e.Kind != kind {
			t.Errorf("Stat(%q) = %+v, %v; want kind %d", name, e, err, kind)
		}
	}
	var walked []string
	if err := s.Walk(ctx, "", "", func(page []backends.Entry) error {
		for _, e := range page {
			walked = append(walked, e.Name)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if want := []string{"dangling", "link", "real", "real/file", "toFile"}; !slices.Equal(walked, want) {
		t.Errorf("Walk yields %q, want %q", walked, want)
	}
}

func TestNamesAreKeptByteForByte(t *testing.T) {
	s, ctx := open(t, t.TempDir()), t.Context()
	put(t, s, "a/b", "x", backends.Meta{})
	for _, name := range []string{"a//b", "./a/b", "a/./b", "a/b/", "/a/b", "a/../a/b", "a/b\x00", "."} {
		if _, err := s.Stat(ctx, name); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("Stat(%q): got error %v, want %v", name, err, iofs.ErrNotExist)
		}
		if _, err := s.Put(ctx, name, strings.NewReader(""), 0, backends.Meta{}, backends.Cond{}); !errors.Is(err, iofs.ErrInvalid) {
			t.Errorf("Put(%q): got error %v, want %v", name, err, iofs.ErrInvalid)
		}
	}
	if _, err := s.Put(ctx, strings.Repeat("n", 256), strings.NewReader(""), 0, backends.Meta{}, backends.Cond{}); !errors.Is(err, iofs.ErrInvalid) {
		t.Errorf("a name of 256 bytes: got error %v, want %v", err, iofs.ErrInvalid)
	}
}

func TestReaderNoticesWritesInPlace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	long := strings.Repeat("A", 1<<20)
	for what, change := range map[string]func() error{
		"truncated": func() error { return os.Truncate(path, 10) },
		"appended": func() error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("more")
			return errors.Join(err, f.Close())
		},
		"rewritten": func() error {
			return errors.Join(os.WriteFile(path, []byte(strings.Repeat("B", len(long))), 0o666), os.Chtimes(path, time.Time{}, time.Unix(1, 0)))
		},
	} {
		write(t, path, long)
		s := open(t, dir)
		r, _, err := s.Get(t.Context(), "file", "", 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); !errors.Is(err, backends.ErrChanged) {
			t.Errorf("%s: got error %v, want %v", what, err, backends.ErrChanged)
		}
	}
}

func TestReaderOutlivesTheName(t *testing.T) {
	s, ctx := open(t, t.TempDir()), t.Context()
	put(t, s, "file", "old bytes", backends.Meta{})
	r, _, err := s.Get(ctx, "file", "", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	put(t, s, "file", "new bytes", backends.Meta{})
	if err := s.Remove(ctx, "file", backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); string(got) != "old bytes" || err != nil {
		t.Errorf("got %q, %v; want the old bytes", got, err)
	}
}

func TestPipesDoNotBlock(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	if _, _, err := s.Get(t.Context(), "pipe", "", 0, -1); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got error %v, want %v", err, errors.ErrUnsupported)
	}
	if _, err := s.Copy(t.Context(), "copy", "pipe", backends.CopyOptions{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got error %v, want %v", err, errors.ErrUnsupported)
	}
}

func TestMetaIsKept(t *testing.T) {
	dir := t.TempDir()
	s, then := open(t, dir), time.Unix(1234567890, 123456789)
	put(t, s, "script", "v1", backends.Meta{Mode: 0o750, ModTime: then})
	check := func(name string, mode os.FileMode) {
		t.Helper()
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode() != mode {
			t.Errorf("%s has mode %v, %v; want %v", name, info.Mode(), err, mode)
		}
	}
	check("script", 0o750)
	if _, err := s.Copy(t.Context(), "copy", "script", backends.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	check("copy", 0o750)
	for _, name := range []string{"script", "copy"} {
		if e, err := s.Stat(t.Context(), name); err != nil || !e.ModTime.Equal(then) {
			t.Errorf("%s has time %v, %v; want %v", name, e.ModTime, err, then)
		}
	}
	put(t, s, "script", "v2", backends.Meta{})
	check("script", 0o750)
	r := strings.NewReader("")
	_, err := s.Put(t.Context(), "link", r, 0, backends.Meta{LinkTarget: "script"}, backends.Cond{})
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got error %v, want %v", err, errors.ErrUnsupported)
	}
}

func TestVersionSeesAForgedTime(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	s, then := open(t, dir), time.Unix(1234567890, 0)
	put(t, s, "file", "old", backends.Meta{ModTime: then})
	old, err := s.Stat(t.Context(), "file")
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, "new")
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Get(t.Context(), "file", old.Version, 0, -1); !errors.Is(err, backends.ErrChanged) {
		t.Errorf("got error %v, want %v", err, backends.ErrChanged)
	}
}

func TestInterruptedPutsAreInvisible(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "d", ".sd-put-LEFTOVER")
	write(t, left, "half a fi")
	s, ctx := open(t, dir), t.Context()
	if err := s.List(ctx, "d", func(page []backends.Entry) error {
		t.Errorf("List yields %v", page)
		return nil
	}); err != nil {
		t.Error(err)
	}
	if _, err := s.Stat(ctx, "d/.sd-put-LEFTOVER"); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("got error %v, want %v", err, iofs.ErrNotExist)
	}
	if err := s.Rmdir(ctx, "d"); !errors.Is(err, backends.ErrNotEmpty) {
		t.Errorf("a file that may still be written: got error %v, want %v", err, backends.ErrNotEmpty)
	}
	longAgo := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(left, longAgo, longAgo); err != nil {
		t.Fatal(err)
	}
	if err := s.Rmdir(ctx, "d"); err != nil {
		t.Errorf("an old leftover keeps the directory: %v", err)
	}
}

func TestFailedPutsLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	r := strings.NewReader("short")
	if _, err := s.Put(t.Context(), "file", r, 100, backends.Meta{}, backends.Cond{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got error %v, want %v", err, io.ErrUnexpectedEOF)
	}
	if files, err := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("left are %v, %v", files, err)
	}
}

func BenchmarkList10000(b *testing.B) {
	dir := b.TempDir()
	for i := range 10000 {
		write(b, filepath.Join(dir, strings.Repeat("n", 20)+string(rune('a'+i%26))+time.Duration(i).String()), "")
	}
	s := open(b, dir)
	for b.Loop() {
		if err := s.List(b.Context(), "", func([]backends.Entry) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
