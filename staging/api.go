package staging

import (
	"context"
	"time"
)

// Recovered returns the acknowledged files that a former process left, open for
// adoption: the caller owns one reference to each.
func (s *Store) Recovered() []*File { return nil }

// Start begins the background work.
func (s *Store) Start() {}

// Pending is a file that was acknowledged and waits for its upload.
type Pending struct {
	Volume   string    `json:"volume"`
	Name     string    `json:"name"`
	Size     int64     `json:"size"`
	Since    time.Time `json:"since"`
	State    string    `json:"state"` // "waiting", "uploading" or "failed"
	Attempts int       `json:"attempts"`
	Reason   string    `json:"reason,omitempty"`
}

// Pending lists what waits for its upload, oldest first.
func (s *Store) Pending() []Pending { return nil }

// Stats are figures of a Store.
type Stats struct {
	Staged, Cap      int64     // bytes
	Files            int       // open or waiting for their upload
	Pending          int       // acknowledged and not yet uploaded
	PendingBytes     int64     // of these
	Failed           int       // of these, those whose last attempt failed
	Done, Unfinished int64     // attempts to upload since Open, by how they ended
	Oldest           time.Time // since when the oldest of Pending waits; zero if none
}

// Stats returns the present figures.
func (s *Store) Stats() Stats { return Stats{} }

// Drain waits until nothing that was acknowledged waits for its upload.
func (s *Store) Drain(ctx context.Context) error { return nil }

// Flush is what close(2) promises.
func (f *File) Flush(ctx context.Context) error { return f.Sync(ctx) }

// Keep keeps what could not be committed.
func (f *File) Keep(err error) {}

// Retarget gives the file another name.
func (f *File) Retarget(name string) error { return nil }
