package main

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"sd/resolver"
	"sd/sdpath"
	"sd/staging"
)

// maxListed is how many files a list for people names; --json names all.
const maxListed = 10

// uploadsStatus tells what was written here and is not at its provider yet.
type uploadsStatus struct {
	Pending      int        `json:"pending"` // files that were closed or synced
	PendingBytes int64      `json:"pending_bytes"`
	Failed       int        `json:"failed"` // of them: the last attempt failed
	Oldest       *time.Time `json:"oldest,omitempty"`
	Done         int64      `json:"done"` // attempts since the mount, by how they ended
	Failures     int64      `json:"failures"`
	StagedBytes  int64      `json:"staged_bytes"` // on the local disk, also of files being written
	MaxBytes     int64      `json:"max_bytes"`

	Files []uploadStatus `json:"files"` // failed ones first, then the oldest
}

type uploadStatus struct {
	URI      string    `json:"uri"`
	Size     int64     `json:"size"`
	Since    time.Time `json:"since"`
	State    string    `json:"state"` // waiting, uploading, failed
	Attempts int       `json:"attempts"`
	Reason   string    `json:"reason,omitempty"`
}

// renameStatus is a rename that the provider does object by object.
type renameStatus struct {
	From   string    `json:"from"`
	To     string    `json:"to"`
	State  string    `json:"state"`
	Done   int       `json:"done"`
	Total  int       `json:"total"`
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitempty"`
}

// age is how long the oldest upload waits.
func (u *uploadsStatus) age(now time.Time) time.Duration {
	if u.Oldest == nil {
		return 0
	}
	return max(0, now.Sub(*u.Oldest))
}

func (u *uploadsStatus) files() []uploadStatus {
	if u == nil {
		return nil
	}
	return u.Files
}

// uploads tells what waits, with at most limit of the files (0: all); nil if nothing
// can be written through this mount.
func (s *server) uploads(limit int) *uploadsStatus {
	if s.staging == nil {
		return nil
	}
	stats, pending := s.staging.Stats(), s.staging.Pending()
	u := &uploadsStatus{
		Done: stats.Done, Failures: stats.Failed, StagedBytes: stats.Staged, MaxBytes: stats.Cap,
		Pending: len(pending), Files: []uploadStatus{},
	}
	// All but the files come from one list, so that they agree.
	for i := range pending {
		p := &pending[i]
		u.PendingBytes += p.Size
		if p.State == "failed" {
			u.Failed++
		}
		if u.Oldest == nil || p.Since.Before(*u.Oldest) {
			u.Oldest = &p.Since
		}
	}
	slices.SortStableFunc(pending, func(a, b staging.Pending) int {
		switch {
		case a.State == b.State || a.State != "failed" && b.State != "failed":
			return a.Since.Compare(b.Since)
		case a.State == "failed":
			return -1
		}
		return 1
	})
	if limit > 0 && len(pending) > limit {
		pending = pending[:limit]
	}
	name := s.places.namer()
	for _, p := range pending {
		u.Files = append(u.Files, uploadStatus{
			URI: name(p.Volume, p.Name), Size: p.Size, Since: p.Since, State: p.State, Attempts: p.Attempts,
			Reason: withoutName(p.Reason, p.Name),
		})
	}
	return u
}

// withoutName takes off what was done to the file of that name, which stands before it.
func withoutName(reason, name string) string {
	for _, op := range []string{"sync ", "put "} {
		reason = strings.TrimPrefix(reason, op+name+": ")
	}
	return reason
}

// renaming tells which renames are under way.
func (s *server) renaming() []renameStatus {
	if s.renames == nil {
		return nil
	}
	var list []renameStatus
	name := s.places.namer()
	for _, p := range s.renames.Pending() {
		list = append(list, renameStatus{
			From: name(p.Volume, p.From), To: name(p.Volume, p.To), State: p.State, Done: p.Done, Total: p.Total,
			Since: p.Since, Reason: p.Reason,
		})
	}
	return list
}

// namer gives what makes a URI of a volume's fingerprint and a name in it.
func (p *places) namer() func(fingerprint, name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), controlTimeout/2)
	defer cancel()
	volumes, _ := p.resolver.Volumes(ctx, "") // without them names are still worth telling
	return func(fingerprint, name string) string {
		for _, v := range volumes {
			if v.Fingerprint == fingerprint {
				return sdpath.Cloud{Service: v.Service, Identifier: v.Identifier, Path: name}.String()
			}
		}
		return "(a removed volume)/" + name
	}
}

// byFingerprint finds a volume; fs.ErrNotExist says that it was removed.
func (p *places) byFingerprint(ctx context.Context, fingerprint string) (*resolver.Volume, error) {
	volumes, err := p.resolver.Volumes(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, v := range volumes {
		if v.Fingerprint == fingerprint {
			return v, nil
		}
	}
	return nil, fmt.Errorf("its volume was removed from the library (add it again with 'sd volume add-cloud'): %w", fs.ErrNotExist)
}
