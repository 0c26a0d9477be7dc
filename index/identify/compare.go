//go:build unix

package identify

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	iofs "io/fs"
	"slices"
	"strings"
	"sync"

	"sd/backends"
	"sd/identity"
	"sd/library/catalog"
)

// cheapSum is the size in bytes up to which a checksum of a local file costs less than a
// request.
const cheapSum = 8 << 20

// candidate is a content that a file of this device is proven to have.
type candidate struct {
	catalog.Content
	copies []catalog.Copy // on this device
}

// contest is a set of contents that objects are compared with.
type contest struct {
	*cloud
	bySize map[int64][]candidate

	mu   sync.Mutex
	sums map[sumKey]func() (string, bool)
}

// sumKey names a checksum of a content. like matters where the parts are not known.
type sumKey struct {
	content         catalog.Key
	algorithm, like string
}

// compare looks for objects that are copies of what is proven on this device, among those
// of the given sizes.
func (c *cloud) compare(ctx context.Context, sizes []int64) error {
	if len(sizes) == 0 {
		return nil
	}
	n := 0
	set := &contest{cloud: c}
	reset := func() {
		n, set.bySize, set.sums = 0, map[int64][]candidate{}, map[sumKey]func() (string, bool){}
	}
	reset()
	here := catalog.DevicePlace(c.cfg.Resolver.ThisDevice().ID)
	want := func(size int64) bool {
		_, ok := slices.BinarySearch(sizes, size)
		return ok
	}
	err := c.catalog.EachOfSize(ctx, want, func(content catalog.Content, copies []catalog.Copy) error {
		copies = slices.DeleteFunc(copies, func(f catalog.Copy) bool { return f.Place != here })
		if len(copies) == 0 {
			return nil
		}
		set.bySize[content.Size] = append(set.bySize[content.Size], candidate{content, slices.Clip(copies)})
		if n++; n < maxCandidates {
			return nil
		}
		defer reset()
		return set.run(ctx)
	})
	if err != nil || n == 0 {
		return err
	}
	return set.run(ctx)
}

func (s *contest) run(ctx context.Context) error {
	err := s.each(ctx, func(f *catalog.File) bool { return s.bySize[f.Size] != nil }, s.prove)
	s.writer.flush() // the next round sees what is proven
	return err
}

// prove looks for the content of one object. A checksum from the listing costs no request,
// so it comes before the question what sd has stored with the object, except where the
// local file is large.
func (s *contest) prove(ctx context.Context, o *object) {
	sums := parseSums(o.file.Sums)
	small := o.file.Size <= cheapSum
	if small && (s.bySums(ctx, o, sums) || slices.ContainsFunc(sums, conclusive)) {
		return
	}
	if _, again := s.asked.LoadOrStore(o.name, nil); !again {
		e, err := s.backend.Stat(ctx, o.name)
		switch {
		case err != nil:
			s.doubt(ctx, o, err)
			return
		case e.Kind == backends.Dir || e.Version != o.file.Version || e.Size != o.file.Size:
			s.doubt(ctx, o, ErrChanged)
			return
		}
		if sum, ok := storedSum(e.Meta); ok {
			s.found(ctx, o, sum, 0, catalog.Stored)
			return
		}
		if small {
			sums, e.Sums = nil, slices.DeleteFunc(slices.Clone(e.Sums), func(sum backends.Sum) bool { return slices.Contains(sums, sum) })
		}
		sums = append(sums, e.Sums...)
	} else if small {
		return
	}
	s.bySums(ctx, o, sums)
}

// doubt takes an error about an object that will be tried again by a download.
func (s *contest) doubt(ctx context.Context, o *object, err error) {
	if s.options.Deep && !errors.Is(err, backends.ErrOffline) {
		return
	}
	s.fail(ctx, o, err)
}

func (s *contest) found(ctx context.Context, o *object, sum identity.Sum, print identity.Print, p catalog.Proof) {
	s.tally.bytes.Add(o.file.Size)
	s.settle(ctx, o.dir, o.name, finding{name: o.file.Name, was: o.file.FileVersion(), sum: sum, print: print, proof: p}, nil)
}

// conclusive tells whether a file that does not have this checksum is no copy. Of uploads in
// parts nobody tells the sizes of the parts.
func conclusive(sum backends.Sum) bool {
	return identity.Strong(sum.Algorithm) && !strings.Contains(sum.Hex, "-")
}

// bySums compares an object's checksums with those of the candidates.
func (s *contest) bySums(ctx context.Context, o *object, sums []backends.Sum) bool {
	var print func() (identity.Print, error)
	for _, sum := range sums {
		if !identity.Known(sum.Algorithm) {
			continue
		}
		for i := range s.bySize[o.file.Size] {
			c := &s.bySize[o.file.Size][i]
			if ctx.Err() != nil {
				return true
			}
			if got, ok := s.sum(ctx, c, sum); !ok || !strings.EqualFold(got, sum.Hex) {
				continue
			}
			if !identity.Strong(sum.Algorithm) {
				if o.file.Size > identity.PrintSize && o.file.Size <= identity.SmallSize {
					continue // its fingerprint would be a download of the whole
				}
				if print == nil {
					print = sync.OnceValues(func() (identity.Print, error) { return s.fingerprint(ctx, o) })
				}
				theirs, err := print()
				if err != nil {
					s.doubt(ctx, o, err)
					return true
				}
				if ours, ok := s.print(ctx, c); !ok || ours != theirs {
					continue
				}
			}
			s.found(ctx, o, c.BLAKE3, c.Print, catalog.Checksum)
			return true
		}
	}
	return false
}

