//go:build unix

package identify

import (
	"context"
	"errors"
	iofs "io/fs"
	"strings"
	"sync"

	"sd/identity"
	"sd/library/catalog"
)

// chunkFiles is how many files of a folder a goroutine takes at a time.
const chunkFiles = 32

// chunk is some files of one folder.
type chunk struct {
	dir   catalog.FolderID
	path  string // of the folder, from "/", without a slash at either end
	files []catalog.File
	whole bool // read also the large ones, to their end
	again bool // large ones that fail come again
}

// local identifies what is unproven below a folder of this device.
func (r *run) local(ctx context.Context) error {
	first := func(f *catalog.File) bool {
		return f.Size <= identity.SmallSize || f.Hint == 0
	}
	if err := r.walk(ctx, false, first); err != nil {
		return err
	}
	r.writer.flush() // the hints tell who has a twin
	if err := r.twins(ctx); err != nil {
		return err
	}
	r.writer.flush()
	return r.walk(ctx, true, func(f *catalog.File) bool { return f.Size > identity.SmallSize })
}

// walk has all unproven files examined that want says.
func (r *run) walk(ctx context.Context, whole bool, want func(*catalog.File) bool) error {
	return r.crew(ctx, func(give func(chunk) error) error {
		next := chunk{whole: whole, again: !whole}
		send := func() error {
			if len(next.files) == 0 {
				return nil
			}
			dir, err := r.folder(ctx, next.dir)
			c := next
			next.files = nil
			switch {
			case errors.Is(err, iofs.ErrNotExist):
				r.tally.changed.Add(int64(len(c.files)))
				return nil
			case err != nil:
				return err
			}
			c.path = dir
			return give(c)
		}
		err := r.catalog.EachFile(ctx, catalog.FileQuery{Under: r.under, Unproven: true}, func(dir catalog.FolderID, f *catalog.File) error {
			if !want(f) {
				return nil
			}
			if dir != next.dir || len(next.files) == chunkFiles || whole {
				if err := send(); err != nil {
					return err
				}
				next.dir = dir
			}
			next.files = append(next.files, *f)
			return nil
		})
		if err != nil {
			return err
		}
		return send()
	})
}

// twins has the large files read first that may be copies of others.
func (r *run) twins(ctx context.Context) error {
	return r.crew(ctx, func(give func(chunk) error) error {
		return r.catalog.EachProbable(ctx, func(_ uint64, files []catalog.Copy) error {
			for _, c := range files {
				if c.File.Proof.Proven() || c.File.Type != catalog.Regular || c.File.Size <= identity.SmallSize || !r.loc.Holds(c.Place, c.Path) {
					continue
				}
				dir := strings.TrimSuffix(strings.TrimSuffix(c.Path, c.File.Name), "/")
				if err := give(chunk{dir: c.Folder, path: dir, files: []catalog.File{c.File}, whole: true, again: true}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// crew runs produce, whose chunks go to some goroutines. It returns when all are done with.
func (r *run) crew(ctx context.Context, produce func(give func(chunk) error) error) error {
	chunks := make(chan chunk)
	var wg sync.WaitGroup
	for range r.workers {
		wg.Go(func() {
			x := &examiner{passed: func(n int64) { r.passed(ctx, n) }}
			for c := range chunks {
				r.examine(ctx, x, c)
			}
		})
	}
	err := produce(func(c chunk) error {
		if err := r.gate.check(ctx); err != nil {
			return err
		}
		select {
		case chunks <- c:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(chunks)
	wg.Wait()
	return err
}

// passed counts bytes of a large file, and lets the work pause in its midst.
func (r *run) passed(ctx context.Context, n int64) {
	r.tally.bytes.Add(n)
	r.tally.read.Add(n)
	if err := r.gate.check(ctx); err != nil {
		r.stop(err)
	}
}

// examine reads the files of a chunk.
func (r *run) examine(ctx context.Context, x *examiner, c chunk) {
	dir, err := openFolder(c.path)
	if err == nil {
		defer dir.close()
	}
	for i := range c.files {
		if ctx.Err() != nil {
			return
		}
		f := &c.files[i]
		found, failed := finding{}, err
		x.read = 0
		if failed == nil {
			found, failed = x.examine(ctx, dir, f.Name, f.FileVersion(), c.whole, f.Kind == catalog.KindUnknown)
		}
		if failed == nil && found.proof == catalog.Read {
			failed = compareKept(ctx, r.cfg.Library, r.loc.Place, join(c.path, f.Name), dir, f, found.sum)
		}
		if failed == nil && found.proof == catalog.Unknown {
			found.dir = c.dir
			r.tally.read.Add(identity.PrintSize)
			r.writer.put(found) // only a hint
			continue
		}
		if failed != nil && ctx.Err() != nil {
			return // it was stopped in its midst
		}
		if failed != nil && c.again && f.Size > identity.SmallSize {
			r.tally.bytes.Add(-x.read)
			continue
		}
		r.tally.bytes.Add(f.Size - x.read)
		if failed == nil {
			r.tally.read.Add(f.Size - x.read)
		}
		r.settle(ctx, c.dir, join(c.path, f.Name), found, failed)
	}
}
