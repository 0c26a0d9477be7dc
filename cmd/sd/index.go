package main

import (
	"context"
	"encoding/json"
	"fmt"

	"sd/index"
	"sd/index/identify"
	"sd/index/search"
	"sd/jobs"
	"sd/library"
)

// jobIndex is the kind of jobs that index a location. Their progress is an index.Progress.
const jobIndex = "index"

// indexArgs are the arguments of such a job.
type indexArgs struct {
	// Download says that the user agreed to have objects downloaded to identify them.
	Download bool `json:"download,omitempty"`
}

// indexed is what came of indexing a location.
type indexed struct {
	Scan     index.Report    `json:"scan"`
	Identify identify.Report `json:"identify"`
	// Unread is what identifying the rest would download, which was not agreed to.
	Unread      int64 `json:"unread,omitempty"` // objects
	UnreadBytes int64 `json:"unread_bytes,omitempty"`
}

// agree is asked before that much is downloaded. Nil never agrees.
type agree func(ctx context.Context, objects, bytes int64) (bool, error)

func (p *places) indexConfig() index.Config {
	own := []string{p.dataDir}
	for _, find := range []func() (string, error){cacheDir, stateDir} {
		if dir, err := find(); err == nil {
			own = append(own, dir)
		}
	}
	return index.Config{Library: p.library, Resolver: p.resolver, Log: p.log, Own: own}
}

// index brings all that is known of a location up to date: it scans it, makes its names quick
// to search, and identifies its files as its mode says. It downloads objects only for mode
// deep, and only where agreed, which may be nil, says so. It tells what it did also with an
// error.
func (p *places) index(ctx context.Context, loc library.Location, c index.Control, agreed agree) (done indexed, err error) {
	config := p.indexConfig()
	if done.Scan, err = index.New(config).Scan(ctx, loc, c); err != nil {
		return done, err
	}
	if err := search.Pack(ctx, p.library, false); err != nil {
		return done, fmt.Errorf("making the names quick to search: %w", err)
	}
	if loc.Mode == library.Shallow {
		return done, nil
	}
	if done.Identify, err = identify.Run(ctx, config, loc, identify.Options{}, c); err != nil || loc.Mode != library.Deep || !isVolume(loc) {
		return done, err
	}
	done.Unread, done.UnreadBytes, err = identify.Estimate(ctx, config, loc)
	if err != nil || done.Unread == 0 || agreed == nil {
		return done, err
	}
	if ok, err := agreed(ctx, done.Unread, done.UnreadBytes); err != nil || !ok {
		return done, err
	}
	deep, err := identify.Run(ctx, config, loc, identify.Options{Deep: true}, c)
	done.Identify = addReports(done.Identify, deep)
	if err == nil {
		done.Unread, done.UnreadBytes, err = identify.Estimate(ctx, config, loc)
	}
	return done, err
}

// runIndexJob runs a job of kind jobIndex here, and calls show, which may be nil, with
// what it does. Errors are those of jobs.Run.
func (p *places) runIndexJob(ctx context.Context, job library.Job, agreed agree, show func(p index.Progress, paused bool)) (done indexed, err error) {
	var args indexArgs
	if err := json.Unmarshal(job.Args, &args); err != nil {
		return done, fmt.Errorf("job %d: %w", job.ID, err)
	}
	if args.Download {
		agreed = func(context.Context, int64, int64) (bool, error) { return true, nil }
	}
	err = jobs.Run(ctx, p.library, job, func(ctx context.Context, control *jobs.Control) error {
		loc, err := p.locationByID(ctx, job.Location)
		if err != nil {
			return err
		}
		c := index.Control{Check: control.Check, Report: func(now index.Progress) {
			control.Report(now)
			if show != nil {
				show(now, control.Paused())
			}
		}}
		done, err = p.index(ctx, loc, c, agreed)
		return err
	})
	return done, err
}

// addReports is what two runs over one location did.
func addReports(a, b identify.Report) identify.Report {
	a.Files += b.Files
	a.Bytes += b.Bytes
	a.Proven += b.Proven
	a.Downloaded += b.Downloaded
	a.Took += b.Took
	a.Probable, a.Changed, a.Problems = b.Probable, b.Changed, b.Problems // what is left
	return a
}

// identifySummary says what was identified; "" if there was nothing to do.
func identifySummary(r identify.Report) string {
	if r.Files == 0 {
		return ""
	}
	text := counted(r.Proven, "file") + " identified in " + tookText(r.Took, r.Files)
	if r.Downloaded > 0 {
		text += ", " + size(r.Downloaded) + " downloaded"
	}
	if r.Probable > 0 {
		text += ", " + commas(r.Probable) + " known by a checksum or samples only"
	}
	return text
}
