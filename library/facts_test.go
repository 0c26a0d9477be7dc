package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// factsOf lists the facts of a folder as "name=version:data".
func factsOf(t *testing.T, l *Library, volume, dir, from, to string) []string {
	t.Helper()
	var list []string
	err := l.EachFact(t.Context(), volume, dir, from, to, func(name, version string, data []byte) {
		list = append(list, fmt.Sprintf("%s=%s:%s", name, version, data))
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func wantFacts(t *testing.T, l *Library, dir string, want ...string) {
	t.Helper()
	if got := factsOf(t, l, "v", dir, "", ""); !slices.Equal(got, want) {
		t.Errorf("facts of %q: got %q, want %q", dir, got, want)
	}
}

func TestFacts(t *testing.T) {
	data := t.TempDir()
	l := mustOpen(t, data, "")
	l.PutFact("v", "", "b", "1", []byte("x"))
	l.PutFact("v", "", "a\xff\x00\n", "", nil)
	l.PutFact("v", "", "c", "1", []byte("y"))
	l.PutFact("w", "", "b", "9", []byte("other volume"))
	l.PutFact("v", "d", "b", "9", []byte("other folder"))
	want := []string{"a\xff\x00\n=:", "b=1:x", "c=1:y"}
	wantFacts(t, l, "", want...)
	for range 2 {
		if err := l.FlushFacts(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantFacts(t, l, "", want...)
	}
	l.PutFact("v", "", "b", "2", []byte("z"))
	l.DropFact("v", "", "c")
	l.DropFact("v", "", "none")
	wantFacts(t, l, "", "a\xff\x00\n=:", "b=2:z")
	l.MoveFact("v", "", "b", "d", "b")
	l.MoveFact("v", "", "none", "", "a\xff\x00\n")
	wantFacts(t, l, "")
	wantFacts(t, l, "d", "b=2:z")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	l = mustOpen(t, data, "")
	wantFacts(t, l, "d", "b=2:z")
	l.DropFacts("v", "")
	wantFacts(t, l, "d")
	if got := factsOf(t, l, "w", "", "", ""); len(got) != 1 {
		t.Errorf("the other volume has %q", got)
	}
}

// Folders whose names begin with one another's are told apart, whatever the bytes.
func TestFactsOfFolders(t *testing.T) {
	l := mustOpen(t, t.TempDir(), "")
	fill := func() {
		l.DropFacts("v", "")
		for _, dir := range []string{"a", "a/", "a/b", "a/b/c", "a0", "a.", "ab", "a\xff/b", "x", "x/y", "\x00\xfe", "\x00\xfe/\xff\x00"} {
			l.PutFact("v", dir, "f", "1", []byte(dir))
		}
	}
	fill()
	l.MoveFacts("v", "a", "x")
	wantFacts(t, l, "a")
	wantFacts(t, l, "a/b")
	wantFacts(t, l, "x", "f=1:a")
	wantFacts(t, l, "x/", "f=1:a/")
	wantFacts(t, l, "x/b", "f=1:a/b")
	wantFacts(t, l, "x/b/c", "f=1:a/b/c")
	wantFacts(t, l, "x/y")
	for _, dir := range []string{"a0", "a.", "ab", "a\xff/b"} {
		wantFacts(t, l, dir, "f=1:"+dir)
	}
	l.MoveFacts("v", "\x00\xfe", "n/\x00")
	wantFacts(t, l, "n/\x00/\xff\x00", "f=1:\x00\xfe/\xff\x00")
	l.DropFacts("v", "a")
	wantFacts(t, l, "ab", "f=1:ab")

	fill()
	l.MoveFacts("v", "a", "a/b")
	l.MoveFacts("v", "a/b", "a")
	l.MoveFacts("v", "x", "x")
	wantFacts(t, l, "a/b", "f=1:a/b")
	wantFacts(t, l, "x", "f=1:x")
	l.DropFacts("v", "a")
	wantFacts(t, l, "a/")
	wantFacts(t, l, "a/b/c")
	wantFacts(t, l, "a0", "f=1:a0")
}

// Random changes against a model, read back at once, after a flush and by another opening.
func TestFactsModel(t *testing.T) {
	data := t.TempDir()
	l, other := mustOpen(t, data, ""), mustOpen(t, data, "")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	dirs := []string{"", "a", "a/b", "a/b/c", "ab", "a\xff", "d"}
	names := []string{"f", "g", "\x00", "f\x00", "\xff"}
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	type key struct{ dir, name string }
	model := map[key]string{}
	check := func(l *Library) {
		t.Helper()
		dir, from, to := pick(dirs), "", ""
		if r.IntN(2) == 0 {
			from, to = pick(names), pick(names)
		}
		var want []string
		for k, v := range model {
			if k.dir == dir && k.name >= from && (to == "" || k.name <= to) {
				want = append(want, k.name+"=v:"+v)
			}
		}
		slices.Sort(want)
		got := factsOf(t, l, "v", dir, from, to)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("facts of %q from %q to %q: got %q, want %q", dir, from, to, got, want)
		}
	}
	within := func(dir, top string) bool { return dir == top || strings.HasPrefix(dir, top+"/") || top == "" }
	for i := range 3000 {
		dir, name, newDir, newName := pick(dirs), pick(names), pick(dirs), pick(names)
		switch r.IntN(12) {
		case 0:
			l.DropFact("v", dir, name)
			delete(model, key{dir, name})
		case 1:
			l.DropFacts("v", dir)
			for k := range model {
				if within(k.dir, dir) {
					delete(model, k)
				}
			}
		case 2, 3:
			l.MoveFact("v", dir, name, newDir, newName)
			if from, to := (key{dir, name}), (key{newDir, newName}); from != to {
				delete(model, to)
				if v, ok := model[from]; ok {
					model[to] = v
					delete(model, from)
				}
			}
		case 4:
			l.MoveFacts("v", dir, newDir)
			if !within(dir, newDir) && !within(newDir, dir) {
				moved := map[key]string{}
				for k, v := range model {
					switch {
					case within(k.dir, dir):
						moved[key{newDir + k.dir[len(dir):], k.name}] = v
					case !within(k.dir, newDir):
						moved[k] = v
					}
				}
				model = moved
			}
		case 5:
			if err := l.FlushFacts(t.Context()); err != nil {
				t.Fatal(err)
			}
			check(other)
		default:
			l.PutFact("v", dir, name, "v", []byte(fmt.Sprint(i)))
			model[key{dir, name}] = fmt.Sprint(i)
		}
		check(l)
	}
}

// A folder of many facts is read in pages, by an index, and noted changes fall in place.
func TestManyFacts(t *testing.T) {
	l := mustOpen(t, t.TempDir(), "")
	const count = 100_000
	for i := range count {
		l.PutFact("v", "big", fmt.Sprintf("%06d", i), "1", []byte("{}"))
	}
	if err := l.FlushFacts(t.Context()); err != nil {
		t.Fatal(err)
	}
	query, values := factsQuery("v", "big", "050000", "050999")
	var id, parent, unused int
	var plan string
	if err := l.readers.QueryRow("EXPLAIN QUERY PLAN "+query, values...).Scan(&id, &parent, &unused, &plan); err != nil {
		t.Fatal(err)
	}
	if want := "SEARCH objects USING PRIMARY KEY (volume=? AND dir=? AND name>? AND name<?)"; plan != want {
		t.Errorf("the plan is %q, want %q", plan, want)
	}
	l.DropFact("v", "big", "050000")
	l.PutFact("v", "big", "0509995", "2", nil)
	l.PutFact("v", "big", "9", "2", nil)
	if got := factsOf(t, l, "v", "big", "050000", "0509999"); len(got) != 1000 || got[0] != "050001=1:{}" || got[999] != "0509995=2:" {
		t.Errorf("got %d, %q to %q", len(got), got[0], got[len(got)-1])
	}
	if got := factsOf(t, l, "v", "big", "", ""); len(got) != count+1 || got[50_000] != "050001=1:{}" || got[count] != "9=2:" {
		t.Errorf("got %d, up to %q", len(got), got[len(got)-1])
	}
}

// Facts do not change the generation, by which others look for changed volumes.
func TestFactsAreNoGeneration(t *testing.T) {
	l := mustOpen(t, t.TempDir(), "")
	before, err := l.Generation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.PutFact("v", "", "f", "1", nil)
	if err := l.FlushFacts(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after, err := l.Generation(t.Context()); after != before || err != nil {
		t.Errorf("the generation was %d and is %d, %v", before, after, err)
	}
}

func TestFactsGoWithTheirVolume(t *testing.T) {
	l := mustOpen(t, t.TempDir(), "")
	if err := l.AddVolume(t.Context(), Volume{Fingerprint: "v", Name: "v", Service: "s3"}); err != nil {
		t.Fatal(err)
	}
	l.PutFact("v", "", "f", "1", nil)
	l.PutFact("w", "", "f", "1", nil)
	if err := l.FlushFacts(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.RemoveVolume(t.Context(), "v"); err != nil {
		t.Fatal(err)
	}
	if got, other := factsOf(t, l, "v", "", "", ""), factsOf(t, l, "w", "", "", ""); len(got) != 0 || len(other) != 1 {
		t.Errorf("got %q and %q, want only the other volume's", got, other)
	}
}

// What cannot be written is kept, read, reported, and written when that is possible again.
func TestFactsThatCannotBeWritten(t *testing.T) {
	data := t.TempDir()
	l, other := mustOpen(t, data, ""), mustOpen(t, data, "")
	var log bytes.Buffer
	l.LogTo(slog.New(slog.NewTextHandler(&log, nil)))
	const trap = "CREATE TRIGGER trap BEFORE INSERT ON objects BEGIN SELECT raise(ABORT, 'the disk is on fire'); END"
	if _, err := other.writer.Exec(trap); err != nil {
		t.Fatal(err)
	}
	l.PutFact("v", "", "f", "1", nil)
	for range 3 {
		if err := l.FlushFacts(t.Context()); err == nil || !strings.Contains(err.Error(), "on fire") {
			t.Fatalf("FlushFacts: %v, want the error", err)
		}
	}
	l.PutFact("v", "", "g", "1", nil)
	wantFacts(t, l, "", "f=1:", "g=1:")
	l.MoveFacts("v", "a", "b")
	if err := l.EachFact(t.Context(), "v", "", "", "", nil); err == nil {
		t.Error("facts were told that depend on a move that could not be made")
	}
	if _, err := other.writer.Exec("DROP TRIGGER trap"); err != nil {
		t.Fatal(err)
	}
	if err := l.FlushFacts(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantFacts(t, other, "", "f=1:", "g=1:")
	if _, err := other.writer.Exec(trap); err != nil {
		t.Fatal(err)
	}
	l.PutFact("v", "", "h", "1", nil)
	if err := l.Close(); err == nil || !strings.Contains(err.Error(), "on fire") {
		t.Errorf("Close: %v, want the error", err)
	}
	if n := strings.Count(log.String(), "on fire"); n != 2 {
		t.Errorf("two failures were logged %d times:\n%s", n, log.String())
	}
}

// The memory for what cannot be written is bounded, and what was given up is reported once.
func TestTooManyFactsToWrite(t *testing.T) {
	data := t.TempDir()
	l, other := mustOpen(t, data, ""), mustOpen(t, data, "")
	l.LogTo(slog.New(slog.DiscardHandler))
	if _, err := other.writer.Exec("CREATE TRIGGER trap BEFORE INSERT ON objects BEGIN SELECT raise(ABORT, 'full'); END"); err != nil {
		t.Fatal(err)
	}
	large := make([]byte, 1<<20)
	for i := range 3 * maxNoted / len(large) {
		l.PutFact("v", "", fmt.Sprint(i), "1", large)
	}
	l.facts.mu.Lock()
	held := l.facts.waiting.bytes + l.facts.writing.bytes
	l.facts.mu.Unlock()
	if most := 2*maxNoted + 4*len(large); held > most {
		t.Errorf("%d bytes wait, want at most %d", held, most)
	}
	if _, err := other.writer.Exec("DROP TRIGGER trap"); err != nil {
		t.Fatal(err)
	}
	if err := l.FlushFacts(t.Context()); err == nil || !strings.Contains(err.Error(), "too much") {
		t.Errorf("FlushFacts: %v, want to be told that some were given up", err)
	}
	if err := l.FlushFacts(t.Context()); err != nil {
		t.Errorf("FlushFacts: %v", err)
	}
}

func TestFactsAfterClose(t *testing.T) {
	l := mustOpen(t, t.TempDir(), "")
	l.PutFact("v", "", "f", "1", nil)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l.PutFact("v", "", "g", "1", nil)
	l.MoveFacts("v", "a", "b")
	if err := l.EachFact(t.Context(), "v", "", "", "", nil); !errors.Is(err, iofs.ErrClosed) {
		t.Errorf("EachFact: %v, want ErrClosed", err)
	}
	if err := l.FlushFacts(t.Context()); err != nil {
		t.Errorf("FlushFacts with nothing to write: %v", err)
	}
}

func TestFlushOfFactsCanBeCancelled(t *testing.T) {
	data := t.TempDir()
	l, other := mustOpen(t, data, ""), mustOpen(t, data, "")
	tx, err := other.writer.Begin() // takes the write lock
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	l.PutFact("v", "", "f", "1", nil)
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	if err := l.FlushFacts(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("FlushFacts: %v, want Canceled", err)
	}
	wantFacts(t, l, "", "f=1:")
}
