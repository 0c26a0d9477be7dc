package azblob

import (
	"bytes"
	"context"
	"errors"
	iofs "io/fs"
	"maps"

	"sd/backends"
)

// A write whose answer is lost is sent again, and then its own condition may refuse it,
// because the first request has done the work. So a refusal is not believed before the
// blob that is there was compared with what should be there.

// refused judges a write that failed with err after some attempts. If by its condition, it
// has in truth been done if the blob has our bytes and our metadata, and no other writer
// can have written the same: the time in it has a fraction of a second, or ours was sent
// before.
func (b *Backend) refused(ctx context.Context, err error, w writing, size int64, digest []byte, attempts int) (backends.Entry, error) {
	err = conditional(err, w.cond)
	switch {
	case w.cond == backends.Cond{}, !errors.Is(err, backends.ErrChanged) && !errors.Is(err, iofs.ErrExist):
		return backends.Entry{}, err
	case w.meta.ModTime.IsZero(), w.meta.ModTime.Nanosecond() == 0 && attempts < 2:
		return backends.Entry{}, err
	}
	e, out, missing := b.look(ctx, w.name, "")
	if missing != nil || e.Size != size || !maps.Equal(fold(out.Metadata), w.metadata) {
		return backends.Entry{}, err
	}
	if len(digest) == 0 || !bytes.Equal(out.ContentMD5, digest) {
		return backends.Entry{}, err
	}
	return e, nil
}
