package staging_test

import (
	"context"
	"sync/atomic"
	"testing"

	"sd/backends"
	"sd/backends/mem"
	"sd/staging"
)

// TestUploadThatIsGone has the store forget an upload whose parts were sent while the file
// was written, as one does after a week, or when somebody else has written the file. Sync
// sends all of it again.
func TestUploadThatIsGone(t *testing.T) {
	var b *mem.Store
	var forgot atomic.Bool
	b = mem.New(mem.Config{Limits: small, Before: func(ctx context.Context, op, name string) error {
		if op == "COMPLETE" && forgot.CompareAndSwap(false, true) {
			for _, id := range b.Uploads() {
				u, err := b.Upload(ctx, name, id, backends.Meta{})
				if err == nil {
					err = u.Abort(ctx)
				}
				if err != nil {
					t.Error(err)
				}
			}
		}
		return nil
	}})
	s := newStore(t, staging.Config{PartSize: smallPart})
	f := create(t, s, b, "f")
	want := random(1, 5*smallPart)
	write(t, f, 0, want)
	eventually(t, "parts are sent", func() bool { return b.Stats().Requests["PART"] > 0 })
	mustSync(t, f)
	wantObject(t, b, "f", want)
	if !forgot.Load() {
		t.Error("no upload was forgotten")
	}
}
