package rclone

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sd/backends"
	"sd/internal/clouds"
)

// changing are the verbs that change something. Each begins with the files of begin, and leads
// to those of want.
var changing = []struct {
	name        string
	begin, want map[string]string
	do          func(ctx context.Context, s Store) error
}{
	{"create", map[string]string{"d/other": "y"}, map[string]string{"d/other": "y", "d/file": "content"}, func(ctx context.Context, s Store) error {
		_, err := s.Put(ctx, "d/file", strings.NewReader("content"), 7, backends.Meta{}, backends.Cond{Absent: true})
		return err
	}},
	{"replace", map[string]string{"d/file": "old"}, map[string]string{"d/file": "content"}, func(ctx context.Context, s Store) error {
		e, err := s.Stat(ctx, "d/file")
		if err == nil {
			_, err = s.Put(ctx, "d/file", strings.NewReader("content"), 7, backends.Meta{}, backends.Cond{Version: e.Version})
		}
		return err
	}},
	{"move", map[string]string{"d/file": "x", "d/other": "y"}, map[string]string{"d/to": "x", "d/other": "y"}, func(ctx context.Context, s Store) error {
		return s.(backends.Renamer).Rename(ctx, "d/file", "d/to", backends.Cond{})
	}},
	{"move over", map[string]string{"d/file": "x", "d/to": "y"}, map[string]string{"d/to": "x"}, func(ctx context.Context, s Store) error {
		return s.(backends.Renamer).Rename(ctx, "d/file", "d/to", backends.Cond{})
	}},
	{"move folder", map[string]string{"d/in": "x"}, map[string]string{"to/in": "x"}, func(ctx context.Context, s Store) error {
		return s.(backends.Renamer).Rename(ctx, "d", "to", backends.Cond{})
	}},
	{"remove", map[string]string{"d/file": "x", "d/other": "y"}, map[string]string{"d/other": "y"}, func(ctx context.Context, s Store) error {
		return s.Remove(ctx, "d/file", backends.Cond{})
	}},
	{"mkdir", map[string]string{"d/file": "x"}, map[string]string{"d/file": "x"}, func(ctx context.Context, s Store) error {
		return s.(backends.DirMaker).Mkdir(ctx, "d/sub")
	}},
	{"copy", map[string]string{"d/file": "x"}, map[string]string{"d/file": "x", "d/to": "x"}, func(ctx context.Context, s Store) error {
		_, err := s.(backends.Copier).Copy(ctx, "d/to", "d/file", backends.CopyOptions{})
		return err
	}},
}

// files are the files of a service; folders are left out.
func files(s service) map[string]string {
	all := maps.Clone(s.Tree())
	maps.DeleteFunc(all, func(name, _ string) bool { return strings.HasSuffix(name, "/") })
	return all
}

// TestLostAnswers loses the answer of each request that changes something, in turn: what was asked
// for is done, once, and is not told as a failure.
func TestLostAnswers(t *testing.T) {
	c := clouds.Start(t)
	for _, kind := range kinds {
		for _, op := range changing {
			t.Run(kind+"/"+op.name, func(t *testing.T) {
				srv := serviceOf(c, kind)
				fresh := func() Store {
					srv.Heal()
					srv.Clean()
					for name, content := range op.begin {
						seed(c, kind, name, content)
					}
					s := open(t, cloudConfig(c, kind))
					names(t, s, "d")
					srv.Forget()
					return s
				}
				if err := op.do(t.Context(), fresh()); err != nil {
					t.Fatal(err)
				}
				routes := changes(srv)
				slices.Sort(routes)
				for _, route := range slices.Compact(routes) {
					s := fresh()
					srv.LostAnswer(route, 1)
					err := op.do(t.Context(), s)
					srv.Heal()
					if err != nil {
						t.Errorf("without the answer of %s: %v", route, err)
					}
					if got := files(srv); !maps.Equal(got, op.want) {
						t.Errorf("without the answer of %s: %q, want %q", route, got, op.want)
					}
				}
			})
		}
	}
}

