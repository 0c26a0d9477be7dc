package mem_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/backendtest"
	"sd/backends/mem"
)

func TestStore(t *testing.T) {
	for name, pageSize := range map[string]int{"tiny pages": 1, "default": 0} {
		t.Run(name, func(t *testing.T) {
			backendtest.Run(t, func(*testing.T) backends.Backend {
				return mem.New(mem.Config{PageSize: pageSize, Limits: backends.UploadLimits{MinPart: 100_000}})
			}, backendtest.Options{PageSize: pageSize})
		})
	}
}

func TestVersions(t *testing.T) {
	backendtest.RunVersions(t, func(*testing.T) backends.Backend {
		return mem.New(mem.Config{Versions: true})
	}, backendtest.Options{})
}

func TestPeers(t *testing.T) {
	backendtest.RunPeers(t, func(*testing.T) (to, from, strange backends.Backend) {
		return mem.New(mem.Config{Account: "a"}), mem.New(mem.Config{Account: "a"}), mem.New(mem.Config{Account: "b"})
	}, backendtest.Options{})
}

func put(t *testing.T, s *mem.Store, name, content string, m backends.Meta) error {
	t.Helper()
	r := strings.NewReader(content)
	_, err := s.Put(t.Context(), name, r, r.Size(), m, backends.Cond{})
	return err
}

func mustPut(t *testing.T, s *mem.Store, name, content string) {
	t.Helper()
	if err := put(t, s, name, content, backends.Meta{}); err != nil {
		t.Fatal(err)
	}
}

func TestStatsCountRequests(t *testing.T) {
	s, ctx := mem.New(mem.Config{PageSize: 2}), t.Context()
	for _, name := range []string{"d/a", "d/b", "d/c", "d/d", "d/e"} {
		mustPut(t, s, name, "12345")
	}
	if err := s.List(ctx, "d", func([]backends.Entry) error { return nil }); err != nil {
		t.Fatal(err)
	}
	r, _, err := s.Get(ctx, "d/a", "", 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	got, want := s.Stats(), map[string]int64{"PUT": 5, "LIST": 3, "GET": 1}
	if !maps.Equal(got.Requests, want) || got.BytesIn != 3 || got.BytesOut != 25 {
		t.Errorf("got %+v, want requests %v, 3 bytes in and 25 out", got, want)
	}
}

func TestBeforeFailsAndStalls(t *testing.T) {
	broken := errors.New("broken")
	s := mem.New(mem.Config{PageSize: 1, Before: func(ctx context.Context, op, name string) error {
		switch {
		case op == "GET" && name == "broken":
			return broken
		case op == "HEAD" && name == "stalled":
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}})
	mustPut(t, s, "broken", "x")
	mustPut(t, s, "stalled", "y")
	if _, _, err := s.Get(t.Context(), "broken", "", 0, -1); !errors.Is(err, broken) {
		t.Errorf("got error %v, want %v", err, broken)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := s.Stat(ctx, "stalled"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want %v", err, context.DeadlineExceeded)
	}
	if _, err := s.Stat(t.Context(), "broken"); err != nil {
		t.Error(err)
	}
}

func TestCapacity(t *testing.T) {
	s := mem.New(mem.Config{Capacity: 10})
	mustPut(t, s, "a", "12345")
	mustPut(t, s, "b", "12345")
	if err := put(t, s, "c", "x", backends.Meta{}); !errors.Is(err, backends.ErrNoSpace) {
		t.Errorf("got error %v, want %v", err, backends.ErrNoSpace)
	}
	mustPut(t, s, "a", "1234")
	mustPut(t, s, "c", "x")
	if err := s.Rename(t.Context(), "c", "b", backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), "a", backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	if used, free, err := s.Usage(t.Context()); used != 1 || free != 9 || err != nil {
		t.Errorf("Usage = %d, %d, %v; want 1, 9", used, free, err)
	}
}

func TestImpliedDirectoriesGoWithTheirFiles(t *testing.T) {
	s, ctx := mem.New(mem.Config{}), t.Context()
	if err := s.Mkdir(ctx, "made"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a/b/file", "made/b/file"} {
		mustPut(t, s, name, "")
		if err := s.Remove(ctx, name, backends.Cond{}); err != nil {
			t.Fatal(err)
		}
	}
	for name, there := range map[string]bool{"a": false, "a/b": false, "made": true, "made/b": false} {
		if _, err := s.Stat(ctx, name); (err == nil) != there {
			t.Errorf("Stat(%q): %v, want it there: %v", name, err, there)
		}
	}
}

func TestMetaTravels(t *testing.T) {
	s := mem.New(mem.Config{})
	want := backends.Meta{ModTime: time.Unix(1234567890, 0), Mode: 0o640, BLAKE3: strings.Repeat("0", 64)}
	if err := put(t, s, "file", "x", want); err != nil {
		t.Fatal(err)
	}
	e, err := s.Copy(t.Context(), "copy", "file", backends.CopyOptions{})
	if err != nil || !e.ModTime.Equal(want.ModTime) {
		t.Errorf("the copy is %+v, %v; want time %v", e, err, want.ModTime)
	}
	if got, err := s.Meta("copy"); !reflect.DeepEqual(got, want) || err != nil {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestPagesMustNotBeKept(t *testing.T) {
	s := mem.New(mem.Config{})
	mustPut(t, s, "file", "x")
	var kept []backends.Entry
	if err := s.List(t.Context(), "", func(page []backends.Entry) error {
		kept = page
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if kept[0].Name == "file" {
		t.Error("a page is still good after yield, which lets a mistake of a caller pass")
	}
}