// sum is a candidate's checksum of the kind of like; false if no copy of it can be read.
func (s *contest) sum(ctx context.Context, c *candidate, like backends.Sum) (string, bool) {
	key := sumKey{c.Key, like.Algorithm, ""}
	if strings.Contains(like.Hex, "-") {
		key.like = like.Hex
	}
	s.mu.Lock()
	get := s.sums[key]
	if get == nil {
		get = sync.OnceValues(func() (string, bool) { return s.compute(ctx, c, like, key.like == "") })
		s.sums[key] = get
	}
	s.mu.Unlock()
	return get()
}

// compute reads a copy of the candidate, unless its checksum was kept. plain ones are.
func (s *contest) compute(ctx context.Context, c *candidate, like backends.Sum, plain bool) (text string, ok bool) {
	for i := range c.copies {
		for _, sum := range parseSums(c.copies[i].File.Sums) {
			if plain && sum.Algorithm == like.Algorithm {
				return sum.Hex, true
			}
		}
	}
	ok = s.readCopy(ctx, c, func(f fd, copy *catalog.Copy) (err error) {
		if text, err = identity.Checksum(ctx, f, c.Size, like.Algorithm, like.Hex); err != nil {
			return err
		}
		s.tally.read.Add(c.Size)
		if plain {
			s.writer.put(finding{
				dir: copy.Folder, name: copy.File.Name, was: copy.File.FileVersion(),
				sums: copy.File.Sums + like.Algorithm + ":" + text + "\n",
			})
		}
		return nil
	})
	return text, ok
}

// print is a candidate's fingerprint.
func (s *contest) print(ctx context.Context, c *candidate) (p identity.Print, ok bool) {
	if c.Print != 0 {
		return c.Print, true
	}
	ok = s.readCopy(ctx, c, func(f fd, _ *catalog.Copy) (err error) {
		p, err = identity.Fingerprint(f, c.Size)
		return err
	})
	return p, ok
}

// readCopy hands read a copy that still is what it was proven to be, and was so after it.
func (s *contest) readCopy(ctx context.Context, c *candidate, read func(fd, *catalog.Copy) error) bool {
	for i := range c.copies {
		copy := &c.copies[i]
		if ctx.Err() != nil {
			return false
		}
		if s.readFile(ctx, copy, read) == nil {
			return true
		}
	}
	return false
}

func (s *contest) readFile(ctx context.Context, copy *catalog.Copy, read func(fd, *catalog.Copy) error) error {
	dir, err := openFolder(strings.TrimSuffix(strings.TrimSuffix(copy.Path, copy.File.Name), "/"))
	if err != nil {
		return err
	}
	defer dir.close()
	f, err := openFile(dir, copy.File.Name)
	if err != nil {
		return err
	}
	defer f.close()
	was := copy.File.FileVersion()
	if now, _, _, err := f.stat(); err != nil || now != was {
		return ErrChanged
	}
	if err := read(f, copy); err != nil {
		return err
	}
	if now, _, _, err := f.stat(); err != nil || now != was {
		return ErrChanged
	}
	return nil
}

// fingerprint takes that of an object, by at most six ranges of it.
func (c *cloud) fingerprint(ctx context.Context, o *object) (identity.Print, error) {
	var all bytes.Buffer
	for _, span := range identity.PrintSpans(o.file.Size) {
		r, e, err := c.backend.Get(ctx, o.name, o.file.Version, span.Off, span.Len)
		if err != nil {
			return 0, err
		}
		n, err := io.CopyN(&all, r, span.Len)
		r.Close()
		c.tally.downloaded.Add(n)
		c.tally.read.Add(n)
		if err != nil {
			return 0, err
		}
		if e.Version != o.file.Version {
			return 0, ErrChanged
		}
	}
	return identity.PrintOf(o.file.Size, all.Bytes()), nil
}

// parseSums reads catalog.File.Sums.
func parseSums(text string) (list []backends.Sum) {
	for line := range strings.Lines(text) {
		if algorithm, hex, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":"); ok {
			list = append(list, backends.Sum{Algorithm: algorithm, Hex: hex})
		}
	}
	return list
}

// hintOf is a digest of an object's checksums: those of equal hints are probable copies. 0:
// it has none.
func hintOf(f *catalog.File) uint64 {
	sums := parseSums(f.Sums)
	if len(sums) == 0 {
		return 0
	}
	best := sums[0]
	for _, s := range sums {
		if conclusive(s) && !conclusive(best) {
			best = s
		}
	}
	h := identity.New()
	h.Write([]byte(best.Algorithm + ":" + strings.ToLower(best.Hex) + ":"))
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(f.Size)))
	sum := h.Sum()
	return binary.BigEndian.Uint64(sum[:8])
}

// skipGone is nil for a folder that is no longer in the catalog.
func skipGone(err error) error {
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	return err
}
