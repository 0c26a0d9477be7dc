package rename

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"sd/backends"
)

var errBroken = errors.New("broken")

// nth is a hook that does something at the n-th request of a kind.
func nth(op string, n int64, do func(ctx context.Context, name string) error) func(context.Context, string, string) error {
	var count atomic.Int64
	return func(ctx context.Context, at, name string) error {
		if at == op && count.Add(1) == n {
			return do(ctx, name)
		}
		return nil
	}
}

// TestUndone stops a rename in many ways before all is copied. The old tree is there
// in the end, with every byte, and nothing else.
func TestUndone(t *testing.T) {
	breaks := func(context.Context, string) error { return errBroken }
	for name, tt := range map[string]struct {
		prepare func(r *rig, cancel context.CancelFunc)
		want    error
	}{
		"the first copy": {func(r *rig, _ context.CancelFunc) { r.before = nth("COPY", 1, breaks) }, errBroken},
		"the 37th copy":  {func(r *rig, _ context.CancelFunc) { r.before = nth("COPY", 37, breaks) }, errBroken},
		"the last copy":  {func(r *rig, _ context.CancelFunc) { r.before = nth("COPY", 72, breaks) }, errBroken},
		"a lost reply":   {func(r *rig, _ context.CancelFunc) { r.after = nth("COPY", 37, breaks) }, errBroken},
		"a marker":       {func(r *rig, _ context.CancelFunc) { r.before = nth("MKDIR", 3, breaks) }, errBroken},
		"a lost marker":  {func(r *rig, _ context.CancelFunc) { r.after = nth("MKDIR", 3, breaks) }, errBroken},
		"the listing":    {func(r *rig, _ context.CancelFunc) { r.before = nth("LIST", 1, breaks) }, errBroken},
		"no space": {func(r *rig, _ context.CancelFunc) {
			r.before = nth("COPY", 37, func(context.Context, string) error { return backends.ErrNoSpace })
		}, backends.ErrNoSpace},
		"the user": {func(r *rig, cancel context.CancelFunc) {
			r.before = nth("COPY", 20, func(context.Context, string) error { cancel(); return nil })
		}, context.Canceled},
		"the user, early": {func(r *rig, cancel context.CancelFunc) {
			r.before = nth("LIST", 1, func(context.Context, string) error { cancel(); return nil })
		}, context.Canceled},
		"a failure to undo": {func(r *rig, _ context.CancelFunc) {
			r.before = nth("COPY", 37, breaks)
			r.after = nth("DELETE", 5, breaks)
		}, errBroken},
		"an offline undo": {func(r *rig, _ context.CancelFunc) {
			var offline atomic.Int64 // the number of requests that still fail
			r.before = nth("COPY", 37, func(context.Context, string) error { offline.Store(60); return errBroken })
			first := r.before
			r.before = func(ctx context.Context, op, name string) error {
				if err := first(ctx, op, name); err != nil {
					return err
				}
				if offline.Add(-1) >= 0 {
					return backends.ErrOffline
				}
				return nil
			}
		}, errBroken},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			files := small()
			r.fill(files)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			tt.prepare(r, cancel)
			err := r.Dir(ctx, volume, r.store, "d", "e", nil)
			if !errors.Is(err, tt.want) && !(name == "an offline undo" && errors.Is(err, backends.ErrOffline)) || Holds(err) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			until(t, "nothing is pending", func() bool { return len(r.Pending()) == 0 })
			r.want(files)
			r.wantNothingPending()
		})
	}
}

// TestForeignObjects has somebody else write into the target in mid-course. What they
// wrote is neither replaced nor taken back, whatever becomes of the rename.
func TestForeignObjects(t *testing.T) {
	write := func(r *rig, name, content string) func(context.Context, string) error {
		return func(context.Context, string) error { r.put(name, content); return nil }
	}
	for name, tt := range map[string]struct {
		at      int64 // the number of the copy, before which it happens
		foreign string
		content string
		fails   bool // by itself
	}{
		"before its copy":   {1, "e/many/059", "theirs", true},
		"the same bytes":    {1, "e/many/059", "content 59", true},
		"over its copy":     {60, "e/a", "theirs", false},
		"of another name":   {10, "e/many/theirs", "theirs", false},
		"of another folder": {10, "e/theirs/x", "theirs", false},
	} {
		for _, fails := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t)
				files := small()
				r.fill(files)
				write := write(r, tt.foreign, tt.content)
				var copies atomic.Int64
				r.before = func(ctx context.Context, op, name string) error {
					if op != "COPY" {
						return nil
					}
					n := copies.Add(1)
					if n == tt.at {
						return write(ctx, name)
					}
					if n == 72 && fails {
						return errBroken
					}
					return nil
				}
				r.cfg.Parallel = 1 // so that the order is known
				err := r.Dir(t.Context(), volume, r.store, "d", "e", nil)
				if failed := fails || tt.fails; failed == (err == nil) || failed == Holds(err) {
					t.Fatalf("got %v", err)
				}
				if tt.fails && !errors.Is(err, iofs.ErrExist) {
					t.Errorf("got %v, want %v", err, iofs.ErrExist)
				}
				until(t, "nothing is pending", func() bool { return len(r.Pending()) == 0 })
				if err == nil {
					files = moved(files, "d", "e")
				}
				files["e/"] = "" // also where it is undone: the folder is not empty
				files[tt.foreign] = tt.content
				r.want(files)
			})
		}
	}
}

