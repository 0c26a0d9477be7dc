package library

import (
	"encoding/json"
	"errors"
	iofs "io/fs"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestAudit(t *testing.T) {
	l := openLibrary(t)
	at := time.UnixMilli(1_700_000_000_123).UTC()
	j, a, err := l.AddAction(t.Context(), Job{Kind: "action", Title: "copy"},
		Audit{Action: "cp", Title: "copy", Command: "sd cp a b", User: "ann", UID: 7, Host: "mac", Created: at})
	if err != nil {
		t.Fatal(err)
	}
	if a.ID == 0 || a.Job != j.ID || j.ID == 0 || a.Device != l.ThisDevice().ID {
		t.Errorf("got %+v of job %d, want its id and this device", a, j.ID)
	}
	if _, _, err := l.AddAction(t.Context(), Job{Kind: "action"}, Audit{Outcome: json.RawMessage("no JSON")}); err == nil {
		t.Error("a row that cannot be read again was kept")
	}
	if jobs, err := l.Jobs(t.Context(), -1); err != nil || len(jobs) != 1 {
		t.Errorf("got %d jobs, %v; want none without a row", len(jobs), err)
	}
	a.Outcome = json.RawMessage("{}")
	if got, err := l.JobAudit(t.Context(), j.ID); err != nil || !reflect.DeepEqual(got, a) {
		t.Errorf("got %+v, %v; want %+v", got, err, a)
	}
	// Of what has no job there may be any number of rows.
	for range 2 {
		if _, err := l.AddAudit(t.Context(), Audit{Action: "cp", Device: uuid.New(), Created: at.Add(time.Second)}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := l.OpenAudits(t.Context()); err != nil || !reflect.DeepEqual(got, []Audit{a}) {
		t.Errorf("got %+v, %v; want the row of this device that is not over", got, err)
	}
	a.State, a.Error, a.Outcome, a.Ended = Failed, "no", json.RawMessage(`{"failed":1}`), at
	if err := l.SetAudit(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	undo, err := l.AddAudit(t.Context(), Audit{Job: 99, Action: "undo", Undoes: j.ID, Created: at.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := l.UndoneBy(t.Context(), j.ID); err != nil || len(got) != 1 || got[0].ID != undo.ID {
		t.Errorf("got %+v, %v; want the row of job 99", got, err)
	}
	for _, tt := range []struct {
		since time.Time
		limit int
		want  []int64
	}{
		{want: []int64{a.ID, a.ID + 1, a.ID + 2, undo.ID}},
		{limit: 2, want: []int64{a.ID + 2, undo.ID}},
		{since: at.Add(time.Second), want: []int64{a.ID + 1, a.ID + 2, undo.ID}},
		{since: at.Add(2 * time.Hour)},
	} {
		list, err := l.Audits(t.Context(), tt.since, tt.limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, row := range list {
			if got = append(got, row.ID); row.ID == a.ID && !reflect.DeepEqual(row, a) {
				t.Errorf("got %+v, want %+v", row, a)
			}
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("since %v, limit %d: got rows %v, want %v", tt.since, tt.limit, got, tt.want)
		}
	}
	if _, err := l.JobAudit(t.Context(), 0); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("got %v, want that job 0 is none", err)
	}
	if err := l.SetAudit(t.Context(), Audit{ID: 77}); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("got %v, want that there is no such row", err)
	}
	if _, err := l.AddAudit(t.Context(), Audit{Job: 99}); err == nil {
		t.Error("a job has two rows")
	}
}

// A job ends together with its row, or not at all.
func TestEndAction(t *testing.T) {
	l := openLibrary(t)
	j, a, err := l.AddAction(t.Context(), Job{Kind: "action"}, Audit{Action: "cp"})
	if err != nil {
		t.Fatal(err)
	}
	j.State, a.State, a.Outcome = Done, Done, json.RawMessage(`{"n":1}`)
	lost := a
	lost.ID = 77
	if err := l.EndAction(t.Context(), j, lost); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("got %v, want that there is no such row", err)
	}
	if got, err := l.Job(t.Context(), j.ID); err != nil || got.State == Done {
		t.Errorf("got %+v, %v; want a job that has not ended", got, err)
	}
	if err := l.EndAction(t.Context(), j, a); err != nil {
		t.Fatal(err)
	}
	got, err := l.Job(t.Context(), j.ID)
	row, e := l.JobAudit(t.Context(), j.ID)
	if err != nil || e != nil || got.State != Done || row.State != Done || string(row.Outcome) != `{"n":1}` {
		t.Errorf("got %+v and %+v, %v, %v; want both done", got, row, err, e)
	}
}

func TestPins(t *testing.T) {
	l := openLibrary(t)
	at := time.UnixMilli(1_700_000_000_123).UTC()
	a := Pin{Place: "device:a", Path: "home/\xff*", Created: at}
	glob := Pin{Place: "device:a", Path: "home/\xff*", Glob: true, Created: at}
	b := Pin{Place: "volume:b", Created: at}
	for _, p := range []Pin{b, glob, a, {Place: a.Place, Path: a.Path, Created: at.Add(time.Hour)}} {
		if err := l.AddPin(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := l.Pins(t.Context()); err != nil || !reflect.DeepEqual(got, []Pin{a, glob, b}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, want := range []error{nil, iofs.ErrNotExist} {
		if err := l.RemovePin(t.Context(), a); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	if got, err := l.Pins(t.Context()); err != nil || !reflect.DeepEqual(got, []Pin{glob, b}) {
		t.Errorf("got %+v, %v", got, err)
	}
}
