package guardian

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"sd/backends"
	"sd/library"
	"sd/library/catalog"
)

// verify returns the findings as "verdict name", sorted, and those of them that are rot.
func (w *world) verify(q VerifyQuery) (list []string, rot []Finding, totals VerifyTotals) {
	w.t.Helper()
	totals, err := w.g.Verify(w.t.Context(), q, func(f Finding) error {
		list = append(list, string(f.Verdict)+" "+w.names(catalog.Copy{Place: f.Place, Path: f.Path})[0])
		if f.Verdict == Rotten {
			rot = append(rot, f)
		}
		return nil
	})
	w.must(err)
	slices.Sort(list)
	return list, rot, totals
}

// flip changes a bit of a real file and puts its time of change back.
func (w *world) flip(name string, at int64) {
	w.t.Helper()
	full := filepath.Join(w.dir, name)
	info, err := os.Stat(full)
	w.must(err)
	f, err := os.OpenFile(full, os.O_RDWR, 0)
	w.must(err)
	defer f.Close()
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	w.must(err)
	b[0] ^= 4
	_, err = f.WriteAt(b, at)
	w.must(err)
	w.must(os.Chtimes(full, info.ModTime(), info.ModTime()))
}

func TestVerify(t *testing.T) {
	w := newWorld(t)
	for i, name := range []string{"ok", "longer", "newer", "gone", "unread", "touched", "sub/ok", "link"} {
		w.write(name, "content "+name, i)
	}
	w.write("empty", "", 1)
	w.scan(func(name string) catalog.Proof {
		if name == "unread" {
			return catalog.Unknown
		}
		return catalog.Read
	})
	w.write("longer", "content of more bytes", 1)
	w.write("newer", "CONTENT newer", 99)
	w.must(os.Remove(filepath.Join(w.dir, "gone")))
	w.must(os.Chmod(filepath.Join(w.dir, "touched"), 0o600))
	w.must(os.Remove(filepath.Join(w.dir, "link")))
	w.must(os.Symlink("ok", filepath.Join(w.dir, "link")))
	w.write("not/indexed/a", "x", 1)
	w.write("sub/new", "x", 1)

	list, _, totals := w.verify(VerifyQuery{Under: []Scope{w.scope("")}})
	want(t, "findings", list, []string{
		"changed link", "changed longer", "changed newer", "identified unread", "missing gone",
		"not indexed not", "not indexed sub/new", "ok empty", "ok ok", "ok sub/ok", "ok touched",
	})
	want(t, "totals of what is ok", totals[Intact], Tally{4, int64(len("content okcontent sub/okcontent touched"))})

	// What was found out is known from now on.
	w.must(os.Remove(filepath.Join(w.dir, "link")))
	list, _, _ = w.verify(VerifyQuery{Under: []Scope{w.scope("longer"), w.scope("newer"), w.scope("unread"), w.scope("touched"), w.scope("not")}})
	want(t, "findings of the second time", list, []string{"not indexed not", "ok longer", "ok newer", "ok touched", "ok unread"})
	for _, name := range []string{"longer", "newer", "unread", "touched"} {
		f := w.file(name)
		if !f.Proof.Proven() {
			t.Errorf("%s is not proven", name)
		}
		data, err := os.ReadFile(filepath.Join(w.dir, name))
		w.must(err)
		if got := w.content(name); got.Size != int64(len(data)) || f.Size != got.Size {
			t.Errorf("%s: its content has %d bytes, want %d", name, got.Size, len(data))
		}
	}
}

