package actions

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"sd/actions/steps"
	"sd/actions/stores"
)

// counts are the numbers of Progress that change all the time.
type counts struct {
	files, bytes          atomic.Int64 // ended
	done, skipped, failed atomic.Int64
	through               atomic.Int64 // of this run
	moving                atomic.Int64 // bytes of files under way
	atFiles, atBytes      int64        // what this run found done
}

// count adds a record to the totals; earlier tells that another run made it. r.mu is held.
func (r *run) count(s *steps.Step, rec *steps.Record, earlier bool) {
	bytes, counts := s.Work()
	o := &r.outcome
	if counts {
		r.counts.files.Add(1)
		r.counts.bytes.Add(bytes)
		if earlier {
			r.counts.atFiles++
			r.counts.atBytes += bytes
		}
	}
	o.Through += rec.Bytes
	if !earlier {
		r.counts.through.Add(rec.Bytes)
	}
	switch rec.State {
	case steps.Failed:
		if counts {
			r.counts.failed.Add(1)
		}
		o.Failed++
		if len(o.Failures) < maxFailures {
			o.Failures = append(o.Failures, r.failure(s, rec))
		}
	case steps.Skipped:
		if counts {
			r.counts.skipped.Add(1)
			o.Skipped++
		}
	case steps.Done:
		if counts {
			r.counts.done.Add(1)
		}
		o.add(s, rec)
	}
}

// add counts a step that was done.
func (o *Outcome) add(s *steps.Step, rec *steps.Record) {
	folder := s.Kind == stores.Dir
	switch s.Op {
	case steps.OpMkdir:
		o.Folders++
	case steps.OpCopy:
		o.Copied.Add(s.Size)
		o.method(rec.Method, s.Size)
	case steps.OpRename:
		if folder {
			o.Whole.Moved++
			break
		}
		o.Moved.Add(s.Size)
		o.method(steps.Rename, s.Size)
	case steps.OpLink:
		o.Linked++
	case steps.OpRemove:
		if s.After != 0 {
			o.Moved.Add(s.Size)
		} else {
			o.Removed++
		}
	case steps.OpTrash:
		if folder {
			o.Whole.Trashed++
			break
		}
		o.Trashed++
	case steps.OpRestore:
		if folder {
			o.Whole.Restored++
			break
		}
		o.Restored++
	}
	if rec.Err != "" {
		if o.Lost == nil {
			o.Lost = make(map[string]int64)
		}
		for code := range strings.SplitSeq(rec.Err, ",") {
			o.Lost[code]++
		}
	}
}

func (o *Outcome) method(m steps.Method, bytes int64) {
	if o.Methods == nil {
		o.Methods = make(map[string]steps.Count)
	}
	c := o.Methods[m.String()]
	c.Add(bytes)
	o.Methods[m.String()] = c
}

// failure describes a step that has failed.
func (r *run) failure(s *steps.Step, rec *steps.Record) Failure {
	ctx := context.Background() // the stores are open
	return Failure{
		N: s.N, Op: s.Op.String(), Err: rec.Err,
		From: r.e.uri(ctx, r.header.Stores, s.From), To: r.e.uri(ctx, r.header.Stores, s.To),
	}
}

// progress is how far the job is. r.mu is held.
func (r *run) progress() Progress {
	p := Progress{
		Phase: "running", Files: r.counts.files.Load(), Bytes: r.counts.bytes.Load() + r.counts.moving.Load(),
		TotalFiles: r.header.Work.Files, TotalBytes: r.header.Work.Bytes,
		Done: r.counts.done.Load(), Skipped: r.counts.skipped.Load(), Failed: r.counts.failed.Load(),
		Through: r.counts.through.Load(), Waiting: r.waiting(), Began: r.began, Now: time.Now(),
		AtFiles: r.counts.atFiles, AtBytes: r.counts.atBytes,
	}
	if p.Waiting != "" {
		p.Phase = "waiting"
	}
	for i := range r.active {
		s := r.active[i].Load()
		if s == nil || len(p.Current) == maxCurrent {
			continue
		}
		ref := s.From
		if ref == (steps.Ref{}) {
			ref = s.To
		}
		p.Current = append(p.Current, r.e.uri(context.Background(), r.header.Stores, ref))
	}
	return p
}

// maxCurrent is how many files a Progress names.
const maxCurrent = 4

// attend reports how far the job is until ctx ends.
func (r *run) attend(ctx context.Context, show func(Progress)) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r.mu.Lock()
		p := r.progress()
		r.mu.Unlock()
		r.control.Report(p)
		if show != nil {
			show(p)
		}
	}
}
