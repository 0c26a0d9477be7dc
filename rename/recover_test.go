package rename

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sd/backends"
)

// dead writes a journal as a process does that is killed then.
func (r *rig) dead(h header, records ...record) {
	r.Helper()
	home, err := newHome(r.dir)
	if err != nil {
		r.Fatal(err)
	}
	h.Volume, h.Since = volume, time.Now()
	file, err := create(filepath.Join(home.dir, "1"+journalExt), h)
	if err == nil {
		err = file.add(records...)
	}
	if err != nil {
		r.Fatal(err)
	}
	file.file.Close()
	home.lock.Close()
}

func (r *rig) recover() {
	r.Helper()
	if err := r.Recover(r.Context()); err != nil {
		r.Error(err)
	}
	r.wantNothingPending()
	if left, _ := os.ReadDir(r.dir); len(left) != 1 {
		r.Errorf("got %d folders of journals, want that of this process", len(left))
	}
}

// three is a folder of three files, and its plan.
func (r *rig) three() (map[string]string, []record) {
	files := map[string]string{"d/a": "1", "d/b": "2", "d/c": "3"}
	r.fill(files)
	var plan []record
	for _, name := range []string{"a", "b", "c"} {
		e, err := r.store.Stat(r.Context(), "d/"+name)
		if err != nil {
			r.Fatal(err)
		}
		plan = append(plan, record{kind: isFile, name: name, size: e.Size, version: e.Version})
	}
	return files, plan
}

func (r *rig) copied(index int, name string) record {
	e, err := r.store.Copy(r.Context(), "e/"+name, "d/"+name, backends.CopyOptions{})
	if err != nil {
		r.Fatal(err)
	}
	return record{kind: copied, index: index, version: e.Version}
}

var folder = header{From: []byte("d"), To: []byte("e"), Folder: true}

func TestRecoverNothing(t *testing.T) {
	r := newRig(t)
	if err := os.Mkdir(filepath.Join(r.dir, "0dead"), 0o700); err != nil {
		t.Fatal(err)
	}
	r.recover()
}

// A process that was killed while it listed has done nothing.
func TestRecoverListing(t *testing.T) {
	r := newRig(t)
	files, plan := r.three()
	r.put("e/a", "1") // with bytes that could be taken for ours
	files["e/a"] = "1"
	r.dead(folder, plan[:2]...)
	r.recover()
	r.want(files)
}

// TestLateRequest has a request of a killed process take effect after its journal was
// found and its copies were taken back.
func TestLateRequest(t *testing.T) {
	r := newRig(t)
	files, plan := r.three()
	first := r.copied(0, "a")
	r.dead(folder, append(plan, record{kind: planned}, first)...)
	r.after = nth("DELETE", 1, func(context.Context, string) error {
		r.copied(1, "b")
		return nil
	})
	r.Close()
	cfg := r.config()
	cfg.Settle = 300 * time.Millisecond
	j, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	r.Journal = j
	r.recover()
	r.want(files)
}