// A bit that flips below the file system changes neither size nor time. It is found, the
// file is nobody's copy any more, and where it was copied from or to has what it held.
func TestBitRot(t *testing.T) {
	w := newWorld(t)
	content := strings.Repeat("precious ", 50_000)
	w.write("a", content, 1)
	w.link("a", "sub-a")
	w.write("b", content, 2)
	w.write("alone", "only here", 3)
	w.scan(all)
	good := w.content("a")
	w.flip("a", 222_222)
	w.flip("alone", 0)

	list, rot, totals := w.verify(VerifyQuery{Under: []Scope{w.scope("a"), w.scope("alone"), w.scope("b")}})
	want(t, "findings", list, []string{"bit rot a", "bit rot alone", "ok b"})
	want(t, "totals", totals[Rotten].Files, int64(2))
	for _, f := range rot {
		if f.Expected == f.Actual || f.Why == "" {
			t.Errorf("got %+v", f)
		}
		if f.Path == w.path("alone") {
			want(t, "good copy of what is alone", f.Good, nil)
			continue
		}
		want(t, "what was expected", f.Expected, good.BLAKE3)
		if f.Good == nil || !f.Good.Read || !strings.HasSuffix(f.Good.URI.String(), w.dir+"/b") {
			t.Errorf("got the good copy %+v, want b", f.Good)
		}
	}
	copies, err := w.lib.Catalog().Copies(t.Context(), good.Key)
	w.must(err)
	want(t, "copies", w.names(copies...), []string{"b"})

	// It stays known, also when a scan has taken the file for a new one.
	w.scan(all)
	if w.file("a").Content == good.Key {
		t.Fatal("the rotten file is taken for what it was")
	}
	list, rot, _ = w.verify(VerifyQuery{Under: []Scope{w.scope("a")}})
	want(t, "findings of the second time", list, []string{"bit rot a"})
	want(t, "what was expected", rot[0].Expected, good.BLAKE3)
	if !strings.HasPrefix(rot[0].Why, "found on ") {
		t.Errorf("got %q, want when it was found", rot[0].Why)
	}
	r, err := w.g.Report(t.Context(), ReportQuery{Under: []Scope{w.scope("a")}})
	w.must(err)
	want(t, "rotten files of the report", len(r.Rotten), 1)

	// Once it is restored, all is well.
	w.flip("a", 222_222)
	list, _, _ = w.verify(VerifyQuery{Under: []Scope{w.scope("a")}})
	want(t, "findings after it was restored", list, []string{"ok a"})
	want(t, "what it is then", w.file("a").Content, good.Key)
	notes, err := w.lib.Rotten(t.Context())
	w.must(err)
	want(t, "notes of rot", len(notes), 1) // of the one that is alone
	r, err = w.g.Report(t.Context(), ReportQuery{})
	w.must(err)
	want(t, "rotten files of the report after that", len(r.Rotten), 1)
	w.row(w.here, w.path("alone"), "only here", "moved", 5, catalog.Unknown)
	r, err = w.g.Report(t.Context(), ReportQuery{})
	w.must(err)
	want(t, "rotten files once they are written", len(r.Rotten), 0)

	// Or it is written anew.
	w.write("alone", "something else", 9)
	list, _, _ = w.verify(VerifyQuery{Under: []Scope{w.scope("alone")}})
	want(t, "findings after it was written", list, []string{"changed alone"})
	notes, err = w.lib.Rotten(t.Context())
	w.must(err)
	want(t, "notes of rot", notes, nil)
}

// A good copy is one only if it is read and right.
func TestRottenCopyIsNotOffered(t *testing.T) {
	w := newWorld(t)
	box := w.bucket("box", nil)
	w.write("a", "the same bytes", 1)
	w.write("b", "the same bytes", 1)
	w.scan(all)
	w.put("box", box, "c", "the same bytes")
	w.flip("a", 3)
	w.flip("b", 4)
	// Nothing but the bytes tells: the catalog believes that b was like this when it was read.
	w.believe("b", "the same bytes")
	_, rot, _ := w.verify(VerifyQuery{Under: []Scope{w.scope("a")}})
	if len(rot) != 1 || rot[0].Good == nil || rot[0].Good.Read || rot[0].Good.URI.String() != "s3://box/c" {
		t.Fatalf("got %+v, want the object", rot)
	}
	// And that is rot without a change of ctime.
	_, rot, _ = w.verify(VerifyQuery{Under: []Scope{w.scope("b")}})
	if len(rot) != 1 || !strings.Contains(rot[0].Why, "nothing wrote to it") {
		t.Fatalf("got %+v", rot)
	}
}

// believe makes the catalog say that a file, as it is now, was read and held content.
func (w *world) believe(name, content string) {
	w.t.Helper()
	f, err := os.Open(filepath.Join(w.dir, name))
	w.must(err)
	defer f.Close()
	now, err := stat(f)
	w.must(err)
	w.row(w.here, w.path(name), content, now.version.Version, now.version.ModTime, catalog.Read)
}

