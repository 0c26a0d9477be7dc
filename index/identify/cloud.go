//go:build unix

package identify

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"sd/backends"
	"sd/identity"
	"sd/library/catalog"
)

const (
	// cloudWorkers is how many objects are asked for or fetched at the same time.
	cloudWorkers = 16
	// factRows is how many objects of a folder are looked up in the library at a time.
	factRows = 1024
	// maxCandidates bounds the memory for contents that objects are compared with; more
	// are compared in rounds.
	maxCandidates = 100_000
)

// cloud identifies objects of a volume. No content is downloaded unless that is allowed.
type cloud struct {
	*run
	volume  string // its fingerprint
	backend backends.Backend
	tops    map[catalog.FolderID]catalog.Place
	asked   sync.Map // names of objects that a HEAD was spent on
}

// object is an unproven object.
type object struct {
	dir  catalog.FolderID
	name string // in the volume
	file catalog.File
}

func (c *cloud) identify(ctx context.Context) (err error) {
	if c.tops, err = c.catalog.Places(ctx); err != nil {
		return err
	}
	sizes, err := c.stored(ctx)
	if err != nil {
		return err
	}
	c.writer.flush()
	if err := c.compare(ctx, sizes); err != nil {
		return err
	}
	c.writer.flush()
	if c.options.Deep {
		return c.each(ctx, nil, c.download)
	}
	c.rest()
	return nil
}

// rest counts the objects of which nothing more can be known.
func (c *cloud) rest() {
	t := &c.tally
	t.probable.Store(max(0, t.totalFiles-t.proven.Load()-t.changed.Load()-t.problems.Load()))
	t.files.Store(t.totalFiles)
	t.bytes.Store(t.totalBytes)
}

// dirPath is the path of a folder in the volume, with a slash behind unless it is the top.
func (c *cloud) dirPath(ctx context.Context, id catalog.FolderID) (string, error) {
	if _, top := c.tops[id]; top {
		return "", nil
	}
	dir, err := c.folder(ctx, id)
	return dir + "/", err
}

// stored takes over what the library remembers of objects that sd has written, and gives
// the others a hint. It returns the sizes of these, in order.
func (c *cloud) stored(ctx context.Context) (sizes []int64, err error) {
	var batch []catalog.File
	var at catalog.FolderID
	full := 1 << 16
	send := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := c.gate.check(ctx); err != nil {
			return err
		}
		known, err := c.facts(ctx, at, batch)
		if err != nil {
			return err
		}
		for i := range batch {
			f := &batch[i]
			if sum, ok := known[f.Name]; ok {
				c.settle(ctx, at, f.Name, finding{name: f.Name, was: f.FileVersion(), proof: catalog.Stored, sum: sum}, nil)
				c.tally.bytes.Add(f.Size)
				continue
			}
			if sizes = append(sizes, f.Size); len(sizes) == full { // most come again and again
				slices.Sort(sizes)
				sizes = slices.Compact(sizes)
				full = max(full, 2*len(sizes))
			}
			if hint := hintOf(f); hint != f.Hint {
				c.writer.put(finding{dir: at, name: f.Name, was: f.FileVersion(), hint: hint})
			}
		}
		batch = batch[:0]
		return nil
	}
	err = c.catalog.EachFile(ctx, catalog.FileQuery{Under: c.under, Unproven: true}, func(dir catalog.FolderID, f *catalog.File) error {
		if dir != at || len(batch) == factRows {
			if err := send(); err != nil {
				return err
			}
			at = dir
		}
		batch = append(batch, *f)
		return nil
	})
	if err == nil {
		err = send()
	}
	slices.Sort(sizes)
	return slices.Compact(sizes), err
}

// facts are the BLAKE3s that the library remembers of these versions of a folder's files,
// which are in order.
func (c *cloud) facts(ctx context.Context, dir catalog.FolderID, files []catalog.File) (map[string]identity.Sum, error) {
	path, err := c.dirPath(ctx, dir)
	if err != nil {
		return nil, skipGone(err)
	}
	versions := make(map[string]string, len(files))
	for i := range files {
		versions[files[i].Name] = files[i].Version
	}
	known := map[string]identity.Sum{}
	err = c.cfg.Library.EachFact(ctx, c.volume, path[:max(0, len(path)-1)], files[0].Name, files[len(files)-1].Name,
		func(name, version string, data []byte) {
			if want, ok := versions[name]; !ok || want != version {
				return
			}
			var fact struct{ Meta backends.Meta } // as package fs writes it
			if json.Unmarshal(data, &fact) != nil {
				return
			}
			if sum, ok := storedSum(&fact.Meta); ok {
				known[name] = sum
			}
		})
	return known, err
}

// storedSum is the BLAKE3 that sd has stored with an object.
func storedSum(m *backends.Meta) (identity.Sum, bool) {
	if m == nil || m.BLAKE3 == "" {
		return identity.Sum{}, false
	}
	sum, err := identity.ParseSum(m.BLAKE3)
	return sum, err == nil
}

// each has the unproven objects that want says (nil: all) worked on, several at a time.
func (c *cloud) each(ctx context.Context, want func(*catalog.File) bool, work func(context.Context, *object)) error {
	objects := make(chan object)
	var wg sync.WaitGroup
	for range c.workers {
		wg.Go(func() {
			for o := range objects {
				if ctx.Err() == nil {
					work(ctx, &o)
				}
			}
		})
	}
	var at catalog.FolderID
	var path string
	err := c.catalog.EachFile(ctx, catalog.FileQuery{Under: c.under, Unproven: true}, func(dir catalog.FolderID, f *catalog.File) (err error) {
		if want != nil && !want(f) {
			return nil
		}
		if dir != at {
			if path, err = c.dirPath(ctx, dir); err != nil {
				return skipGone(err)
			}
			at = dir
		}
		if err := c.gate.check(ctx); err != nil {
			return err
		}
		select {
		case objects <- object{dir, path + f.Name, *f}:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(objects)
	wg.Wait()
	return err
}

// fail takes an error about one object. A volume that cannot be reached ends the work: the
// others would fail as well.
func (c *cloud) fail(ctx context.Context, o *object, err error) {
	if errors.Is(err, backends.ErrOffline) {
		c.stop(err)
		return
	}
	c.settle(ctx, o.dir, o.name, finding{}, err)
}
