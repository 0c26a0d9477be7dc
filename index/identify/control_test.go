//go:build unix

package identify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/identity"
	"sd/index"
	"sd/library/catalog"
)

func TestPauseAndCancel(t *testing.T) {
	l := newLab(t)
	for i := range 200 {
		l.write(fmt.Sprintf("%d/f", i), random(byte(i), 1000))
	}
	l.write("large", random(1, 20<<20))
	l.scan()
	stop := errors.New("canceled")
	paused, resume := make(chan struct{}), make(chan error)
	n := 0
	ctl := index.Control{
		Check: func(ctx context.Context) error {
			if n++; n != 50 {
				return nil
			}
			close(paused)
			return <-resume
		},
	}
	done := make(chan error)
	var rep Report
	go func() {
		var err error
		rep, err = Run(t.Context(), l.cfg, l.loc, Options{Workers: 1}, ctl)
		done <- err
	}()
	<-paused
	select {
	case err := <-done:
		t.Fatalf("it went on while paused, and returned %v", err)
	default:
	}
	resume <- stop
	if err := <-done; !errors.Is(err, stop) {
		t.Errorf("Run returned %v, want what Check said", err)
	}
	if rep.Proven == 0 || rep.Proven == 201 {
		t.Errorf("%d files were proven before the end, want some and not all", rep.Proven)
	}
	if second := l.run(Options{}); second.Proven+rep.Proven != 201 {
		t.Errorf("%d and then %d files were proven, want 201 in all", rep.Proven, second.Proven)
	}
}

func TestPauseWithinALargeFile(t *testing.T) {
	l := newLab(t)
	l.write("large", random(1, 30<<20))
	l.scan()
	stop := errors.New("enough")
	var seen index.Progress
	rep, err := Run(t.Context(), l.cfg, l.loc, Options{}, index.Control{
		Check: func() func(context.Context) error {
			n := 0
			return func(context.Context) error {
				if n++; n > 8 { // the walks ask twice; the rest comes from the file itself
					return stop
				}
				return nil
			}
		}(),
		Report: func(p index.Progress) { seen = p },
	})
	if !errors.Is(err, stop) || rep.Proven != 0 || seen.Bytes == 0 || seen.Bytes == seen.TotalBytes {
		t.Errorf("%+v, %+v, %v: want to be stopped in the midst of the file", rep, seen, err)
	}
	l.run(Options{})
	l.wantProven("large", random(1, 30<<20), catalog.Read)
}

func TestCanceledContext(t *testing.T) {
	l := newLab(t)
	l.write("f", random(1, 100))
	l.scan()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	cancel(why)
	if _, err := Run(ctx, l.cfg, l.loc, Options{}, index.Control{}); err == nil {
		t.Error("Run went through under a context that has ended")
	}
	l.wantUnproven("f")
}

// Files that are rewritten all the time, with their size and mtime put back, are never taken
// for what they are not.
func TestRewrittenMeanwhile(t *testing.T) {
	l := newLab(t)
	const files, rounds = 8, 15
	path := func(i int) string { return filepath.Join(l.root, fmt.Sprint("f", i)) }
	content := func(i, round int) []byte { return random(byte(i*16+round%16), 2000*(1+60*(i%2))) }
	for i := range files {
		l.write(fmt.Sprint("f", i), content(i, 0))
	}
	for round := range rounds {
		l.scan()
		var writers sync.WaitGroup
		for i := range files {
			writers.Go(func() {
				info, err := os.Stat(path(i))
				if err != nil {
					t.Error(err)
					return
				}
				f, err := os.OpenFile(path(i), os.O_WRONLY, 0)
				if err != nil {
					t.Error(err)
					return
				}
				defer f.Close()
				if _, err := f.Write(content(i, round+1)); err != nil {
					t.Error(err)
				}
				if err := os.Chtimes(path(i), info.ModTime(), info.ModTime()); err != nil {
					t.Error(err)
				}
			})
		}
		l.run(Options{})
		writers.Wait()
		for i := range files {
			l.wantTrue(fmt.Sprint("f", i))
		}
	}
	l.scan()
	l.run(Options{})
	for i := range files {
		l.wantProven(fmt.Sprint("f", i), content(i, rounds), catalog.Read)
	}
}

// wantTrue checks that what the catalog says of a file is so, if the file still is the
// version that it is said of.
func (l *lab) wantTrue(name string) {
	l.t.Helper()
	_, f := l.find(name)
	var st unix.Stat_t
	data, err := os.ReadFile(filepath.Join(l.root, name))
	if err == nil {
		err = unix.Stat(filepath.Join(l.root, name), &st)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	now := catalog.FileVersion{Size: st.Size, ModTime: st.Mtim.Nano(), Version: identity.LocalVersion(st.Ctim.Nano(), uint64(st.Ino))}
	if !f.Proof.Proven() || f.FileVersion() != now {
		return
	}
	c, err := l.lib.Catalog().ContentByKey(l.t.Context(), f.Content)
	if err != nil {
		l.t.Fatal(err)
	}
	if c.BLAKE3 != sumOf(data) {
		l.t.Errorf("%s is said to have a content that it has not, in the version that it is", name)
	}
}

// Killed at any moment and begun again, it comes to the same end.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("IDENTIFY_LIBRARY"); dir != "" {
		l := openLab(t, dir, os.Getenv("IDENTIFY_ROOT"), nil)
		fmt.Println("ready")
		l.run(Options{})
		return
	}
	dir, root := t.TempDir(), t.TempDir()
	l := openLab(t, dir, root, nil)
	files := map[string][]byte{}
	for i := range 600 {
		files[fmt.Sprintf("%d/small %d", i%20, i)] = random(byte(i), 500+i)
	}
	for i := range 60 {
		files[fmt.Sprintf("%d/large %d", i%20, i)] = random(byte(i/2), 150_000)
	}
	for name, data := range files {
		l.write(name, data)
	}
	l.scan()
	kills := 0
	for ; kills < 200; kills++ {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$", "-test.v")
		cmd.Env = append(os.Environ(), "IDENTIFY_LIBRARY="+dir, "IDENTIFY_ROOT="+root)
		var out bytes.Buffer
		ready := make(chan struct{})
		cmd.Stdout = &waitFor{text: "ready", then: ready, out: &out}
		cmd.Stderr = cmd.Stdout
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-ready
		timer := time.AfterFunc(time.Duration(kills*kills)*500*time.Microsecond, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		if timer.Stop() && err != nil {
			t.Fatalf("%v: %s", err, &out)
		}
		if n, err := l.lib.Catalog().Count(t.Context(), 0); err != nil {
			t.Fatal(err)
		} else if n.Unproven == 0 {
			break
		}
	}
	t.Logf("killed %d times", kills)
	if kills < 3 {
		t.Errorf("it was killed %d times, want more", kills)
	}
	for name, data := range files {
		l.wantProven(name, data, catalog.Read)
	}
	if rep := l.run(Options{}); rep.Files != 0 {
		t.Errorf("at the end: %+v, want nothing left", rep)
	}
}

// waitFor closes then once text was written.
type waitFor struct {
	text string
	then chan struct{}
	out  *bytes.Buffer
	done bool
}

func (w *waitFor) Write(p []byte) (int, error) {
	w.out.Write(p)
	if !w.done && strings.Contains(w.out.String(), w.text) {
		w.done = true
		close(w.then)
	}
	return len(p), nil
}
