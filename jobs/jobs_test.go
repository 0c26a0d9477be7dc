package jobs

import (
	"context"
	"encoding/json"
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"sd/library"
)

// What comes of a job follows from how its work ends.
func TestRunEnds(t *testing.T) {
	lib, _ := open(t)
	broken := errors.New("the disk is on fire")
	stopped := func(ctx context.Context, _ *Control) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for _, tt := range []struct {
		name     string
		detached bool
		stop     bool
		work     func(context.Context, *Control) error
		err      error
		state    library.JobState
		text     string
	}{
		{name: "done", work: func(context.Context, *Control) error { return nil }, state: library.Done},
		{name: "failed", work: func(context.Context, *Control) error { return broken }, err: broken, state: library.Failed, text: broken.Error()},
		{name: "stopped", stop: true, work: stopped, err: context.Canceled, state: library.Paused},
		{name: "stopped mount", stop: true, detached: true, work: stopped, err: context.Canceled, state: library.Queued},
		{name: "done in time", stop: true, work: func(ctx context.Context, _ *Control) error { <-ctx.Done(); return nil }, state: library.Done},
		{name: "gave up", work: func(context.Context, *Control) error { return ErrCanceled }, err: ErrCanceled, state: library.Canceled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := add(t, lib, library.Job{Detached: tt.detached})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := Run(ctx, lib, j, func(ctx context.Context, c *Control) error {
				if tt.stop {
					cancel()
				}
				c.Report(count{N: 7})
				return tt.work(ctx, c)
			})
			if !errors.Is(err, tt.err) {
				t.Errorf("Run returns %v, want %v", err, tt.err)
			}
			got := wantState(t, lib, j.ID, tt.state)
			var progress count
			if got.Decode(&progress); progress.N != 7 || got.Error != tt.text || got.Live || got.Ended.IsZero() == tt.state.Ended() {
				t.Errorf("got %+v with progress %+v, want the last progress, the error and the end", got, progress)
			}
			if left, _ := filepath.Glob(filepath.Join(lib.Dir(), "jobs", "*")); tt.state == library.Done && len(left) > 0 {
				for _, path := range left {
					if info, _ := os.Stat(path); info.Size() > 0 {
						t.Errorf("%s is left behind", path)
					}
				}
			}
			err = Run(t.Context(), lib, j, func(context.Context, *Control) error { return nil })
			if over := new(EndedError); errors.As(err, &over) != (tt.state == library.Done || tt.state == library.Canceled) {
				t.Errorf("to run it again gives %v", err)
			}
		})
	}
}

// What keeps the end of a job is asked once, while others still see that it runs.
func TestKeepEnd(t *testing.T) {
	lib, _ := open(t)
	j := add(t, lib, library.Job{})
	var kept []library.JobState
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	must(Run(t.Context(), lib, j, func(_ context.Context, c *Control) error {
		c.KeepEnd(func(ctx context.Context, end library.Job) error {
			wantState(t, lib, j.ID, library.Running)
			kept = append(kept, end.State)
			return lib.UpdateJob(ctx, end)
		})
		return nil
	}))
	wantState(t, lib, j.ID, library.Done)
	if len(kept) != 1 || kept[0] != library.Done {
		t.Errorf("got %v, want that its end is kept once", kept)
	}
	j, full := add(t, lib, library.Job{}), errors.New("the disk is full")
	err := Run(t.Context(), lib, j, func(_ context.Context, c *Control) error {
		c.KeepEnd(func(context.Context, library.Job) error { return full })
		return nil
	})
	if !errors.Is(err, full) {
		t.Errorf("got %v, want that its end could not be kept", err)
	}
	wantState(t, lib, j.ID, library.Interrupted)
}

