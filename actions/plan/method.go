package plan

import (
	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
)

// What transfers do; the counts of requests go by it.
const (
	onePut   = 8 << 20  // bytes; larger files are written in parts
	onePart  = 16 << 20 // bytes, about
	oneGet   = 8 << 20  // bytes; larger objects are read in pieces
	maxCopy  = 5 << 30  // bytes; larger objects are copied in parts
	copyPart = 1 << 30  // bytes, of such a part
)

// method is the way that bytes take which have to be copied; near: from a copy that the target's
// store has.
func (c *copier) method(j *job, near bool) steps.Method {
	if c.to.local != nil {
		switch from := j.from.(type) {
		case *stores.Local:
			if c.clones(from, &j.entry) {
				return steps.Clone
			}
			return steps.LocalCopy
		case *stores.Content:
			if near {
				return steps.LocalCopy
			}
		}
		if near {
			return steps.LocalCopy
		}
		return steps.Download
	}
	if near || c.besides(j.from) {
		return steps.ServerCopy
	}
	if isLocalStore(j.from) {
		return steps.Upload
	}
	return steps.Stream
}

// besides tells whether the target's service can copy from another of its volumes, or the same
// one, by itself.
func (c *copier) besides(from stores.Store) bool {
	v, ok := from.(*stores.Volume)
	if !ok {
		return false
	}
	if sameStore(v, c.to.vol) {
		_, ok := v.Backend().(backends.Copier)
		return ok
	}
	if _, ok := c.to.vol.Backend().(backends.PeerCopier); !ok || v.Info().Service != c.to.vol.Info().Service {
		return false
	}
	a, b := v.Info().Info.Config, c.to.vol.Info().Info.Config
	for _, key := range []string{"endpoint", "profile", "access_key_id", "anonymous", "account", "client_id", "credentials_file", "config_file"} {
		if a[key] != b[key] {
			return false
		}
	}
	return true
}

// clones tells whether the file system of the target shares blocks between files.
func (c *copier) clones(from *stores.Local, x *stores.Entry) bool {
	return c.to.shares && x.Dev == c.dev && mountOf(from, x.Name) == c.mount
}

// count adds a step that brings a file to what the plan comes to.
func (c *copier) count(j *job, s *steps.Step) {
	size := j.entry.Size
	c.sum.Method(s.Method, size)
	if isLocalStore(c.to.st) {
		written := size
		if s.Method == steps.Rename || s.Method == steps.Clone {
			written = 0
		}
		c.local(1, written)
		c.need += written
	} else if s.Method != steps.Rename {
		c.need += size
	}
	switch s.Method {
	case steps.Rename:
		c.request(c.to.st, "COPY", 1)
	case steps.Clone, steps.LocalCopy:
		if s.Near != nil {
			c.sum.Saved += size
		}
	case steps.ServerCopy:
		c.sum.Saved += size
		parts := int64(1)
		if size > maxCopy {
			parts = 2 + pieces(size, copyPart)
		}
		c.request(c.to.st, "COPY", parts)
	case steps.Upload:
		c.through(size)
		c.put(size)
	case steps.Download:
		c.through(size)
		c.get(j, size)
	case steps.Stream:
		c.through(size)
		c.get(j, size)
		c.put(size)
	}
}

func (p *planner) through(size int64) {
	p.sum.Through += size
	p.load.cloudBytes += size
}

func (c *copier) put(size int64) {
	if size <= onePut {
		c.request(c.to.st, "PUT", 1)
		return
	}
	c.request(c.to.st, "POST", 2)
	c.request(c.to.st, "PUT", pieces(size, onePart))
}

func (c *copier) get(j *job, size int64) {
	if _, ok := j.from.(*stores.Volume); ok {
		c.sum.Egress += size
	}
	c.request(j.from, "GET", max(1, pieces(size, oneGet)))
}

// local counts files and bytes that are written to a file system.
func (p *planner) local(files, bytes int64) {
	p.load.localFiles += files
	p.load.localBytes += bytes
}

func pieces(size, each int64) int64 { return (size + each - 1) / each }
