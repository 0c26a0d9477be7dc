package library

import (
	"encoding/json"
	"errors"
	iofs "io/fs"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestJobs(t *testing.T) {
	l := openLibrary(t)
	j, err := l.AddJob(t.Context(), Job{Kind: "index", Title: "index docs", Location: 3, Args: json.RawMessage(`{"a":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	if j.ID == 0 || j.State != Queued || j.Device != l.ThisDevice().ID || j.Created.IsZero() {
		t.Errorf("got %+v, want an id, a date, this device, queued", j)
	}
	j.Progress = json.RawMessage(`{}`)
	if got, err := l.Job(t.Context(), j.ID); err != nil || !reflect.DeepEqual(got, j) {
		t.Errorf("got %+v, %v, want %+v", got, err, j)
	}
	when := time.UnixMilli(1_700_000_000_123).UTC()
	j.Detached, j.State, j.Error, j.Progress, j.Began, j.Ended = true, Failed, "no", json.RawMessage(`{"n":2}`), when, when
	if err := l.UpdateJob(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Job(t.Context(), j.ID); err != nil || !reflect.DeepEqual(got, j) {
		t.Errorf("got %+v, %v, want %+v", got, err, j)
	}
	var none *NoJobError
	if _, err := l.Job(t.Context(), 99); !errors.As(err, &none) || !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("got %v, want that there is none", err)
	}
	if err := l.UpdateJob(t.Context(), Job{ID: 99, Device: uuid.New()}); !errors.As(err, &none) {
		t.Errorf("got %v, want that there is none", err)
	}
}

// Of jobs that have ended only the last are listed, and after many only those are kept.
func TestEndedJobs(t *testing.T) {
	l := openLibrary(t)
	var open, ended []int64
	for i := range 9 {
		j := Job{Kind: "test", State: []JobState{Done, Running, Failed}[i%3]}
		j, err := l.AddJob(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		if j.State.Ended() {
			ended = append(ended, j.ID)
		} else {
			open = append(open, j.ID)
		}
	}
	for limit, want := range map[int][]int64{0: open, 2: append(ended[4:], open...), -1: append(slices.Clone(ended), open...)} {
		list, err := l.Jobs(t.Context(), limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, j := range list {
			got = append(got, j.ID)
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("limit %d: got jobs %v, want %v", limit, got, want)
		}
	}
}