// TestChangedSource has somebody else write into the old tree. What was written before
// its copy stops the rename; what comes between copy and removal stays.
func TestChangedSource(t *testing.T) {
	t.Run("before its copy", func(t *testing.T) {
		r := newRig(t)
		files := small()
		r.fill(files)
		r.cfg.Parallel = 1
		r.before = nth("COPY", 5, func(context.Context, string) error { r.put("d/many/059", "newer"); return nil })
		if err := r.Dir(t.Context(), volume, r.store, "d", "e", nil); !errors.Is(err, backends.ErrChanged) || Holds(err) {
			t.Errorf("got %v, want %v", err, backends.ErrChanged)
		}
		files["d/many/059"] = "newer"
		r.want(files)
		r.wantNothingPending()
	})
	t.Run("after its copy", func(t *testing.T) {
		r := newRig(t)
		files := small()
		r.fill(files)
		r.before = nth("DELETE", 1, func(context.Context, string) error {
			r.put("d/many/059", "newer")
			r.put("d/many/new", "new")
			return r.store.Store.Remove(t.Context(), "d/z2", backends.Cond{})
		})
		r.put("d/z2", "removed meanwhile")
		files["d/z2"] = "removed meanwhile"
		err := r.Dir(t.Context(), volume, r.store, "d", "e", nil)
		var kept *KeptError
		if !errors.As(err, &kept) || !errors.Is(err, backends.ErrChanged) || !Holds(err) || kept.Count != 1 || kept.Names[0] != "d/many/059" {
			t.Fatalf("got %v, want that d/many/059 stays", err)
		}
		if !strings.Contains(err.Error(), `"d/many/059"`) {
			t.Errorf("got %q, which does not name the file", err)
		}
		files = moved(files, "d", "e")
		files["d/many/059"], files["d/many/new"] = "newer", "new"
		files["d/"] = "" // it is not empty
		r.want(files)
		r.wantNothingPending()
	})
}

// filled is a store with a marker that has bytes.
type filled struct{ objects }

func (s filled) Get(ctx context.Context, name, version string, off, n int64) (io.ReadCloser, backends.Entry, error) {
	if name == "d/made/" {
		return http.NoBody, backends.Entry{Name: name, Size: 5, Version: "v"}, nil
	}
	return s.objects.Get(ctx, name, version, off, n)
}

// A marker with bytes is not replaced by one without.
func TestFilledMarker(t *testing.T) {
	r := newRig(t)
	r.fill(map[string]string{"d/": "", "d/made/": "", "d/made/in": "1", "d/empty/": ""})
	err := r.Dir(t.Context(), volume, filled{r.store}, "d", "e", nil)
	var kept *KeptError
	if !errors.As(err, &kept) || kept.Count != 1 || kept.Names[0] != "d/made/" {
		t.Errorf("got %v, want that d/made/ stays", err)
	}
	r.want(map[string]string{"d/": "", "d/made/": "", "e/": "", "e/made/": "", "e/made/in": "1", "e/empty/": ""})
}

// TestUnfinished has the removal of the old tree fail. The rename holds, and the rest
// goes later.
func TestUnfinished(t *testing.T) {
	r := newRig(t)
	files := small()
	r.fill(files)
	var down atomic.Bool
	var reached atomic.Int64
	r.before = func(_ context.Context, op, name string) error {
		if op == "DELETE" && reached.Add(1) == 20 {
			down.Store(true)
		}
		if down.Load() {
			return backends.ErrOffline
		}
		return nil
	}
	err := r.Dir(t.Context(), volume, r.store, "d", "e", nil)
	if !errors.As(err, new(*UnfinishedError)) || !errors.Is(err, backends.ErrOffline) || !Holds(err) {
		t.Fatalf("got %v, want an UnfinishedError", err)
	}
	until(t, "an attempt has failed", func() bool {
		p := r.Pending()
		return len(p) == 1 && p[0].State == "deleting" && p[0].From == "d" && p[0].To == "e" && p[0].Folder && strings.Contains(p[0].Reason, "unreachable")
	})
	down.Store(false)
	until(t, "nothing is pending", func() bool { return len(r.Pending()) == 0 })
	r.want(moved(files, "d", "e"))
	r.wantNothingPending()
}

// TestCancelledLate cancels when all is copied: the rename goes to its end.
func TestCancelledLate(t *testing.T) {
	r := newRig(t)
	files := small()
	r.fill(files)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.before = nth("DELETE", 1, func(context.Context, string) error { cancel(); return nil })
	if err := r.Dir(ctx, volume, r.store, "d", "e", nil); err != nil {
		t.Error(err)
	}
	r.want(moved(files, "d", "e"))
}

// TestClose stops a rename where it stands; the next process takes the copies back, or
// removes what is left.
func TestClose(t *testing.T) {
	for _, op := range []string{"COPY", "DELETE"} {
		t.Run(op, func(t *testing.T) {
			r := newRig(t)
			files := small()
			r.fill(files)
			closed := make(chan struct{})
			r.before = nth(op, 30, func(ctx context.Context, _ string) error {
				go func() { r.Close(); close(closed) }()
				<-ctx.Done()
				return ctx.Err()
			})
			err := r.Dir(t.Context(), volume, r.store, "d", "e", nil)
			if !errors.Is(err, iofs.ErrClosed) || Holds(err) != (op == "DELETE") {
				t.Errorf("got %v, want %v", err, iofs.ErrClosed)
			}
			<-closed
			if got := r.all(); maps.Equal(got, files) || maps.Equal(got, moved(files, "d", "e")) {
				t.Error("nothing was cut short")
			}
			if err := r.Dir(t.Context(), volume, r.store, "d", "e", nil); !errors.Is(err, iofs.ErrClosed) {
				t.Errorf("got %v, want %v", err, iofs.ErrClosed)
			}
			r.Journal = r.open()
			if err := r.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
			if op == "DELETE" {
				files = moved(files, "d", "e")
			}
			r.want(files)
			r.wantNothingPending()
		})
	}
}
