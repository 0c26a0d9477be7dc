package search

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"sd/library"
	"sd/library/catalog"
)

const (
	// freshFiles is how many files may have changed before a search makes a new pack: reading that
	// many takes about as long as a search may.
	freshFiles = 20_000
	// freshFew is how many changes Pack leaves for later unless it is forced to.
	freshFew = 1000
)

// Pack brings the name pack up to date: it makes a new one from what the catalog has now, unless there
// is a sound one and, without force, so little has changed that searches take that from the catalog as
// quickly. It takes about two seconds for a million files and memory for the folders only. Searches
// go on meanwhile. One process at a time packs a library; others wait for it until ctx ends.
func Pack(ctx context.Context, lib *library.Library, force bool) error {
	return repack(ctx, lib, func(id string, fresh int64) bool {
		return force || fresh > freshFew || id == "" && fresh > 0 || id != "" && !sound(ctx, lib, id)
	})
}

// repack makes a new pack if wanted says so of the one that there is, its id and how many changes
// it does not have. No other process makes one meanwhile.
func repack(ctx context.Context, lib *library.Library, wanted func(id string, fresh int64) bool) error {
	unlock, err := lockPacks(ctx, lib.Dir())
	if err != nil {
		return err
	}
	defer unlock()
	var id string
	var fresh int64
	err = lib.Catalog().View(ctx, func(v *catalog.View) (err error) {
		if id, err = v.Pack(); err == nil {
			fresh, err = v.FreshCount()
		}
		return err
	})
	if err != nil || !wanted(id, fresh) {
		return err
	}
	return makePack(ctx, lib)
}

// sound tells whether the pack id is there and no piece of it damaged.
func sound(ctx context.Context, lib *library.Library, id string) bool {
	info, err := lib.Info(ctx)
	if err != nil {
		return false
	}
	p, err := mapPack(lib.Dir(), id, info.ID)
	if err != nil {
		return false
	}
	defer p.unpin()
	return p.check() == nil
}

// makePack writes a pack and puts it in the place of all others.
func makePack(ctx context.Context, lib *library.Library) error {
	info, err := lib.Info(ctx)
	if err != nil {
		return err
	}
	dir, c := lib.Dir(), lib.Catalog()
	head := header{library: info.ID, id: uuid.New()}
	removePacks(dir, "") // what a process left that was killed
	f, err := os.CreateTemp(dir, ".names-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var upTo int64
	err = c.View(ctx, func(v *catalog.View) (err error) {
		if _, upTo, err = v.Fresh(1); err != nil {
			return err
		}
		return writePack(f, head, &interruptible{ctx, v})
	})
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	id := head.id.String()
	if err := os.Rename(f.Name(), packPath(dir, id)); err != nil {
		return err
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	if err := c.Update(ctx, func(tx *catalog.Tx) error { return tx.SetPack(id, upTo) }); err != nil {
		return err
	}
	removePacks(dir, id)
	return nil
}

// interruptible is a source that ends with ctx.
type interruptible struct {
	ctx context.Context
	source
}

func (s *interruptible) EachFile(fn func(catalog.FolderID, *catalog.File) error) error {
	n := 0
	return s.source.EachFile(func(id catalog.FolderID, f *catalog.File) error {
		if n++; n%blockFiles == 0 {
			if err := s.ctx.Err(); err != nil {
				return err
			}
		}
		return fn(id, f)
	})
}

// removePacks removes the packs but the one of that id, or only unfinished ones for "". Who has one
// mapped keeps it.
func removePacks(dir, id string) {
	names, err := filepath.Glob(filepath.Join(globEscape(dir), ".names-*.tmp"))
	if err == nil && id != "" {
		var old []string
		old, err = filepath.Glob(filepath.Join(globEscape(dir), "names-*.pack"))
		names = append(names, old...)
	}
	if err != nil {
		return
	}
	for _, name := range names {
		if id == "" || name != packPath(dir, id) {
			_ = os.Remove(name)
		}
	}
}

func globEscape(dir string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// lockPacks holds the lock of those who write packs below dir until unlock is called.
func lockPacks(ctx context.Context, dir string) (unlock func(), err error) {
	locks := filepath.Join(dir, "locks")
	if err := os.Mkdir(locks, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(locks, "names"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			f.Close()
			return nil, &os.PathError{Op: "flock", Path: f.Name(), Err: err}
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-retry.C:
		}
	}
}
