package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"sd/backends"
	"sd/cache"
	"sd/fs"
	"sd/resolver"
)

// mountStatus is what a mount tells of itself.
type mountStatus struct {
	mountInfo
	UptimeSeconds int64          `json:"uptime_seconds"`
	Volumes       []volumeStatus `json:"volumes"`
	Cache         cacheStatus    `json:"cache"`
	Uploads       *uploadsStatus `json:"uploads,omitempty"`
	Renames       []renameStatus `json:"renames,omitempty"`
	Index         *indexStatus   `json:"index,omitempty"`
	Jobs          []actingStatus `json:"jobs,omitempty"` // actions that it runs now
	Kernel        *fs.Status     `json:"kernel,omitempty"`
	// Problem is why there is nothing but the mountInfo.
	Problem string `json:"problem,omitempty"`
}

type volumeStatus struct {
	URI      string           `json:"uri"`
	Name     string           `json:"name"`
	State    string           `json:"state"` // online, offline, unknown, login ended
	Since    *time.Time       `json:"since,omitempty"`
	Reason   string           `json:"reason,omitempty"`
	Expired  bool             `json:"expired,omitempty"` // the login has ended
	Mend     string           `json:"mend,omitempty"`    // the command that helps
	Requests map[string]int64 `json:"requests"`
	Errors   int64            `json:"errors"`
	Retries  int64            `json:"retries"`
	Stalls   int64            `json:"stalls"`
	BytesIn  int64            `json:"bytes_in"`
	BytesOut int64            `json:"bytes_out"`
}

type cacheStatus struct {
	UsedBytes int64            `json:"used_bytes"`
	MaxBytes  int64            `json:"max_bytes"`
	Hits      int64            `json:"hits"`
	Misses    int64            `json:"misses"`
	Disk      *diskCacheStatus `json:"disk,omitempty"`
}

type diskCacheStatus struct {
	Dir       string `json:"dir"`
	Off       string `json:"off,omitempty"` // why nothing is written at the moment
	UsedBytes int64  `json:"used_bytes"`
	MaxBytes  int64  `json:"max_bytes"`
	Files     int64  `json:"files"`
	Hits      int64  `json:"hits"`
	Evictions int64  `json:"evictions"`
	Bad       int64  `json:"bad"`
}

func newCacheStatus(s cache.Stats) cacheStatus {
	c := cacheStatus{UsedBytes: s.UsedBytes, MaxBytes: s.MaxBytes, Hits: s.Hits, Misses: s.Misses}
	if d := s.Disk; d.Dir != "" {
		c.Disk = &diskCacheStatus{
			Dir: d.Dir, Off: d.Off, UsedBytes: d.Bytes, MaxBytes: d.MaxBytes,
			Files: d.Files, Hits: d.Hits, Evictions: d.Evictions, Bad: d.Bad,
		}
	}
	return c
}

// newVolumeStatus tells what is known of a volume without asking it.
func newVolumeStatus(v *resolver.Volume) volumeStatus {
	s := volumeStatus{URI: uri(v), Name: v.Info.Name, State: "unknown", Requests: map[string]int64{}}
	if h, ok := v.Backend.(backends.HealthReporter); ok {
		health := h.Health()
		if !health.Since.IsZero() {
			s.Since = &health.Since
			s.State = "online"
			if !health.Online {
				s.State, s.Reason = "offline", health.Err
			}
		}
		if health.Expired {
			s.State, s.Expired, s.Mend = "login ended", true, loginCommand(v.Info.Name)
		}
	}
	if c, ok := v.Backend.(backends.Counter); ok {
		stats := c.Stats()
		s.Errors, s.Retries, s.Stalls = stats.Errors, stats.Retries, stats.Stalls
		s.BytesIn, s.BytesOut = stats.BytesIn, stats.BytesOut
		if stats.Requests != nil {
			s.Requests = stats.Requests
		}
	}
	return s
}

// status is this mount's own account, with at most limit uploads (0: all).
func (s *server) status(limit int) *mountStatus {
	kernel := s.fs.Status()
	st := &mountStatus{
		mountInfo:     *s.info,
		UptimeSeconds: int64(time.Since(s.info.Started).Seconds()),
		Volumes:       []volumeStatus{},
		Cache:         newCacheStatus(s.cache.Stats()),
		Kernel:        &kernel,
		Uploads:       s.uploads(limit),
		Renames:       s.renaming(),
	}
	ctx, cancel := context.WithTimeout(context.Background(), controlTimeout/2)
	defer cancel()
	st.Index = s.indexing.status(ctx)
	st.Jobs = s.acting.status(ctx)
	volumes, err := s.places.resolver.Volumes(ctx, "")
	if err != nil {
		st.Problem = err.Error()
	}
	for _, v := range volumes {
		st.Volumes = append(st.Volumes, newVolumeStatus(v))
	}
	return st
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "show what is mounted and how it does",
		Long: `Shows every mount of this user: its process, the state of its volumes, the caches, how
many requests were made, what is indexed and how far that is, and what waits for its
upload: how much, for how long, and why if an attempt has failed. Nothing of that is
lost: it is tried again, by this mount and by the next one. Asks the mounts, never a
provider; -v shows the kernel's requests too.`,
		Example: `  sd status
  sd --json status
  sd --json status | jq -r '.[].uploads.files[] | select(.state=="failed") | .uri'`,
		Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.status(cmd.Context())
		},
	}
}

func (a *app) status(ctx context.Context) error {
	all := []*mountStatus{}
	silent := false
	limit := maxListed
	if a.json {
		limit = 0
	}
	for _, m := range liveMounts(ctx) {
		reply, err := m.ask(ctx, request{Do: "status", Limit: limit}, controlTimeout, false, nil)
		st := reply.Status
		if err != nil || st == nil {
			silent = true
			st = &mountStatus{mountInfo: *m, Volumes: []volumeStatus{}, Problem: "does not answer"}
			if err != nil {
				st.Problem = err.Error()
			}
		}
		all = append(all, st)
	}
	if a.json {
		if err := a.printJSON(all); err != nil {
			return err
		}
	} else {
		a.printStatus(all)
	}
	if silent {
		return &quietError{}
	}
	return nil
}
