package gcs

import (
	"context"
	"errors"
	iofs "io/fs"
	"maps"

	"sd/backends"

	sdk "google.golang.org/api/storage/v1"
)

// A write whose answer is lost is sent again, and then its own condition may refuse it,
// because the first request has done the work. So a refusal is not believed before the
// object that is there was compared with what should be there.

// refused judges a write of o that failed with err after some attempts. If by its
// condition, it has in truth been done if the object has our bytes and our metadata, and
// no other writer can have written the same: the time in it has a fraction of a second, or
// ours was sent before.
func (b *Backend) refused(ctx context.Context, err error, o *sdk.Object, size int64, c backends.Cond, attempts int) (backends.Entry, error) {
	err = conditional(err, c)
	at := form.ParseTime(o.Metadata[form.Time])
	switch {
	case c == backends.Cond{}, !errors.Is(err, backends.ErrChanged) && !errors.Is(err, iofs.ErrExist):
		return backends.Entry{}, err
	case attempts < 2 && at.Nanosecond() == 0, at.IsZero() && !hidden(o.Name):
		return backends.Entry{}, err
	}
	_, there, _ := b.look(ctx, o.Name, "")
	if there == nil || int64(there.Size) != size || there.Crc32c != o.Crc32c || !maps.Equal(there.Metadata, o.Metadata) {
		return backends.Entry{}, err
	}
	return entry(o.Name, there), nil
}
