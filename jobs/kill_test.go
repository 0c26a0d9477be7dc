package jobs

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sd/library"
)

// A job whose process is killed is interrupted, and goes on from its last progress.
func TestKilled(t *testing.T) {
	lib, dataDir := open(t)
	j := add(t, lib, library.Job{})
	last := 0
	for range 3 {
		p, from := start(t, dataDir, j.ID)
		if from < last {
			t.Errorf("it begins at %d, want %d or more", from, last)
		}
		now := until(t, lib, j.ID, "progress", func(now Job) bool {
			var c count
			return now.State == library.Running && now.PID == p.cmd.Process.Pid && now.Decode(&c) && c.N > from+rand.IntN(100)
		})
		var c count
		now.Decode(&c)
		last = c.N
		p.kill()
		got := wantState(t, lib, j.ID, library.Interrupted)
		if got.Live {
			t.Error("a killed process lives")
		}
		if waited, err := Wait(t.Context(), lib, j.ID, nil); err != nil || waited.State != library.Interrupted {
			t.Errorf("got %+v, %v, want that Wait ends", waited, err)
		}
	}
	if err := Cancel(t.Context(), lib, j.ID); err != nil {
		t.Fatal(err)
	}
	wantState(t, lib, j.ID, library.Canceled)
}

// An interrupted job that a mount ran is for the next mount, one that was paused is not.
func TestKilledMount(t *testing.T) {
	lib, dataDir := open(t)
	j := add(t, lib, library.Job{Detached: true})
	p, _ := start(t, dataDir, j.ID)
	if _, ok, err := Next(t.Context(), lib); ok || err != nil {
		t.Errorf("a job that runs is given out (%v)", err)
	}
	p.kill()
	if next, ok, err := Next(t.Context(), lib); !ok || err != nil || next.ID != j.ID {
		t.Errorf("got %+v, %v, %v, want the job", next, ok, err)
	}
	p, _ = start(t, dataDir, j.ID)
	if err := Pause(t.Context(), lib, j.ID); err != nil {
		t.Fatal(err)
	}
	if got := p.end(); got != "end paused" {
		t.Errorf("the process says %q, want that it was paused", got)
	}
	wantState(t, lib, j.ID, library.Paused)
	if _, ok, err := Next(t.Context(), lib); ok || err != nil {
		t.Errorf("a paused job is given out (%v)", err)
	}
}

// Pause, resume and cancel reach a job of another process within a second.
func TestAskAnotherProcess(t *testing.T) {
	lib, dataDir := open(t)
	j := add(t, lib, library.Job{})
	p, _ := start(t, dataDir, j.ID)
	soon := func(what string, ask func(context.Context) error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := ask(ctx); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for range 2 {
		soon("pause", func(ctx context.Context) error { return Pause(ctx, lib, j.ID) })
		if got := wantState(t, lib, j.ID, library.Paused); !got.Live {
			t.Errorf("got %+v, want that its process has it still", got)
		}
		soon("resume", func(ctx context.Context) error {
			told, err := Resume(ctx, lib, j.ID)
			if !told {
				t.Error("the owner was not told")
			}
			return err
		})
		wantState(t, lib, j.ID, library.Running)
	}
	soon("cancel", func(ctx context.Context) error { return Cancel(ctx, lib, j.ID) })
	if got := p.end(); got != "end canceled" {
		t.Errorf("the process says %q, want that it was canceled", got)
	}

	// The orderly end of a process leaves its job paused.
	j = add(t, lib, library.Job{})
	p, _ = start(t, dataDir, j.ID)
	p.stdin.Close()
	if got := p.end(); !strings.Contains(got, "context canceled") {
		t.Errorf("the process says %q, want that it was stopped", got)
	}
	wantState(t, lib, j.ID, library.Paused)
}

// Two who ask for opposite things, while a third runs the job, come to an end.
func TestAskAtOnce(t *testing.T) {
	lib, dataDir := open(t)
	j := add(t, lib, library.Job{})
	p, _ := start(t, dataDir, j.ID)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if err := Pause(t.Context(), lib, j.ID); err != nil {
				return // it has ended
			}
		}
	}()
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, _ = Resume(ctx, lib, j.ID)
		cancel()
	}
	if err := Cancel(t.Context(), lib, j.ID); err != nil {
		t.Fatal(err)
	}
	<-done
	if got := p.end(); got != "end canceled" {
		t.Errorf("the process says %q, want that it was canceled", got)
	}
	wantState(t, lib, j.ID, library.Canceled)
}

// A paused job whose process is killed stays paused.
func TestKilledPaused(t *testing.T) {
	lib, dataDir := open(t)
	j := add(t, lib, library.Job{})
	p, _ := start(t, dataDir, j.ID)
	if err := Pause(t.Context(), lib, j.ID); err != nil {
		t.Fatal(err)
	}
	until(t, lib, j.ID, "the pause in the record", func(Job) bool {
		record, err := lib.Job(t.Context(), j.ID)
		return err == nil && record.State == library.Paused
	})
	p.kill()
	wantState(t, lib, j.ID, library.Paused)
}

// A job that ends as soon as it may go on has gone on.
func TestResumeIsEnough(t *testing.T) {
	lib, _ := open(t)
	j := add(t, lib, library.Job{})
	began, end := make(chan struct{}), make(chan error)
	go func() {
		end <- Run(t.Context(), lib, j, func(ctx context.Context, c *Control) error {
			close(began)
			for !c.Paused() {
				if err := pause(ctx); err != nil {
					return err
				}
			}
			return c.Check(ctx)
		})
	}()
	<-began
	if err := Pause(t.Context(), lib, j.ID); err != nil {
		t.Fatal(err)
	}
	if told, err := Resume(t.Context(), lib, j.ID); !told || err != nil {
		t.Errorf("got %v, %v, want that the owner went on", told, err)
	}
	if err := <-end; err != nil {
		t.Error(err)
	}
}
