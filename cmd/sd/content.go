package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"

	"sd/backends"
	"sd/identity"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// contentRoot is the folder of all contents, as a URI. No SdPath names it.
const contentRoot = "content://"

// content is what a content:// URI means: bytes, and where they are.
type content struct {
	catalog *catalog.Catalog
	all     bool // the folder of all contents; the rest is not set
	is      catalog.Content
	sources []resolver.Source // the usable ones first, the best of all first
}

// findContent finds a content, and looks at all its copies on this device.
func (p *places) findContent(ctx context.Context, uri sdpath.Content) (*content, error) {
	is, sources, err := p.resolver.Sources(ctx, uri.ID)
	if err != nil {
		return nil, err
	}
	return &content{catalog: p.resolver.Catalog(), is: is, sources: sources}, nil
}

// list shows all contents, or the one itself.
func (c *content) list(ctx context.Context, r *resolver.Resolver, show func(listing) error) error {
	if !c.all {
		return show(contentListing(c.is, c.sources))
	}
	return c.catalog.EachContent(ctx, 0, func(is catalog.Content) error {
		sources, err := r.CandidatesOf(ctx, is)
		if err != nil {
			return err
		}
		return show(contentListing(is, sources))
	})
}

func contentListing(is catalog.Content, sources []resolver.Source) listing {
	id := is.ID()
	l := listing{Name: id.String(), URI: sdpath.Content{ID: id}.String(), Kind: "file", Size: is.Size}
	if len(sources) > 0 {
		modified := time.Unix(0, sources[0].File.ModTime)
		l.Modified = &modified
	}
	return l
}

// describe describes the content.
func (c *content) describe() description {
	d := description{
		listing:   contentListing(c.is, c.sources),
		Mode:      fs.FileMode(0o444).String(),
		Checksums: map[string]string{"blake3": c.is.BLAKE3.String()},
	}
	d.knows(c.is, c.sources)
	return d
}

// knows adds what the catalog knows of what d holds.
func (d *description) knows(is catalog.Content, sources []resolver.Source) {
	d.ContentID = is.ID().String()
	for _, s := range sources {
		if s.Path != nil && s.File.Proof.Proven() {
			d.Locations = append(d.Locations, s.Path.String())
		}
	}
}

// identified adds to a description what the catalog knows of t, if that is proven and about
// the version that is there.
func (p *places) identified(ctx context.Context, t target, d *description, is func(*catalog.File) bool) error {
	if t.uri == nil || is == nil {
		return nil
	}
	place, path, err := p.resolver.Placed(t.uri)
	if err != nil {
		return nil // such as a path in another user's mount
	}
	_, f, err := p.resolver.Catalog().FindFile(ctx, place, path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (!f.Proof.Proven() || !is(&f)) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := p.resolver.Catalog().ContentByKey(ctx, f.Content)
	if err != nil {
		return err
	}
	sources, err := p.resolver.CandidatesOf(ctx, c)
	if err != nil {
		return err
	}
	if d.Checksums == nil {
		d.Checksums = make(map[string]string)
	}
	d.Checksums["blake3"] = c.BLAKE3.String()
	d.knows(c, sources)
	return nil
}

// localVersion tells of a catalog's file whether it is the version that info describes; nil
// where that cannot be told.
func localVersion(info fs.FileInfo) func(*catalog.File) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() {
		return nil
	}
	version := identity.LocalVersion(changeTime(st), st.Ino)
	return func(f *catalog.File) bool {
		return f.Size == info.Size() && f.ModTime == info.ModTime().UnixNano() && f.Version == version
	}
}

// candidate is a copy as sd resolve shows it.
type candidate struct {
	URI       string `json:"uri,omitempty"`
	Usable    bool   `json:"usable"`
	Why       string `json:"why"`
	Proven    bool   `json:"proven"`
	Here      bool   `json:"here"`
	Online    bool   `json:"online"`
	Medium    string `json:"medium,omitempty"`
	LatencyMS int64  `json:"latency_ms,omitempty"`
}

func (c *content) candidates() []candidate {
	list := make([]candidate, len(c.sources))
	for i, s := range c.sources {
		list[i] = candidate{
			Usable: s.Usable, Why: s.Why, Proven: s.File.Proof.Proven(), Here: s.Here, Online: s.Online,
			Medium: s.Medium, LatencyMS: s.Latency.Milliseconds(),
		}
		if s.Path != nil {
			list[i].URI = s.Path.String()
		}
	}
	return list
}

// chunk is how much is read of a content before it is made sure to be right.
const chunk = 1 << 20

// copyTo writes the content to w, from the best copy and, when that fails, on from the next
// one. Every chunk is of the version whose content was proven; what turns out to be wrong all
// the same, at the end or with the first chunk of a small content, is an error.
func (c *content) copyTo(ctx context.Context, w io.Writer) error {
	if c.all {
		return backends.ErrIsDir
	}
	out := &proving{w: w, size: c.is.Size, want: c.is.BLAKE3, sum: identity.New()}
	var failures []error
	for _, s := range c.sources {
		if !s.Usable {
			continue
		}
		err := copySource(ctx, &s, out)
		switch {
		case out.err != nil:
			return out.err
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		failures = append(failures, fmt.Errorf("%s: %w", s.Path, err))
	}
	if len(failures) == 0 {
		return fmt.Errorf("no copy can be read now; 'sd resolve' says why: %w", backends.ErrOffline)
	}
	return fmt.Errorf("no copy can be read: %w", errors.Join(failures...))
}

// copySource writes what out still lacks from one copy.
func copySource(ctx context.Context, s *resolver.Source, out *proving) error {
	if s.Here {
		return copyFile(ctx, s, out)
	}
	body, e, err := s.Volume.Backend.Get(ctx, s.Name, s.File.Version, out.off, -1)
	if err != nil {
		return err
	}
	defer body.Close()
	if e.Size != out.size || e.Version != s.File.Version {
		return backends.ErrChanged
	}
	buf := make([]byte, chunk)
	for out.off < out.size {
		n, err := io.ReadFull(body, buf[:min(chunk, out.size-out.off)])
		if err != nil {
			return err
		}
		if err := out.write(buf[:n]); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(ctx context.Context, s *resolver.Source, out *proving) error {
	f, err := s.Open(ctx)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, chunk)
	for out.off < out.size {
		n, err := f.ReadAt(buf[:min(chunk, out.size-out.off)], out.off)
		if changed := s.Check(f); changed != nil {
			return changed
		}
		if n == 0 {
			return err
		}
		if err := out.write(buf[:n]); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// proving writes a content and compares it with what it has to be.
type proving struct {
	w    io.Writer
	off  int64 // what was written
	size int64
	want identity.Sum
	sum  *identity.Hasher
	err  error // nothing can be done about it by another copy
}

// write takes the next bytes. The last ones are not written if what there is all told is wrong;
// nor is that of any use to another copy, unless they are the first as well.
func (p *proving) write(b []byte) error {
	sum := *p.sum
	sum.Write(b)
	if p.off+int64(len(b)) == p.size && sum.Sum() != p.want {
		wrong := errors.New("its bytes are not those that were proven: the disk or the service has changed them unseen")
		if p.off > 0 {
			p.err = fmt.Errorf("what was printed is wrong: %w", wrong)
		}
		return wrong
	}
	if _, p.err = p.w.Write(b); p.err != nil {
		return p.err
	}
	*p.sum = sum
	p.off += int64(len(b))
	return nil
}
