package catalog

import "github.com/google/uuid"

// Squeeze makes c page often, take folders for large and give all contents one of few Keys.
func (c *Catalog) Squeeze(keys int) {
	c.limits = limits{pageRows: 3, sliceFiles: 4, smallFolder: 3}
	c.keyOf = func(id uuid.UUID) Key { return 1<<keyBits - 2 - Key(int(id[0])%keys) }
}

// Pack and Unpack are how versions are stored.
func Pack(mtime int64, version string) []byte { return appendStamp(nil, mtime, version) }

func Unpack(b []byte) (int64, string, error) { return readStamp(b) }
