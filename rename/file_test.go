package rename

import (
	"context"
	"errors"
	iofs "io/fs"
	"testing"

	"sd/backends"
)

func TestFile(t *testing.T) {
	r := newRig(t)
	from := r.put("a\n\xff", "content")
	old := r.put("b", "old")
	e, err := r.File(t.Context(), volume, r.store, from, "b", Options{
		Meta: &backends.Meta{Mode: 0o640}, Cond: backends.Cond{Version: old.Version},
	})
	if err != nil || e.Name != "b" || e.Size != 7 {
		t.Fatalf("got %+v, %v", e, err)
	}
	if m, _ := r.store.Meta("b"); m.Mode != 0o640 {
		t.Errorf("got mode %o, want 640", m.Mode)
	}
	r.want(map[string]string{"b": "content"})
	if e, err = r.File(t.Context(), volume, r.store, e, "b", Options{}); err != nil || e.Name != "b" {
		t.Errorf("to itself: got %+v, %v", e, err)
	}
	if e, err = r.File(t.Context(), volume, r.store, e, "b", Options{Meta: &backends.Meta{Mode: 0o600}}); err != nil || e.Name != "b" {
		t.Errorf("to itself with metadata: got %+v, %v", e, err)
	}
	r.want(map[string]string{"b": "content"})
	got := r.store.Stats().Requests
	if got["COPY"] != 2 || got["DELETE"] != 1 {
		t.Errorf("got %v, want 2 COPY and 1 DELETE", got)
	}
	r.wantNothingPending()
}

func TestFileRefusals(t *testing.T) {
	r := newRig(t)
	a, b := r.put("a", "1"), r.put("b", "2")
	stale := a
	stale.Version = "v999"
	for name, tt := range map[string]struct {
		from backends.Entry
		cond backends.Cond
		want error
	}{
		"taken":      {a, backends.Cond{Absent: true}, iofs.ErrExist},
		"replaced":   {a, backends.Cond{Version: a.Version}, backends.ErrChanged},
		"stale":      {stale, backends.Cond{}, backends.ErrChanged},
		"gone":       {backends.Entry{Name: "none", Version: "v1"}, backends.Cond{}, iofs.ErrNotExist},
		"no version": {backends.Entry{Name: "a"}, backends.Cond{}, errors.ErrUnsupported},
	} {
		if _, err := r.File(t.Context(), volume, r.store, tt.from, "b", Options{Cond: tt.cond}); !errors.Is(err, tt.want) || Holds(err) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.File(ctx, volume, r.store, a, "c", Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	_ = b
	r.want(map[string]string{"a": "1", "b": "2"})
	r.wantNothingPending()
}

// TestFileFaults has requests fail that may have had an effect.
func TestFileFaults(t *testing.T) {
	breaks := func(context.Context, string) error { return errBroken }
	for name, tt := range map[string]struct {
		prepare func(r *rig)
		holds   bool
		want    map[string]string
	}{
		"no copy":        {func(r *rig) { r.before = nth("COPY", 1, breaks) }, false, map[string]string{"a": "1"}},
		"a lost copy":    {func(r *rig) { r.after = nth("COPY", 1, breaks) }, false, map[string]string{"a": "1"}},
		"no removal":     {func(r *rig) { r.before = nth("DELETE", 1, breaks) }, true, map[string]string{"b": "1"}},
		"a lost removal": {func(r *rig) { r.after = nth("DELETE", 1, breaks) }, true, map[string]string{"b": "1"}},
		"a changed file": {func(r *rig) {
			r.after = nth("COPY", 1, func(context.Context, string) error { r.put("a", "2"); return nil })
		}, true, map[string]string{"a": "2", "b": "1"}},
		"a removed file": {func(r *rig) {
			r.after = nth("COPY", 1, func(ctx context.Context, _ string) error { return r.store.Remove(ctx, "a", backends.Cond{}) })
		}, true, map[string]string{"b": "1"}},
		"a foreign file": {func(r *rig) {
			r.before = nth("COPY", 1, func(context.Context, string) error { r.put("b", "theirs"); return errBroken })
		}, false, map[string]string{"a": "1", "b": "theirs"}},
		"a later removal": {func(r *rig) {
			r.before = nth("DELETE", 1, func(context.Context, string) error { r.put("b", "newer"); return errBroken })
		}, true, map[string]string{"b": "newer"}},
		"a given up copy": {func(r *rig) {
			r.before = nth("DELETE", 1, func(ctx context.Context, _ string) error {
				r.before = nil
				return errors.Join(errBroken, r.store.Remove(ctx, "b", backends.Cond{}))
			})
		}, true, map[string]string{"a": "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			from := r.put("a", "1")
			tt.prepare(r)
			_, err := r.File(t.Context(), volume, r.store, from, "b", Options{Cond: backends.Cond{Absent: true}})
			if Holds(err) != tt.holds {
				t.Errorf("got %v", err)
			}
			until(t, "nothing is pending", func() bool { return len(r.Pending()) == 0 })
			r.want(tt.want)
			r.wantNothingPending()
		})
	}
}

// A copy that may have replaced something is not taken back: nothing is lost.
func TestFileLostOver(t *testing.T) {
	r := newRig(t)
	from, old := r.put("a", "1"), r.put("b", "old")
	r.after = nth("COPY", 1, func(context.Context, string) error { return errBroken })
	if _, err := r.File(t.Context(), volume, r.store, from, "b", Options{Cond: backends.Cond{Version: old.Version}}); Holds(err) {
		t.Errorf("got %v", err)
	}
	until(t, "nothing is pending", func() bool { return len(r.Pending()) == 0 })
	r.want(map[string]string{"a": "1", "b": "1"})
}
