package main

import (
	"context"
	"fmt"
	"strings"
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
	Kernel        *fs.Status     `json:"kernel,omitempty"`
	// Problem is why there is nothing but the mountInfo.
	Problem string `json:"problem,omitempty"`
}

type volumeStatus struct {
	URI      string           `json:"uri"`
	Name     string           `json:"name"`
	State    string           `json:"state"` // online, offline, unknown
	Since    *time.Time       `json:"since,omitempty"`
	Reason   string           `json:"reason,omitempty"`
	Requests map[string]int64 `json:"requests"`
	Errors   int64            `json:"errors"`
	Retries  int64            `json:"retries"`
	BytesIn  int64            `json:"bytes_in"`
}

type cacheStatus struct {
	UsedBytes int64 `json:"used_bytes"`
	MaxBytes  int64 `json:"max_bytes"`
	Hits      int64 `json:"hits"`
	Misses    int64 `json:"misses"`
}

func newCacheStatus(s cache.Stats) cacheStatus {
	return cacheStatus{UsedBytes: s.UsedBytes, MaxBytes: s.MaxBytes, Hits: s.Hits, Misses: s.Misses}
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
	}
	if c, ok := v.Backend.(backends.Counter); ok {
		stats := c.Stats()
		s.Errors, s.Retries, s.BytesIn = stats.Errors, stats.Retries, stats.BytesIn
		if stats.Requests != nil {
			s.Requests = stats.Requests
		}
	}
	return s
}

// status is this mount's own account.
func (s *server) status() *mountStatus {
	kernel := s.fs.Status()
	st := &mountStatus{
		mountInfo:     *s.info,
		UptimeSeconds: int64(time.Since(s.info.Started).Seconds()),
		Volumes:       []volumeStatus{},
		Cache:         newCacheStatus(s.cache.Stats()),
		Kernel:        &kernel,
	}
	ctx, cancel := context.WithTimeout(context.Background(), controlTimeout/2)
	defer cancel()
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
		Long: `Shows every mount of this user: its process, the state of its volumes, the cache, and
how many requests were made. Asks the mounts, never a provider; -v shows the kernel's
requests too.`,
		Example: "  sd status\n  sd --json status",
		Args:    args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.status(cmd.Context())
		},
	}
}

func (a *app) status(ctx context.Context) error {
	all := []*mountStatus{}
	silent := false
	for _, m := range liveMounts(ctx) {
		reply, err := m.ask(ctx, request{Do: "status"}, controlTimeout, false)
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

func (a *app) printStatus(all []*mountStatus) {
	if len(all) == 0 {
		fmt.Fprintln(a.out, "nothing is mounted; 'sd mount' does that")
		return
	}
	for i, st := range all {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		mode := ""
		if st.ReadOnly {
			mode = ", read-only"
		}
		fmt.Fprintf(a.out, "%s  library %s%s, pid %d\n", printable(st.Mountpoint), printable(st.Library), mode, st.PID)
		if st.Problem != "" {
			fmt.Fprintf(a.out, "  problem      %s\n", printable(st.Problem))
		}
		if st.Kernel == nil {
			continue
		}
		fmt.Fprintf(a.out, "  up           %v, since %s\n", time.Duration(st.UptimeSeconds)*time.Second, when(st.Started))
		fmt.Fprintf(a.out, "  local files  %s\n", localText(st.Kernel.Local))
		fmt.Fprintf(a.out, "  cache        %s of %s, %d hits, %d misses\n", size(st.Cache.UsedBytes), size(st.Cache.MaxBytes), st.Cache.Hits, st.Cache.Misses)
		if st.Log != "" {
			fmt.Fprintf(a.out, "  log          %s\n", printable(st.Log))
		}
		for _, v := range st.Volumes {
			a.printVolumeStatus(v)
		}
		if a.verbose > 0 {
			fmt.Fprintf(a.out, "  kernel       %s\n", counts(st.Kernel.Requests))
		}
	}
}

func (a *app) printVolumeStatus(v volumeStatus) {
	state := v.State
	switch {
	case state == "unknown":
		state = "not asked yet"
	case v.Since != nil:
		state += " since " + when(*v.Since)
	}
	if v.Reason != "" {
		state += " (" + v.Reason + ")"
	}
	fmt.Fprintf(a.out, "  volume       %s  %s\n", printable(v.URI), printable(state))
	if len(v.Requests) > 0 {
		fmt.Fprintf(a.out, "               %s; %d errors, %d retries; %s read\n", counts(v.Requests), v.Errors, v.Retries, size(v.BytesIn))
	}
}

func localText(l fs.LocalStatus) string {
	text := "passed through by the kernel"
	if !l.Passthrough {
		text = "served by the process"
		if l.Why != "" {
			text += " (" + l.Why + ")"
		}
	}
	if l.Watched {
		return text + "; changes behind the mount show at once"
	}
	return text + "; changes behind the mount show within a second"
}

// counts prints "12 GET, 3 LIST".
func counts(m map[string]int64) string {
	var parts []string
	for _, key := range sortedKeys(m) {
		parts = append(parts, fmt.Sprintf("%d %s", m[key], key))
	}
	return strings.Join(parts, ", ")
}
