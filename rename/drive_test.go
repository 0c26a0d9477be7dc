package rename

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"sd/backends"
	"sd/backends/mem"
)

// A rename that the service has done holds, whatever comes after it: what is there then, and
// what it shall carry, are further requests, which may get no answer.
func TestFileOfADriveHolds(t *testing.T) {
	for _, fails := range []string{"HEAD", "SETMETA"} {
		t.Run(fails, func(t *testing.T) {
			var renamed, broken atomic.Bool
			d := mem.NewDrive(mem.Config{
				Before: func(_ context.Context, op, _ string) error {
					if renamed.Load() && (op == fails || fails == "HEAD") {
						broken.Store(true)
						return backends.ErrOffline
					}
					return nil
				},
				After: func(_ context.Context, op, _ string) error {
					if op == "RENAME" {
						renamed.Store(true)
					}
					return nil
				},
			})
			r := newRig(t)
			from, err := d.Put(t.Context(), "a", strings.NewReader("content"), 7, backends.Meta{}, backends.Cond{})
			if err != nil {
				t.Fatal(err)
			}
			o := Options{}
			if fails == "SETMETA" {
				o.Meta = &backends.Meta{Mode: 0o600}
			}
			e, err := r.File(t.Context(), volume, d, from, "b", o)
			if !Holds(err) || e.Name != "b" || e.Size != 7 || !broken.Load() {
				t.Errorf("got %+v, %v", e, err)
			}
			renamed.Store(false)
			now, err := d.Stat(t.Context(), "b")
			if err != nil || now.Version != e.Version {
				t.Errorf("there is %+v, %v", now, err)
			}
			if _, err := d.Stat(t.Context(), "a"); err == nil {
				t.Error("the old name is still there")
			}
		})
	}
}
