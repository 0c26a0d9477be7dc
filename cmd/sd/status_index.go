package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/prometheus/client_golang/prometheus"

	"sd/index"
	"sd/index/watch"
)

// indexStatus is what a mount tells of its locations.
type indexStatus struct {
	Locations      []locationStatus `json:"locations"`
	WatchedFolders int              `json:"watched_folders"`
	// WaitingChanges is how many changes of volumes are not in the index yet.
	WaitingChanges int    `json:"waiting_changes"`
	Problem        string `json:"problem,omitempty"`
}

type locationStatus struct {
	ID    int64       `json:"id"`
	Name  string      `json:"name"`
	URI   string      `json:"uri"`
	State watch.State `json:"state"`
	// Reason is why, in the states gone and failing.
	Reason string `json:"reason,omitempty"`
	// Counted is false until the numbers are known. They may be some seconds old.
	Counted     bool            `json:"counted"`
	Files       int64           `json:"files"`
	Folders     int64           `json:"folders"`
	Bytes       int64           `json:"bytes"`
	Identified  int64           `json:"identified"`
	Unknown     int64           `json:"unidentified"` // files with bytes that are not
	Problems    int             `json:"problems"`
	Scanned     *time.Time      `json:"scanned,omitempty"`
	Scan        *index.Progress `json:"scan,omitempty"`
	Identifying *index.Progress `json:"identifying,omitempty"`
	Watched     int             `json:"watched_folders"`
	Unwatched   int             `json:"unwatched_folders"`
	Advice      string          `json:"advice,omitempty"`
	Overflows   int             `json:"overflows"`
}

// status is the account of the index; nil if the mount keeps none.
func (x *indexing) status(ctx context.Context) *indexStatus {
	if x.watcher == nil {
		return nil
	}
	now := x.watcher.Status()
	now.Locations = append(now.Locations, x.newLocations(ctx, now.Locations)...)
	st := &indexStatus{
		Locations: []locationStatus{}, WatchedFolders: now.Folders, WaitingChanges: now.Waiting, Problem: now.Problem,
	}
	for _, l := range now.Locations {
		row := locationStatus{
			ID: l.ID, Name: l.Name, URI: x.places.placeURI(l.Place, l.Path), State: l.State, Reason: l.Err,
			Counted: l.Counted, Files: l.Counts.Files, Folders: l.Counts.Folders, Bytes: l.Counts.Bytes,
			Identified: l.Counts.Proven, Unknown: l.Counts.Unproven, Scan: l.Scan, Identifying: l.Identify,
			Watched: l.Watched, Unwatched: l.Unwatched, Advice: l.Advice, Overflows: l.Overflows,
		}
		if _, err := x.places.resolver.URI(l.Place, l.Path); err != nil {
			row.State, row.Reason = watch.Gone, err.Error()
		}
		if !l.Scanned.IsZero() {
			row.Scanned = &l.Scanned
		}
		if _, n, err := x.places.library.Problems(ctx, l.ID, 1); err == nil {
			row.Problems = n
		}
		st.Locations = append(st.Locations, row)
	}
	return st
}

// newLocations are those that the watcher has not seen yet, such as all of them when the mount
// has just begun.
func (x *indexing) newLocations(ctx context.Context, seen []watch.LocationStatus) (list []watch.LocationStatus) {
	all, err := x.places.library.Locations(ctx)
	if err != nil {
		return nil // the watcher tells what is wrong with the library
	}
	for _, loc := range all {
		if !slices.ContainsFunc(seen, func(l watch.LocationStatus) bool { return l.ID == loc.ID }) {
			list = append(list, watch.LocationStatus{
				ID: loc.ID, Name: loc.Name, Place: loc.Place, Path: loc.Path, State: watch.Waiting, Scanned: loc.Scanned,
			})
		}
	}
	return list
}

// printIndex tells of the locations: all together in a line, then each.
func (a *app) printIndex(x *indexStatus) {
	if x == nil {
		fmt.Fprintln(a.out, "  index        is left as it is (--no-index)")
		return
	}
	if len(x.Locations) == 0 {
		fmt.Fprintln(a.out, "  index        no locations; 'sd location add' makes one")
	} else {
		fmt.Fprintf(a.out, "  index        %s\n", x.summary())
	}
	if x.Problem != "" {
		fmt.Fprintf(a.out, "               %s\n", printable(x.Problem))
	}
	for i, l := range x.Locations {
		if i == maxListed {
			fmt.Fprintf(a.out, "               … and %d more (--json shows all)\n", len(x.Locations)-i)
			break
		}
		fmt.Fprintf(a.out, "  location     %s  %s\n", printable(l.Name), printable(l.text()))
		if l.Advice != "" {
			fmt.Fprintf(a.out, "               %s\n", l.Advice)
		}
	}
}

