package staging

import (
	"slices"
	"time"
)

// Pending is a file that was acknowledged and waits for its upload.
type Pending struct {
	Volume   string    `json:"volume"`
	Name     string    `json:"name"`
	Size     int64     `json:"size"`
	Since    time.Time `json:"since"`
	State    string    `json:"state"` // "waiting", "uploading" or "failed"
	Attempts int       `json:"attempts"`
	Reason   string    `json:"reason,omitempty"` // of the last failure
}

// Pending lists what waits for its upload, oldest first. A journal record that cannot
// be read is listed as failed, with its path as Name and no Volume.
func (s *Store) Pending() []Pending {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Pending
	for _, b := range s.bad {
		list = append(list, Pending{Name: b.path, Since: b.since, State: "failed", Attempts: 1, Reason: b.reason.Error()})
	}
	for _, q := range s.queues {
		for _, j := range q.jobs {
			list = append(list, j.pending())
		}
	}
	slices.SortStableFunc(list, func(a, b Pending) int { return a.Since.Compare(b.Since) })
	return list
}

// pending needs the Store's mu.
func (j *job) pending() Pending {
	f := j.file
	f.mu.Lock()
	defer f.mu.Unlock()
	p := Pending{Volume: f.volume, Name: f.name, Size: f.size, Since: j.since, Attempts: f.attempts, State: "waiting"}
	switch {
	case f.commit != nil:
		p.State = "uploading"
	case f.reason != nil:
		p.State = "failed"
	}
	if f.reason != nil {
		p.Reason = f.reason.Error()
	}
	return p
}

// Stats are figures of a Store.
type Stats struct {
	Staged, Cap  int64     // bytes
	Files        int       // open or waiting for their upload
	Pending      int       // acknowledged and not uploaded
	PendingBytes int64     // of these
	Failing      int       // of these, those whose last attempt failed, and records that cannot be read
	Oldest       time.Time // since when the oldest of these waits; zero if there is none
	Done, Failed int64     // attempts of the background to upload, by how they ended
}

// Stats returns the present figures.
func (s *Store) Stats() Stats {
	list := s.Pending()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{Files: len(s.files), Pending: len(list), Done: s.done, Failed: s.failed, Cap: s.budget.limit}
	s.budget.mu.Lock()
	st.Staged = s.budget.used
	s.budget.mu.Unlock()
	for _, p := range list {
		st.PendingBytes += p.Size
		if p.Reason != "" {
			st.Failing++
		}
		if st.Oldest.IsZero() {
			st.Oldest = p.Since
		}
	}
	return st
}
