package jobs

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

// A job has one owner at a time, also while its files are removed as it ends and made again.
func TestLockThatIsRemoved(t *testing.T) {
	f := files{dir: t.TempDir(), id: 1}
	var owners, took atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				lock, err := f.take()
				if errors.As(err, new(*BusyError)) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				took.Add(1)
				if n := owners.Add(1); n != 1 {
					t.Errorf("%d have the lock", n)
				}
				for range 20 { // it has it for a while
					_ = f.setReport(report{})
				}
				owners.Add(-1)
				f.remove()
				lock.Close()
			}
		})
	}
	wg.Wait()
	if took.Load() == 0 {
		t.Error("nobody got the lock")
	}
}