// A copy that is not on record is taken back only if its bytes prove it ours, and the
// old object is still there.
func TestUnrecordedCopies(t *testing.T) {
	r := newRig(t)
	files, plan := r.three()
	r.copied(0, "a")
	r.put("e/b", "X")
	r.copied(2, "c")
	if err := r.store.Remove(t.Context(), "d/c", backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	delete(files, "d/c")
	files["e/b"], files["e/c"] = "X", "3"
	r.dead(folder, append(plan, record{kind: planned})...)
	r.recover()
	r.want(files)
}

// The old objects go only where the new ones are still there.
func TestRecoverRemoval(t *testing.T) {
	r := newRig(t)
	_, plan := r.three()
	made := []record{{kind: planned}, r.copied(0, "a"), r.copied(1, "b"), r.copied(2, "c"), {kind: deleting}}
	if err := r.store.Remove(t.Context(), "e/b", backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	r.put("e/c", "edited")
	r.dead(folder, append(plan, made...)...)
	r.recover()
	r.want(map[string]string{"e/a": "1", "d/b": "2", "e/c": "edited"})
}

func TestRecoverFile(t *testing.T) {
	for name, tt := range map[string]struct {
		landed, recorded, giveUp bool
		absent                   bool
		want                     map[string]string
	}{
		"before the copy":            {false, false, false, true, map[string]string{"a": "1"}},
		"after the copy":             {true, false, false, true, map[string]string{"b": "1"}},
		"after its record":           {true, true, false, true, map[string]string{"b": "1"}},
		"over another":               {true, false, false, false, map[string]string{"b": "1"}},
		"over another, on record":    {true, true, false, false, map[string]string{"b": "1"}},
		"over another, before":       {false, false, false, false, map[string]string{"a": "1", "b": "old"}},
		"given up":                   {true, false, true, true, map[string]string{"a": "1"}},
		"given up, over another":     {true, false, true, false, map[string]string{"a": "1", "b": "1"}},
		"given up, before the copy":  {false, false, true, true, map[string]string{"a": "1"}},
		"given up, nothing replaced": {false, false, true, false, map[string]string{"a": "1", "b": "old"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			from := r.put("a", "1")
			h := header{From: []byte("a"), To: []byte("b"), Version: from.Version, Size: 1, Absent: tt.absent}
			if !tt.absent {
				h.CondVersion = r.put("b", "old").Version
			}
			var records []record
			if tt.landed {
				e, err := r.store.Copy(t.Context(), "b", "a", backends.CopyOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if tt.recorded {
					records = append(records, record{kind: copied, version: e.Version})
				}
			}
			if tt.giveUp {
				records = append(records, record{kind: undoing})
			}
			r.dead(h, records...)
			r.recover()
			r.want(tt.want)
		})
	}
}

// Journals of a live process are its own.
func TestLiveProcess(t *testing.T) {
	r := newRig(t)
	files := small()
	r.fill(files)
	other := r.open()
	var once atomic.Bool
	r.before = func(ctx context.Context, op, _ string) error {
		if op == "COPY" && once.CompareAndSwap(false, true) {
			return other.Recover(ctx)
		}
		return nil
	}
	if err := r.Dir(t.Context(), volume, r.store, "d", "e", nil); err != nil {
		t.Fatal(err)
	}
	r.want(moved(files, "d", "e"))
}

// What cannot be reached yet waits, and is told of.
func TestUnknownVolume(t *testing.T) {
	r := newRig(t)
	files, plan := r.three()
	r.dead(folder, append(plan, record{kind: planned}, r.copied(0, "a"))...)
	var reachable atomic.Bool
	r.Close()
	cfg := r.config()
	backend := cfg.Backend
	cfg.Backend = func(ctx context.Context, v string) (backends.Backend, error) {
		if !reachable.Load() {
			return nil, backends.ErrOffline
		}
		return backend(ctx, v)
	}
	j, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	r.Journal = j
	if err := j.Recover(t.Context()); err == nil || !strings.Contains(err.Error(), `"d" to "e"`) {
		t.Errorf("got %v, want an error that names the folders", err)
	}
	if p := j.Pending(); len(p) != 1 || p[0].Reason == "" && p[0].State != "copying" {
		t.Errorf("got %+v", p)
	}
	reachable.Store(true)
	until(t, "nothing is pending", func() bool { return len(j.Pending()) == 0 })
	r.want(files)
}

// TestCutJournal cuts the journal of a whole rename at every byte. All that remains is
// read, and what was written after reopening too.
func TestCutJournal(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	l, err := create(whole, folder)
	if err != nil {
		t.Fatal(err)
	}
	records := []record{
		{kind: isMarker}, {kind: isFile, name: "a\x00\n\xff", size: 1 << 40, version: `"etag"`}, {kind: isFile, name: "b"}, {kind: planned},
		{kind: copied, index: 1, version: "v"}, {kind: refused, index: 300}, {kind: deleting},
	}
	var ends []int64
	for _, r := range records {
		if err := l.add(r); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, l.size)
	}
	l.file.Close()
	text, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for n := range text {
		path := filepath.Join(dir, "cut")
		damaged := bytes.Clone(text[:n])
		if n > int(ends[0]) && n%2 == 0 {
			damaged[n-1] ^= 0x55 // and a byte that is not what was written
		}
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		whole := 0
		for whole < len(ends) && (ends[whole] < int64(n) || ends[whole] == int64(n) && (n%2 != 0 || whole == 0)) {
			whole++
		}
		l, h, err := reopen(path)
		if err == errNoHeader {
			continue
		}
		if err != nil || string(h.From) != "d" || !h.Folder {
			t.Fatalf("cut at %d: got %+v, %v", n, h, err)
		}
		if err := l.add(record{kind: removed, index: n}); err != nil {
			t.Fatal(err)
		}
		var got []record
		_, _ = scan(l.reader(0), 0, func(_ int64, r record) error { got = append(got, r); return nil })
		want := append(records[:whole:whole], record{kind: removed, index: n})
		if got = got[1:]; len(got) != len(want) {
			t.Fatalf("cut at %d: got %d records, want %d", n, len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("cut at %d: got %+v, want %+v", n, got[i], want[i])
			}
		}
		l.drop()
	}
}

func TestOddNamesInHeaders(t *testing.T) {
	r := newRig(t)
	files := map[string]string{"d\xff\n\x00/x": "1"}
	r.fill(files)
	r.put("e\xfe/x", "1")
	e, err := r.store.Stat(t.Context(), "d\xff\n\x00/x")
	if err != nil {
		t.Fatal(err)
	}
	r.dead(header{From: []byte("d\xff\n\x00"), To: []byte("e\xfe"), Folder: true},
		record{kind: isFile, name: "x", size: 1, version: e.Version}, record{kind: planned})
	r.recover()
	if got := r.all(); !maps.Equal(got, files) {
		t.Errorf("got %q, want %q", got, files)
	}
}