func TestNoJob(t *testing.T) {
	lib, _ := open(t)
	for name, err := range map[string]error{
		"Get":    second(Get(t.Context(), lib, 9)),
		"Wait":   second(Wait(t.Context(), lib, 9, nil)),
		"Pause":  Pause(t.Context(), lib, 9),
		"Cancel": Cancel(t.Context(), lib, 9),
		"Resume": second(Resume(t.Context(), lib, 9)),
		"Queue":  Queue(t.Context(), lib, 9),
		"Run":    Run(t.Context(), lib, library.Job{ID: 9}, nil),
	} {
		if !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("%s: got %v, want that there is none", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// Jobs that nobody runs change at once, and what is over stays as it is.
func TestAskNobody(t *testing.T) {
	lib, _ := open(t)
	j := add(t, lib, library.Job{Detached: true})
	if next, ok, err := Next(t.Context(), lib); err != nil || !ok || next.ID != j.ID {
		t.Errorf("got %+v, %v, %v, want the job", next, ok, err)
	}
	if err := Pause(t.Context(), lib, j.ID); err != nil {
		t.Fatal(err)
	}
	wantState(t, lib, j.ID, library.Paused)
	if _, ok, err := Next(t.Context(), lib); ok || err != nil {
		t.Errorf("a paused job is given out (%v)", err)
	}
	if told, err := Resume(t.Context(), lib, j.ID); told || err != nil {
		t.Errorf("got %v, %v, want false, as nobody runs it", told, err)
	}
	if err := Queue(t.Context(), lib, j.ID); err != nil {
		t.Fatal(err)
	}
	wantState(t, lib, j.ID, library.Queued)
	if err := Cancel(t.Context(), lib, j.ID); err != nil {
		t.Fatal(err)
	}
	wantState(t, lib, j.ID, library.Canceled)
	if err := Cancel(t.Context(), lib, j.ID); err != nil {
		t.Errorf("to cancel twice is an error: %v", err)
	}
	over := new(EndedError)
	if err := Pause(t.Context(), lib, j.ID); !errors.As(err, &over) {
		t.Errorf("got %v, want that it has ended", err)
	}
	if _, err := Resume(t.Context(), lib, j.ID); !errors.As(err, &over) {
		t.Errorf("got %v, want that it has ended", err)
	}
	if err := Queue(t.Context(), lib, j.ID); !errors.As(err, &over) {
		t.Errorf("got %v, want that it has ended", err)
	}

	failed := add(t, lib, library.Job{State: library.Failed, Error: "no"})
	if told, err := Resume(t.Context(), lib, failed.ID); told || err != nil {
		t.Errorf("got %v, %v, want that it may be tried again", told, err)
	}
	foreign := add(t, lib, library.Job{Device: uuid.New(), Detached: true})
	if err := Cancel(t.Context(), lib, foreign.ID); err == nil {
		t.Error("a job of another device is canceled here")
	}
	if _, ok, err := Next(t.Context(), lib); ok || err != nil {
		t.Errorf("a job of another device is given out (%v)", err)
	}
}

// In one process too only one runs a job, and pause, resume and cancel reach it.
func TestOneOwner(t *testing.T) {
	lib, _ := open(t)
	j := add(t, lib, library.Job{})
	began := make(chan struct{})
	var steps sync.Map
	end := make(chan error)
	go func() {
		end <- Run(t.Context(), lib, j, func(ctx context.Context, c *Control) error {
			close(began)
			for n := 1; ; n++ {
				if err := c.Check(ctx); err != nil {
					return err
				}
				steps.Store("n", n)
				c.Report(count{N: n})
				time.Sleep(time.Millisecond)
			}
		})
	}()
	<-began
	busy := new(BusyError)
	if err := Run(t.Context(), lib, j, nil); !errors.As(err, &busy) {
		t.Errorf("got %v, want that somebody runs it", err)
	}
	if err := Queue(t.Context(), lib, j.ID); !errors.As(err, &busy) {
		t.Errorf("got %v, want that somebody runs it", err)
	}
	for range 3 {
		if err := Pause(t.Context(), lib, j.ID); err != nil {
			t.Fatal(err)
		}
		got := wantState(t, lib, j.ID, library.Paused)
		if !got.Live || got.PID != os.Getpid() {
			t.Errorf("got %+v, want that this process has it", got)
		}
		// What was under way when the pause came has ended after some polls.
		before, _ := steps.Load("n")
		settled := func() bool {
			now, _ := steps.Load("n")
			same := now == before
			before = now
			return same
		}
		for !settled() {
			if err := pause(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if told, err := Resume(t.Context(), lib, j.ID); !told || err != nil {
			t.Fatalf("got %v, %v, want that the owner goes on", told, err)
		}
		until(t, lib, j.ID, "progress after a pause", func(now Job) bool {
			var c count
			return now.State == library.Running && now.Decode(&c) && c.N > before.(int)
		})
	}
	if err := Cancel(t.Context(), lib, j.ID); err != nil {
		t.Fatal(err)
	}
	if err := <-end; !errors.Is(err, ErrCanceled) {
		t.Errorf("got %v, want %v", err, ErrCanceled)
	}
}

// Cancel ends work that is paused, and work that does not look.
func TestCancelReachesAll(t *testing.T) {
	lib, _ := open(t)
	for _, paused := range []bool{false, true} {
		j := add(t, lib, library.Job{})
		began, end := make(chan struct{}), make(chan error)
		go func() {
			end <- Run(t.Context(), lib, j, func(ctx context.Context, c *Control) error {
				close(began)
				if !paused {
					<-ctx.Done() // as a long download
					return ctx.Err()
				}
				for {
					if err := c.Check(ctx); err != nil {
						return err
					}
				}
			})
		}()
		<-began
		if paused {
			if err := Pause(t.Context(), lib, j.ID); err != nil {
				t.Fatal(err)
			}
		}
		if err := Cancel(t.Context(), lib, j.ID); err != nil {
			t.Fatal(err)
		}
		if err := <-end; !errors.Is(err, ErrCanceled) {
			t.Errorf("got %v, want %v", err, ErrCanceled)
		}
		wantState(t, lib, j.ID, library.Canceled)
	}
}

// A detached job that is paused lets go of its process, and is resumed by whoever wants to.
func TestDetachedPause(t *testing.T) {
	lib, _ := open(t)
	j := add(t, lib, library.Job{Detached: true})
	for _, looks := range []bool{true, false} {
		began, end := make(chan struct{}), make(chan error)
		go func() {
			end <- Run(t.Context(), lib, j, func(ctx context.Context, c *Control) error {
				close(began)
				for looks {
					if err := c.Check(ctx); err != nil {
						return err
					}
				}
				<-ctx.Done()
				return ctx.Err()
			})
		}()
		<-began
		if err := Pause(t.Context(), lib, j.ID); err != nil {
			t.Fatal(err)
		}
		if err := <-end; !errors.Is(err, ErrPaused) {
			t.Errorf("got %v, want %v", err, ErrPaused)
		}
		if got := wantState(t, lib, j.ID, library.Paused); got.Live {
			t.Error("its process has it still")
		}
		if told, err := Resume(t.Context(), lib, j.ID); told || err != nil {
			t.Errorf("got %v, %v, want false, as nobody runs it", told, err)
		}
	}
}

// Progress that has no JSON form does no harm, and Wait sees the end.
func TestWait(t *testing.T) {
	lib, _ := open(t)
	j := add(t, lib, library.Job{})
	end := make(chan error, 1)
	seen := make(chan struct{})
	go func() {
		end <- Run(t.Context(), lib, j, func(ctx context.Context, c *Control) error {
			c.Report(count{N: 1})
			c.Report(func() {})
			c.Report(json.RawMessage(`{"n":5}`))
			<-seen
			return nil
		})
	}()
	var once sync.Once
	got, err := Wait(t.Context(), lib, j.ID, func(now Job) {
		var c count
		if now.Decode(&c); c.N == 5 {
			once.Do(func() { close(seen) })
		}
	})
	if err != nil || got.State != library.Done {
		t.Errorf("got %+v, %v, want that it is done", got, err)
	}
	if err := <-end; err != nil {
		t.Error(err)
	}
}
