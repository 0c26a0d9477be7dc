package guardian

import (
	"context"
	"errors"
	iofs "io/fs"
	"time"

	"sd/identity"
	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
)

// rotten handles a file here that holds other bytes than expected. It is read a second time:
// what two readings tell differently is a fault on the way, not in the file.
func (v *verifier) rotten(ctx context.Context, c *catalog.Copy, r reading, expected identity.Sum, f *Finding) error {
	again, err := v.read(ctx, "/"+c.Path, func(int64) {})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errTouched) || errors.Is(err, errNoFile) || err == nil && again.version != r.version:
		f.Verdict, f.Why = Changed, errTouched.Error()
		return nil
	case err != nil:
		f.Verdict, f.Why = Unreadable, sayMissing(err).Error()
		return nil
	case again.sum != r.sum:
		f.Verdict, f.Why = Unreadable, "two readings gave different bytes: check memory, cable and disk"
		return nil
	}
	f.Verdict, f.Expected, f.Actual, f.Why = Rotten, expected, r.sum, sayRot(c, r.version)
	if known, ok := v.known[rotKey{c.Place, c.Path}]; ok && known.Size == r.version.Size && known.ModTime == r.version.ModTime {
		f.Why = "found on " + known.Found.Local().Format(time.DateTime) + ", and neither restored nor written since"
	}
	return v.disprove(ctx, c, f, r.version)
}

// sayRot says what ctime and inode tell of how it came to that.
func sayRot(c *catalog.Copy, now catalog.FileVersion) string {
	if c.File.Version == now.Version {
		return "nothing wrote to it since it was identified, so its disk gives other bytes than it was given"
	}
	then, _ := identity.Inode(c.File.Version)
	inode, _ := identity.Inode(now.Version)
	if then != inode {
		return "another file of the same size and time took its name; whoever put it there may have copied it wrong"
	}
	ctime, _ := identity.Ctime(now.Version)
	return "its ctime is " + time.Unix(0, ctime).Format(time.DateTime) +
		": a program wrote to it and set its time back, or only its mode, owner or names changed and its disk gives other bytes"
}

// disprove sees to it that a rotten file is taken for no copy, under any of its names, and
// remembers what it held. Then it looks for a copy of that.
func (v *verifier) disprove(ctx context.Context, c *catalog.Copy, f *Finding, now catalog.FileVersion) error {
	note := library.Rot{Place: c.Place, Path: c.Path, Size: now.Size, ModTime: now.ModTime, Expected: f.Expected, Actual: f.Actual}
	if known, ok := v.known[rotKey{c.Place, c.Path}]; ok && known.Size == note.Size && known.ModTime == note.ModTime {
		note.Found = known.Found
	}
	if err := v.guardian.library.NoteRot(ctx, note); err != nil {
		return err
	}
	err := v.disproveNames(ctx, c, f.Expected)
	if err != nil {
		return err
	}
	f.Good, err = v.good(ctx, f)
	return err
}

// disproveNames takes a content from a file and its hard links, if it has that content. Once
// it was identified anew it has that of the bytes that are there, which is true.
func (v *verifier) disproveNames(ctx context.Context, c *catalog.Copy, expected identity.Sum) error {
	content, err := v.guardian.catalog.ContentByKey(ctx, c.File.Content)
	if errors.Is(err, iofs.ErrNotExist) || err == nil && content.BLAKE3 != expected {
		return nil
	}
	if err != nil {
		return err
	}
	copies, err := v.guardian.catalog.Copies(ctx, content.Key)
	if err != nil {
		return err
	}
	return v.guardian.catalog.Update(ctx, func(tx *catalog.Tx) error {
		for _, o := range copies {
			link := o.Place == c.Place && o.Place.Local() && o.File.Version == c.File.Version
			if link || o.Place == c.Place && o.Path == c.Path {
				if err := tx.Disprove(o.Folder, o.File.Name, o.File.FileVersion()); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// good finds the best other copy of what a file held. One on this device is read first: it
// may be rotten as well.
func (v *verifier) good(ctx context.Context, f *Finding) (*Good, error) {
	rotten, err := v.guardian.resolver.URI(f.Place, f.Path)
	if err != nil {
		return nil, err
	}
	_, sources, err := v.guardian.resolver.Sources(ctx, f.Expected.ContentID())
	if errors.As(err, new(*resolver.NotIndexedError)) {
		return nil, nil // swept, since nothing else holds it
	}
	if err != nil {
		return nil, err
	}
	for _, s := range sources {
		if !s.Usable || s.Path == rotten {
			continue
		}
		if s.Place != v.check.here {
			return &Good{URI: s.Path}, nil
		}
		r, err := v.read(ctx, s.Name, func(int64) {})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil && r.sum == f.Expected {
			return &Good{URI: s.Path, Read: true}, nil
		}
	}
	return nil, nil
}