// TestNothingIsLost ends each change of a name after each of its requests, as if the process had
// been killed: all bytes are still there, and listed. If it says that it is done the name is right;
// an old file that could not be removed is then beside it.
func TestNothingIsLost(t *testing.T) {
	c := clouds.Start(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			srv := serviceOf(c, kind)
			for last := 0; ; last++ {
				srv.Heal()
				srv.Clean()
				seed(c, kind, "d/file", "new")
				seed(c, kind, "d/to", "old")
				s := open(t, cloudConfig(c, kind))
				names(t, s, "d")
				done := 0
				srv.Fault(func(r *http.Request) http.Handler {
					if reads(routeOf(c, kind, r), r.Method) {
						return nil
					}
					if done++; done <= last {
						return nil
					}
					return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
				})
				err := s.(backends.Renamer).Rename(t.Context(), "d/file", "d/to", backends.Cond{})
				srv.Fault(nil)
				var got []string
				for _, name := range names(t, s, "d") {
					got = append(got, read(t, s, "d/"+name, ""))
				}
				slices.Sort(got)
				whole := done <= last // nothing was refused
				switch want := []string{"new", "old"}; {
				case whole && (err != nil || !slices.Equal(got, []string{"new"})):
					t.Errorf("renamed: got %q, %v", got, err)
				case !whole && !slices.Equal(got, want):
					t.Errorf("cut off after %d changes (%v): %q is left", last, err, got)
				case err == nil && read(t, s, "d/to", "") != "new":
					t.Errorf("cut off after %d changes: not renamed, and no error", last)
				}
				if whole {
					return
				}
				if last > 5 {
					t.Fatal("it does not come to an end")
				}
			}
		})
	}
}

// TestBrokenBodies breaks downloads in their middle: they are gone on with where they broke.
func TestBrokenBodies(t *testing.T) {
	c := clouds.Start(t)
	content := strings.Repeat("0123456789abcdef", 1<<19/16*10) // 5 MiB
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			srv := serviceOf(c, kind)
			seed(c, kind, "large", content)
			seed(c, kind, "small", content[:1<<20])
			cfg := cloudConfig(c, kind)
			cfg.Stall = cfg.Stall + 300e6
			s := open(t, cfg)
			for _, name := range []string{"large", "small"} {
				for how, harm := range map[string]func(string, int, int){"torn": srv.TornBody, "stalled": srv.StallBody} {
					e, err := s.Stat(t.Context(), name)
					if err != nil {
						t.Fatal(err)
					}
					harm(downloads[kind], 100_000, 1)
					r, _, err := s.Get(t.Context(), name, e.Version, 0, -1)
					if err != nil {
						t.Fatalf("%s %s: %v", how, name, err)
					}
					got, err := io.ReadAll(r)
					if err != nil || string(got) != content[:e.Size] {
						t.Errorf("%s %s: %d bytes, %v", how, name, len(got), err)
					}
					_ = r.Close()
					srv.Heal()
				}
			}
		})
	}
}

// TestUnreachable has each service be dead, or silent: that is told, then without asking it
// again, until it is back.
func TestUnreachable(t *testing.T) {
	c := clouds.Start(t)
	for _, kind := range kinds {
		for how, end := range map[string]func(service){"dead": func(s service) { s.Dead(true) }, "silent": func(s service) { s.Hang(true) }} {
			t.Run(kind+"/"+how, func(t *testing.T) {
				srv := serviceOf(c, kind)
				seed(c, kind, "file", "x")
				cfg := cloudConfig(c, kind)
				cfg.Patience, cfg.Stall, cfg.ProbeEvery = 500e6, 400e6, 20e6
				s := open(t, cfg)
				if got := read(t, s, "file", ""); got != "x" {
					t.Fatalf("got %q", got)
				}
				end(srv)
				for range 20 {
					if _, err := s.Stat(t.Context(), "file"); !errors.Is(err, backends.ErrOffline) {
						t.Fatalf("got %v", err)
					}
				}
				if s.Health().Online {
					t.Error("it is believed to be there")
				}
				srv.Heal()
				for _, err := s.Stat(t.Context(), "file"); err != nil; _, err = s.Stat(t.Context(), "file") {
					if !errors.Is(err, backends.ErrOffline) {
						t.Fatal(err)
					}
				}
			})
		}
	}
}
