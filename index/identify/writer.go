package identify

import (
	"context"
	"time"

	"sd/identity"
	"sd/library/catalog"
)

const (
	batchRows = 8192                   // results in one transaction
	batchTime = 250 * time.Millisecond // how long a result waits for others
	flushTime = 10 * time.Second       // for the last results of work that was stopped
)

// finding is what was found out about one version of a file. What is zero was not.
type finding struct {
	dir   catalog.FolderID
	name  string
	was   catalog.FileVersion
	proof catalog.Proof // Unknown: sum and print say nothing
	sum   identity.Sum
	print identity.Print
	hint  uint64
	kind  catalog.Kind
	sums  string
}

// writer puts findings into the catalog, in large transactions, by a goroutine of its own.
type writer struct {
	catalog *catalog.Catalog
	tally   *tally
	stop    context.CancelCauseFunc // of the work, if nothing can be written

	findings chan finding
	barriers chan chan struct{}
	over     chan struct{}
	err      error // once over is closed
}

func newWriter(ctx context.Context, c *catalog.Catalog, t *tally, stop context.CancelCauseFunc) *writer {
	w := &writer{
		catalog: c, tally: t, stop: stop,
		findings: make(chan finding, 1024), barriers: make(chan chan struct{}), over: make(chan struct{}),
	}
	go w.run(ctx)
	return w
}

// put hands a finding over.
func (w *writer) put(f finding) { w.findings <- f }

// flush returns when all that was put before is in the catalog, or cannot be.
func (w *writer) flush() {
	done := make(chan struct{})
	w.barriers <- done
	<-done
}

// close writes what is left. No put may follow.
func (w *writer) close() error {
	close(w.findings)
	<-w.over
	return w.err
}

func (w *writer) run(ctx context.Context) {
	defer close(w.over)
	batch := make([]finding, 0, batchRows)
	timer := time.NewTimer(batchTime)
	timer.Stop()
	write := func() {
		timer.Stop()
		if len(batch) > 0 && w.err == nil {
			if w.err = w.write(ctx, batch); w.err != nil {
				w.stop(w.err)
			}
		}
		batch = batch[:0]
	}
	for {
		select {
		case f, ok := <-w.findings:
			if !ok {
				write()
				return
			}
			if batch = append(batch, f); len(batch) == 1 {
				timer.Reset(batchTime)
			} else if len(batch) == batchRows {
				write()
			}
		case <-timer.C:
			write()
		case done := <-w.barriers:
			for n := len(w.findings); n > 0; n-- {
				batch = append(batch, <-w.findings)
			}
			write()
			close(done)
		}
	}
}

// write does one transaction. Work that was stopped keeps what it has found.
func (w *writer) write(ctx context.Context, batch []finding) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	var proven, stale int64
	err := w.catalog.Update(ctx, func(tx *catalog.Tx) error {
		for i := range batch {
			holds, err := apply(tx, &batch[i])
			switch {
			case err != nil:
				return err
			case batch[i].proof == catalog.Unknown:
			case holds:
				proven++
			default:
				stale++
			}
		}
		return nil
	})
	if err == nil {
		w.tally.proven.Add(proven)
		w.tally.changed.Add(stale)
	}
	return err
}

// apply writes one finding; false says that the file is another version by now.
func apply(tx *catalog.Tx, f *finding) (holds bool, err error) {
	if f.proof != catalog.Unknown {
		if holds, err = tx.Identify(f.dir, f.name, f.was, f.sum, f.print, f.proof); err != nil || !holds {
			return false, err
		}
	}
	if f.hint != 0 {
		if err := tx.SetHint(f.dir, f.name, f.was, f.hint); err != nil {
			return false, err
		}
	}
	if f.kind != catalog.KindUnknown {
		if err := tx.SetKind(f.dir, f.name, f.was, f.kind); err != nil {
			return false, err
		}
	}
	if f.sums != "" {
		if err := tx.SetSums(f.dir, f.name, f.was, f.sums); err != nil {
			return false, err
		}
	}
	return holds, nil
}
