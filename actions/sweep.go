package actions

import (
	"bytes"
	"context"
	"time"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
)

// sweepMargin is for clocks that go differently fast, and for what is on its way.
const sweepMargin = time.Minute

// sweep ends uploads in parts of To that this job has begun without living to note their ids.
// Where that cannot be found out they stay, until the store's own rules end them.
func (r *run) sweep(ctx context.Context, s *steps.Step) {
	to, ok := r.stores[s.To.Store].(*stores.Volume)
	if !ok || s.Kind != stores.File {
		return
	}
	uploader, ok := to.Backend().(backends.Uploader)
	if !ok || s.Size < uploader.Limits().MinPart {
		return
	}
	sweeper, ok := to.Backend().(backends.UploadSweeper)
	if !ok {
		return
	}
	saved := r.saved(s.N)
	age := time.Since(r.created) + sweepMargin
	err := sweeper.SweepUploads(ctx, s.To.Name, age, func(id string) bool { return bytes.Contains(saved, []byte(id)) })
	if err != nil && ctx.Err() == nil {
		r.e.log.Warn("parts of an upload may be left behind", "job", r.job, "file", to.URI(s.To.Name), "err", err)
	}
}
