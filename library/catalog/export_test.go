package catalog

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// SmallPages makes c page often and take folders for large.
func (c *Catalog) SmallPages() {
	c.limits = limits{pageRows: 3, sliceFiles: 4, smallFolder: 3, sweepRows: 3}
}

// SweepAt is Sweep at another time.
func (c *Catalog) SweepAt(ctx context.Context, now time.Time) (int64, error) {
	return c.sweep(ctx, now)
}

// Squeeze makes c page often, take folders for large and give all contents one of few Keys.
func (c *Catalog) Squeeze(keys int) {
	c.SmallPages()
	c.keyOf = func(id uuid.UUID) Key { return 1<<keyBits - 2 - Key(int(id[0])%keys) }
}

// Pack and Unpack are how versions are stored.
func Pack(mtime int64, version string) []byte { return appendStamp(nil, mtime, version) }

func Unpack(b []byte) (int64, string, error) { return readStamp(b) }
