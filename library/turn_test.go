package library

import (
	"context"
	"sync/atomic"
	"testing"

	"sd/library/catalog"
)

// busyCatalog writes one transaction after the other until the returned function is called; begun counts them.
func busyCatalog(t *testing.T, l *Library, begun *atomic.Int64) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	first := make(chan struct{})
	go func() {
		defer close(over)
		for ctx.Err() == nil {
			err := l.Catalog().Update(context.WithoutCancel(ctx), func(tx *catalog.Tx) error {
				if begun.Add(1) == 1 {
					close(first)
				}
				root, err := tx.Root("device:a")
				for i := 0; err == nil && i < 20_000; i++ {
					_, _, err = tx.File(root, "x")
				}
				return err
			})
			if err != nil {
				t.Error(err)
				return
			}
		}
	}()
	<-first
	return func() { cancel(); <-over }
}

// A scan or a removal that writes one transaction after the other lets others write in between.
func TestOthersGetTheirTurn(t *testing.T) {
	data := t.TempDir()
	busy := mustOpen(t, data, "")
	other := mustOpen(t, data, "") // as another process has it
	for name, l := range map[string]*Library{"same": busy, "other": other} {
		t.Run(name, func(t *testing.T) {
			var begun atomic.Int64
			stop := busyCatalog(t, busy, &begun)
			before := begun.Load()
			if err := l.SetSetting(t.Context(), "color", name); err != nil {
				t.Fatal(err)
			}
			if n := begun.Load() - before; n > 3 {
				t.Errorf("%d transactions began while one waited, want at most 3", n)
			}
			stop()
		})
	}
}
