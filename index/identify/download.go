//go:build unix

package identify

import (
	"bufio"
	"context"

	"sd/identity"
	"sd/library/catalog"
)

// download reads a whole object of the version in the catalog.
func (c *cloud) download(ctx context.Context, o *object) {
	found, err := c.fetch(ctx, o)
	if err != nil {
		c.fail(ctx, o, err)
		return
	}
	c.settle(ctx, o.dir, o.name, found, nil)
}

func (c *cloud) fetch(ctx context.Context, o *object) (finding, error) {
	found := finding{name: o.file.Name, was: o.file.FileVersion(), proof: catalog.Read}
	body, e, err := c.backend.Get(ctx, o.name, o.file.Version, 0, -1)
	if err != nil {
		return found, err
	}
	defer body.Close()
	if e.Version != o.file.Version || e.Size != o.file.Size {
		return found, ErrChanged
	}
	r := bufio.NewReaderSize(body, 64<<10)
	if o.file.Kind == catalog.KindUnknown {
		head, _ := r.Peek(magicSize) // shorter at the end or at an error, which comes again
		found.kind = KindOf(head)
	}
	read := int64(0)
	found.sum, found.print, err = identity.Read(ctx, r, o.file.Size, func(n int64) {
		read += n
		c.tally.downloaded.Add(n)
		c.passed(ctx, n)
	})
	if err != nil {
		c.tally.bytes.Add(-read)
	}
	return found, err
}
