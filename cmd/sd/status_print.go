package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"sd/fs"
)

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
		if d := st.Cache.Disk; d != nil {
			a.printDiskCache(d)
		}
		a.printUploads(st.Uploads)
		a.printRenames(st.Renames)
		a.printIndex(st.Index)
		for _, j := range st.Jobs {
			fmt.Fprintf(a.out, "  job %-8d %s: %s\n", j.ID, printable(j.Title), printable(j.Far))
		}
		if st.Metrics != "" {
			fmt.Fprintf(a.out, "  metrics      %s\n", st.Metrics)
		}
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
	if v.Mend != "" {
		state += ": '" + v.Mend + "' renews it"
	}
	fmt.Fprintf(a.out, "  volume       %s  %s\n", printable(v.URI), printable(state))
	if len(v.Requests) > 0 {
		fmt.Fprintf(a.out, "               %s; %d errors, %d retries, %d stalls; %s read, %s written\n",
			counts(v.Requests), v.Errors, v.Retries, v.Stalls, size(v.BytesIn), size(v.BytesOut))
	}
}

func (a *app) printDiskCache(d *diskCacheStatus) {
	fmt.Fprintf(a.out, "  disk cache   %s of %s, %d files, %d hits; in %s\n", size(d.UsedBytes), size(d.MaxBytes), d.Files, d.Hits, printable(d.Dir))
	if d.Off != "" {
		fmt.Fprintf(a.out, "               nothing is added: %s\n", printable(d.Off))
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

// printUploads tells what is not at its provider yet.
func (a *app) printUploads(u *uploadsStatus) {
	if u == nil {
		return
	}
	if u.Pending == 0 {
		fmt.Fprintf(a.out, "  uploads      none pending; %s of %s staged\n", size(u.StagedBytes), size(u.MaxBytes))
		return
	}
	fmt.Fprintf(a.out, "  uploads      %s; %s of %s staged\n", u.summary(time.Now()), size(u.StagedBytes), size(u.MaxBytes))
	a.printFiles(a.out, "               ", u)
}

// summary is "3 files pending (1.5 MiB), the oldest for 12s, 1 failed".
func (u *uploadsStatus) summary(now time.Time) string {
	files := "files"
	if u.Pending == 1 {
		files = "file"
	}
	text := fmt.Sprintf("%d %s pending (%s), the oldest for %v", u.Pending, files, size(u.PendingBytes), u.age(now).Round(time.Second))
	if u.Failed > 0 {
		text += fmt.Sprintf(", %d failed", u.Failed)
	}
	return text
}

// printFiles lists the first of the files.
func (a *app) printFiles(w io.Writer, indent string, u *uploadsStatus) {
	for i, f := range u.Files {
		if i == maxListed {
			break
		}
		how := f.State + " since " + when(f.Since)
		if f.State == "failed" {
			how = "since " + when(f.Since) + ", failed " + times(f.Attempts)
		}
		if f.Reason != "" {
			how += ": " + f.Reason
		}
		fmt.Fprintf(w, "%s%s  %s, %s\n", indent, printable(f.URI), size(f.Size), printable(how))
	}
	if more := u.Pending - min(len(u.Files), maxListed); more > 0 {
		fmt.Fprintf(w, "%s… and %d more (--json shows all)\n", indent, more)
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func (a *app) printRenames(list []renameStatus) {
	for i, r := range list {
		if i == maxListed {
			fmt.Fprintf(a.out, "               … and %d more (--json shows all)\n", len(list)-i)
			return
		}
		progress := ""
		if r.Total > 0 {
			progress = fmt.Sprintf(" %d of %d", r.Done, r.Total)
		}
		fmt.Fprintf(a.out, "  rename       %s to %s: %s%s since %s\n", printable(r.From), printable(r.To), r.State, progress, when(r.Since))
		if r.Reason != "" {
			fmt.Fprintf(a.out, "               %s\n", printable(r.Reason))
		}
	}
}
