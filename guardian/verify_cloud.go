package guardian

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"

	"sd/backends"
	"sd/identity"
	"sd/library/catalog"
)

// object downloads an object and says in f what it holds.
func (v *verifier) object(ctx context.Context, c *catalog.Copy, f *Finding) {
	sum, print, err := v.download(ctx, c)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		f.Verdict, f.Why = Missing, "it is no longer there"
		return
	case errors.Is(err, backends.ErrChanged):
		f.Verdict, f.Why = Changed, "it was replaced since it was indexed: 'sd location rescan' looks at it again"
		return
	case err != nil:
		f.Verdict, f.Why = Unreadable, sayMissing(err).Error()
		return
	}
	r := reading{version: c.File.FileVersion(), sum: sum, print: print}
	expected, err := v.expected(ctx, c, r.version)
	if err == nil {
		switch {
		case expected == sum:
			f.Verdict = Intact
			err = v.identify(ctx, c, r)
		case expected == (identity.Sum{}):
			f.Verdict, f.Why = Identified, "its content was not known"
			err = v.identify(ctx, c, r)
		default:
			f.Verdict, f.Expected, f.Actual = Rotten, expected, sum
			f.Why = "its store gives other bytes than it was given, under the same version"
			err = v.disprove(ctx, c, f, r.version)
		}
	}
	if err != nil {
		v.stop(err)
	}
}

// download reads all of the version that is indexed.
func (v *verifier) download(ctx context.Context, c *catalog.Copy) (identity.Sum, identity.Print, error) {
	uri, err := v.guardian.resolver.URI(c.Place, c.Path)
	if err != nil {
		return identity.Sum{}, 0, err
	}
	volume, name, err := v.guardian.resolver.Resolve(ctx, uri)
	if err != nil {
		return identity.Sum{}, 0, err
	}
	body, e, err := volume.Backend.Get(ctx, name, c.File.Version, 0, -1)
	if err != nil {
		return identity.Sum{}, 0, err
	}
	defer body.Close()
	if e.Size != c.File.Size {
		return identity.Sum{}, 0, backends.ErrChanged
	}
	h, taken := identity.New(), newTaken(c.File.Size)
	buf := make([]byte, 256<<10)
	var n int64
	for {
		k, err := body.Read(buf)
		h.Write(buf[:k])
		taken.take(n, buf[:k])
		n += int64(k)
		v.query.Progress(int64(k))
		if err == io.EOF {
			break
		}
		if err != nil {
			return identity.Sum{}, 0, err
		}
	}
	if n != c.File.Size {
		return identity.Sum{}, 0, fmt.Errorf("it ended after %d of %d bytes", n, c.File.Size)
	}
	return h.Sum(), taken.print(), nil
}

// taken keeps of the bytes that pass those that make the fingerprint.
type taken struct {
	size  int64
	spans []identity.Span
	bytes []byte
}

func newTaken(size int64) *taken {
	t := &taken{size: size, spans: identity.PrintSpans(size)}
	for _, s := range t.spans {
		t.bytes = append(t.bytes, make([]byte, s.Len)...)
	}
	return t
}

// take is given the bytes at off.
func (t *taken) take(off int64, b []byte) {
	at := t.bytes
	for _, s := range t.spans {
		from, to := max(off, s.Off), min(off+int64(len(b)), s.Off+s.Len)
		if from < to {
			copy(at[from-s.Off:], b[from-off:to-off])
		}
		at = at[s.Len:]
	}
}

func (t *taken) print() identity.Print { return identity.PrintOf(t.size, t.bytes) }
