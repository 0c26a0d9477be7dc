package s3

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	iofs "io/fs"
	"maps"

	"sd/backends"
	"sd/backends/internal/source"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
)

// A write whose answer is lost is sent again, and then its own condition may refuse it,
// because the first request has done the work. So a refusal is not believed before the
// object that is there was compared with what should be there.

// refused judges a PUT that failed with err after some attempts. If by its condition,
// it has in truth been done if the object has our bytes and our metadata, and no other
// writer can have written the same: the time in it has a fraction of a second, or ours
// was sent before.
func (b *Backend) refused(ctx context.Context, err error, in sdk.PutObjectInput, body *source.Source, m backends.Meta, c backends.Cond, attempts int) (backends.Entry, error) {
	err = conditional(err, c)
	switch {
	case c == backends.Cond{}, !errors.Is(err, backends.ErrChanged) && !errors.Is(err, iofs.ErrExist):
		return backends.Entry{}, err
	case m.ModTime.IsZero(), m.ModTime.Nanosecond() == 0 && attempts < 2:
		return backends.Entry{}, err
	}
	e, out, missing := b.look(ctx, *in.Key, "")
	if missing != nil || e.Size != body.Size() || !maps.Equal(out.Metadata, in.Metadata) {
		return backends.Entry{}, err
	}
	if m.BLAKE3 == "" && !sameBytes(e, body) {
		return backends.Entry{}, err
	}
	return e, nil
}

// sameBytes compares an object with what is in body by the checksum that its version tells.
func sameBytes(e backends.Entry, body *source.Source) bool {
	known, ok := sum(e.Version)
	if !ok || known.Algorithm != "md5" {
		return false
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return false
	}
	digest := md5.New()
	if _, err := io.Copy(digest, body); err != nil {
		return false
	}
	return hex.EncodeToString(digest.Sum(nil)) == known.Hex
}