// summary is "2 locations, 1,234 files (5 GiB), 90 % identified, 12 folders watched".
func (x *indexStatus) summary() string {
	var files, bytes, identified, unknown int64
	for _, l := range x.Locations {
		files, bytes = files+l.Files, bytes+l.Bytes
		identified, unknown = identified+l.Identified, unknown+l.Unknown
	}
	words := []string{counted(int64(len(x.Locations)), "location")}
	if slices.ContainsFunc(x.Locations, func(l locationStatus) bool { return !l.Counted && l.Scanned != nil }) {
		words = append(words, "files are being counted")
	} else {
		words = append(words, fmt.Sprintf("%s (%s)", counted(files, "file"), size(bytes)))
	}
	if identified+unknown > 0 {
		words = append(words, fmt.Sprintf("%d %% identified", identified*100/(identified+unknown)))
	}
	words = append(words, counted(int64(x.WatchedFolders), "folder")+" watched")
	if x.WaitingChanges > 0 {
		words = append(words, counted(int64(x.WaitingChanges), "change")+" waiting")
	}
	return strings.Join(words, ", ")
}

// text is the state of a location, and what runs there.
func (l *locationStatus) text() string {
	text := string(l.State)
	switch {
	case l.Reason != "":
		text += ": " + withoutLocation(l.Name, l.Reason)
	case l.State == watch.Waiting && l.Scanned == nil:
		text += ": others index it, or it comes next ('sd job list' shows them)"
	case l.Scan != nil:
		text += ": " + progressText(*l.Scan)
	case l.Identifying != nil:
		text += ": " + progressText(*l.Identifying)
	case l.Counted:
		text += fmt.Sprintf(", %s (%s), %s identified", counted(l.Files, "file"), size(l.Bytes), humanize.Comma(l.Identified))
	}
	if l.Problems > 0 {
		text += fmt.Sprintf(", %s ('sd location problems %s')", counted(int64(l.Problems), "problem"), l.Name)
	}
	return text
}

// progressText is "123 of about 456 files, 1,000 files/s, 3s left".
func progressText(p index.Progress) string {
	text := counted(p.Files, "file")
	if p.TotalFiles > 0 {
		text = fmt.Sprintf("%s of about %s", humanize.Comma(p.Files), counted(p.TotalFiles, "file"))
	}
	if rate := p.Rate(); rate > 0 {
		text += ", " + perSecond(p, rate)
	}
	if left, ok := p.Left(); ok {
		text += ", " + roughly(left) + " left"
	}
	return text
}

// collect sends metrics of the index.
func (x *indexStatus) collect(send func(kind prometheus.ValueType, name, help string, value float64, labels ...string)) {
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	send(gauge, "index_watched_folders", "Folders of the local disk whose changes the system tells.", float64(x.WatchedFolders))
	send(gauge, "index_waiting_changes", "Changes of volumes that are not in the index yet.", float64(x.WaitingChanges))
	for _, l := range x.Locations {
		at := []string{"location", l.Name}
		if l.Counted {
			send(gauge, "index_files", "Files in the index.", float64(l.Files), at...)
			send(gauge, "index_bytes", "Their bytes.", float64(l.Bytes), at...)
			send(gauge, "index_identified_files", "Of them, files whose content is proven.", float64(l.Identified), at...)
			send(gauge, "index_unidentified_files", "Files with bytes whose content is not.", float64(l.Unknown), at...)
		}
		send(gauge, "index_problems", "Files and folders that could not be indexed.", float64(l.Problems), at...)
		send(gauge, "index_unwatched_folders", "Folders that are looked at now and then, as the system allows no more watches.", float64(l.Unwatched), at...)
		send(counter, "index_overflows_total", "How often changes were lost and the location was scanned for it.", float64(l.Overflows), at...)
		healthy := 1.0
		if l.State == watch.Gone || l.State == watch.Failing {
			healthy = 0
		}
		send(gauge, "index_healthy", "1 if the location is kept up to date, 0 if that does not succeed.", healthy, at...)
		if l.Scanned != nil {
			send(gauge, "index_scanned_time_seconds", "When the last whole scan ended, since the epoch.", float64(l.Scanned.Unix()), at...)
		}
	}
}