func TestVerifyVolumes(t *testing.T) {
	w := newWorld(t)
	box := w.bucket("box", nil)
	large := strings.Repeat("large ", 50_000)
	w.put("box", box, "ok", large)
	w.put("box", box, "rotten", "it was this")
	w.put("box", box, "replaced", "first")
	w.put("box", box, "gone", "gone")
	e, err := w.stores["box"].Stat(t.Context(), "rotten")
	w.must(err)
	w.row(box, "rotten", "it was that", e.Version, e.ModTime.UnixNano(), catalog.Stored)
	unread, err := w.stores["box"].Stat(t.Context(), "ok")
	w.must(err)
	w.write("large", large, 1)
	w.scan(all)
	local := w.content("large")

	q := VerifyQuery{Under: []Scope{{Place: box}}}
	here, away, err := w.g.VerifyAmount(t.Context(), append(q.Under, w.scope("large")))
	w.must(err)
	want(t, "to read here", here, Tally{1, int64(len(large))})
	want(t, "to download", away, Tally{4, int64(len(large)) + 11 + 5 + 4})
	before := w.stores["box"].Stats().Requests["GET"]
	list, _, _ := w.verify(q)
	want(t, "findings without download", list, []string{"skipped s3://box/gone", "skipped s3://box/ok", "skipped s3://box/replaced", "skipped s3://box/rotten"})
	want(t, "requests without download", w.stores["box"].Stats().Requests["GET"]-before, int64(0))

	w.must(w.stores["box"].Remove(t.Context(), "gone", backends.Cond{}))
	_, err = w.stores["box"].Put(t.Context(), "replaced", strings.NewReader("after"), 5, backends.Meta{}, backends.Cond{})
	w.must(err)
	// The object is known by its name alone, and is identified by what is downloaded.
	w.row(box, "ok", large, unread.Version, unread.ModTime.UnixNano()+1, catalog.Unknown)
	q.Download = true
	var read atomic.Int64
	q.Progress = func(n int64) { read.Add(n) }
	list, rot, _ := w.verify(q)
	want(t, "findings", list, []string{"bit rot s3://box/rotten", "changed s3://box/replaced", "identified s3://box/ok", "missing s3://box/gone"})
	want(t, "good copy", rot[0].Good, nil)
	_, f, err := w.lib.Catalog().FindFile(t.Context(), box, "ok")
	w.must(err)
	want(t, "content of the object", f.Content, local.Key)
	want(t, "bytes read", read.Load(), int64(len(large))+11)
}

func TestVerifyTellsOtherDevices(t *testing.T) {
	w := newWorld(t)
	desktop := w.device("desktop")
	w.away(desktop, "home/a", "bytes")
	list, _, _ := w.verify(VerifyQuery{Under: []Scope{{Place: desktop}}})
	want(t, "findings", list, []string{"skipped local://desktop/home/a"})
}

// An end in the midst leaves what is known so far, and no wrong verdict.
func TestVerifyIsInterrupted(t *testing.T) {
	w := newWorld(t)
	for i := range 200 {
		w.write(fmt.Sprintf("f%03d", i), strings.Repeat("x", 1000+i), 1)
	}
	w.scan(all)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	totals, err := w.g.Verify(ctx, VerifyQuery{Under: []Scope{w.scope("")}}, func(f Finding) error {
		if f.Verdict != Intact {
			t.Errorf("%s: %s, %s", f.Path, f.Verdict, f.Why)
		}
		if n++; n == 20 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if got := totals[Intact].Files; got < 20 || got > 190 {
		t.Errorf("got %d verified files, want a part of them", got)
	}
	stop := errors.New("enough")
	if _, err := w.g.Verify(t.Context(), VerifyQuery{Under: []Scope{w.scope("")}}, func(Finding) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the error of the callback", err)
	}
}

// A file that is written all the time is said to have changed, never to be rotten.
func TestVerifyWhileItIsWritten(t *testing.T) {
	w := newWorld(t)
	w.write("busy", strings.Repeat("x", 1<<20), 1)
	w.scan(all)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f, err := os.OpenFile(filepath.Join(w.dir, "busy"), os.O_WRONLY, 0)
		if err != nil {
			return
		}
		defer f.Close()
		for i := int64(0); ctx.Err() == nil; i++ {
			_, _ = f.WriteAt([]byte{byte(i)}, i%(1<<20))
		}
	}()
	for range 20 {
		list, _, _ := w.verify(VerifyQuery{Under: []Scope{w.scope("busy")}})
		if list[0] == "bit rot busy" {
			t.Fatal("a write is taken for bit rot")
		}
	}
	cancel()
	<-done
	notes, err := w.lib.Rotten(t.Context())
	w.must(err)
	want(t, "notes of rot", notes, []library.Rot(nil))
}
