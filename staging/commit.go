package staging

import (
	"context"
	"errors"
	"fmt"
	"hash"
	iofs "io/fs"
	"slices"

	"sd/backends"
)

// commit is one attempt to make the store's object what the File was at one moment.
// Its view is frozen. Several callers may wait for one commit; it is cancelled when
// the last of them leaves. The File's mu guards waiters.
type commit struct {
	file     *File
	name     string
	view     view
	entry    backends.Entry // of what view's base is
	gens     []uint64
	frozen   []*layer
	meta     backends.Meta
	cond     backends.Cond
	wanted   backends.Cond // cond, as the File had it
	seq      uint64
	dataSeq  uint64
	metaOnly bool
	timeSet  bool
	stream   *stream
	backend  backends.Backend
	checksum checksum  // as the store tells it, where only that can tell ours
	digest   string    // the BLAKE3 of an upload in parts, "" if it is not known
	partial  bool      // the bytes arrived, what the object carries did not
	copied   string    // the name of the conflict copy
	beside   bool      // this is the conflict copy
	tried    []attempt // what earlier commits may have made

	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	waiters int
	givenUp bool
	err     error // with givenUp, valid when done is closed
}

// Sync returns when all that was written before is in the store and its version is
// known. When ctx ends first it returns ctx.Err(), and the bytes stay. Another error
// leaves the file dirty, and the next Sync tries again; but after a conflict, which
// wraps backends.ErrChanged, ours lies beside the other's and the file is not uploaded
// any more.
func (f *File) Sync(ctx context.Context) error {
	f.mu.Lock()
	closed := f.closed
	f.mu.Unlock()
	if closed {
		return f.fail("sync", iofs.ErrClosed)
	}
	_, err := f.sync(ctx, false)
	return err
}

// waits tells whether something that was acknowledged is not in the store.
func (f *File) waits() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dirty() && (f.ackSeq > f.doneSeq || f.kept)
}

// unwanted tells whether nothing of f will be uploaded any more.
func (f *File) unwanted() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.discarded || f.freed
}

// sync tells whether a commit was made, by whomever. In the background it uploads what
// was acknowledged, and not what was written since.
func (f *File) sync(ctx context.Context, background bool) (bool, error) {
	f.mu.Lock()
	target := f.seq
	if background && !f.kept {
		target = f.ackSeq
	}
	f.mu.Unlock()
	for waited := false; ; waited = true {
		c, err := f.join(target, background)
		if c == nil {
			return waited, err
		}
		select {
		case <-c.done:
		case <-ctx.Done():
			f.leave(c)
			return false, ctx.Err()
		}
		// A commit that its other waiters gave up says nothing to us.
		if c.err != nil && c.seq >= target && !c.givenUp {
			return false, c.err
		}
	}
}

// join returns the commit to wait for, which it begins if none is running, or nil if
// the store has all up to target.
func (f *File) join(target uint64, background bool) (*commit, error) {
	for {
		f.mu.Lock()
		switch {
		case f.freed:
			f.mu.Unlock()
			return nil, f.fail("sync", iofs.ErrClosed)
		case f.lost != nil && f.seq > f.doneSeq:
			f.mu.Unlock()
			return nil, f.fail("sync", f.lost)
		case f.discarded || f.doneSeq >= target:
			f.mu.Unlock()
			return nil, nil
		case f.store.ctx.Err() != nil:
			f.mu.Unlock()
			return nil, f.fail("sync", iofs.ErrClosed)
		case f.commit != nil:
			f.commit.waiters++ // one that was given up is waited for, too
			c := f.commit
			f.mu.Unlock()
			return c, nil
		}
		f.mu.Unlock()
		if !background {
			f.beforeSync()
		}
		if c := f.startCommit(target, background); c != nil {
			return c, nil
		}
	}
}

func (f *File) leave(c *commit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.waiters--; c.waiters == 0 {
		c.givenUp = true
		c.cancel()
	}
}

// startCommit freezes f and begins to upload it. The caller is the first to wait. It
// returns nil if a commit runs already, or if there is nothing to do any more.
func (f *File) startCommit(target uint64, background bool) *commit {
	f.journal.Lock() // a record that is being written does not know of this attempt
	defer f.journal.Unlock()
	f.io.Lock()
	defer f.io.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.commit != nil || !f.dirty() || f.freed {
		return nil
	}
	if f.ackSeq == 0 {
		f.pinTime()
	}
	m, layers := f.now(), f.layers
	// What is in the journal is uploaded as it is there: after a crash the next process
	// knows what may have been sent.
	if f.ackSeq > 0 && (background || f.ackSeq >= target) {
		m, layers = f.acked, f.ackedLayers()
	}
	if m.seq <= f.doneSeq {
		return nil
	}
	c := &commit{
		file: f, name: f.name, entry: f.entry, gens: m.gens, frozen: layers,
		meta: m.meta, cond: f.cond, wanted: f.cond, tried: f.tried, seq: m.seq, dataSeq: m.dataSeq, timeSet: m.timeSet, stream: f.stream,
		metaOnly: f.committed && m.dataSeq == f.doneDataSeq, done: make(chan struct{}),
	}
	c.view = freeze(layers, f.base, m.size)
	if c.stream != nil && c.stream.name != c.name {
		f.dropStream()
		c.stream = nil
	}
	f.try(attempt{Size: m.size, ModTime: m.meta.ModTime})
	c.ctx, c.cancel = context.WithCancel(f.store.ctx)
	if !f.store.spawn(c.run) {
		c.cancel()
		for _, l := range c.frozen {
			l.users--
		}
		return nil
	}
	f.commit, c.waiters = c, 1
	return c
}

// freeze returns what layers show over a base; they are in use until finish. It needs
// the File's io and mu.
func freeze(layers []*layer, b *base, size int64) view {
	v := view{base: b, size: size}
	for _, l := range layers {
		l.users++
		v.layers = append(v.layers, &layer{file: l.file, path: l.path, valid: slices.Clone(l.valid), size: l.size, under: l.under})
	}
	return v
}

func (c *commit) run() {
	defer c.cancel()
	f := c.file
	var e backends.Entry
	var lost error
	b, err := f.store.backendOf(c.ctx, f)
	if err == nil {
		c.backend = b
		f.mu.Lock()
		f.sentTo = b
		f.mu.Unlock()
		e, err = c.upload()
	}
	if err != nil && !c.partial && c.ctx.Err() == nil && c.isConflict(err) {
		e, lost, err = c.resolve(err)
	}
	if err != nil && lost == nil && c.ctx.Err() == nil && c.originGone(err) {
		lost = err
		f.store.cfg.Log.Warn("a copy was given up: what it was to be copied from has changed", "name", c.name, "from", c.view.base.Entry.Name)
	}
	f.finish(c, e, err, lost)
	defer close(c.done)
	if lost != nil && c.copied != "" && f.store.cfg.Conflict != nil {
		f.store.cfg.Conflict(f.volume, c.name, c.copied)
	}
}

// upload makes the object of what was frozen.
func (c *commit) upload() (backends.Entry, error) {
	f, b := c.file, c.backend
	if c.metaOnly && !c.beside {
		if e, err := c.setMeta(b); !errors.Is(err, errors.ErrUnsupported) {
			return c.named(e), err
		}
	}
	if e, err := c.copyWhole(); !errors.Is(err, errors.ErrUnsupported) {
		return e, err
	}
	c.meta.BLAKE3 = ""
	uploader, ok := b.(backends.Uploader)
	if !ok || c.view.size <= f.store.cfg.PartSize {
		c.dropUpload() // of a file that was longer once
		return c.put(b)
	}
	return c.multipart(uploader)
}

// setMeta has the object carry other metadata, without its bytes. A store that can neither
// change nor copy what a file carries keeps none of it: then it is as it was, and who asked
// remembers the rest.
func (c *commit) setMeta(b backends.Backend) (backends.Entry, error) {
	switch b := b.(type) {
	case backends.MetaSetter:
		if c.name != c.entry.Name {
			return backends.Entry{}, errors.ErrUnsupported
		}
		e, err := b.SetMeta(c.ctx, c.name, c.entry.Version, c.meta)
		if errors.Is(err, errors.ErrUnsupported) {
			return c.unchanged()
		}
		return e, err
	case backends.Copier:
		return b.Copy(c.ctx, c.name, c.entry.Name, backends.CopyOptions{
			Source: c.entry.Version, Size: c.entry.Size, Meta: &c.meta, Cond: c.cond,
		})
	}
	if c.name != c.entry.Name {
		return backends.Entry{}, errors.ErrUnsupported
	}
	return c.unchanged()
}

// unchanged tells what the object is, which must be what it was.
func (c *commit) unchanged() (backends.Entry, error) {
	e, err := c.backend.Stat(c.ctx, c.name)
	if err == nil && e.Version != c.entry.Version {
		err = &iofs.PathError{Op: "set metadata", Path: c.name, Err: backends.ErrChanged}
	}
	return e, err
}

// put makes the object by one request, with its sum.
func (c *commit) put(b backends.Backend) (backends.Entry, error) {
	putter, ok := b.(backends.Putter)
	if !ok {
		return backends.Entry{}, fmt.Errorf("this store takes no files: %w", errors.ErrUnsupported)
	}
	// What came from the object that is about to be replaced cannot be compared with anything
	// afterwards, so the store's own checksum is computed where it has one.
	var own hash.Hash
	algorithm := ""
	if !c.view.local(0, c.view.size) {
		own, algorithm = hashLike(&c.entry)
	}
	var err error
	if c.meta.BLAKE3, err = sum(c.ctx, &c.view, own); err != nil {
		return backends.Entry{}, err
	}
	if own != nil {
		c.checksum = newChecksum(algorithm, own)
	}
	c.note()
	e, err := putter.Put(c.ctx, c.name, c.view.section(c.ctx, 0, c.view.size), c.view.size, c.meta, c.cond)
	return c.named(e), err
}

// note remembers what is about to be sent: if the reply is lost, the object is known
// to be ours.
func (c *commit) note() {
	if c.beside {
		return
	}
	f := c.file
	f.mu.Lock()
	f.try(attempt{c.view.size, c.meta.ModTime, c.meta.BLAKE3, c.checksum})
	f.mu.Unlock()
	if c.checksum == "" {
		return // whoever goes on with it can compare the bytes, or the BLAKE3
	}
	f.journal.Lock()
	defer f.journal.Unlock()
	if err := f.rejournal(); err != nil {
		f.store.cfg.Log.Warn("the journal was not brought up to date", "error", err)
	}
}

// named completes what the store told of the object.
func (c *commit) named(e backends.Entry) backends.Entry {
	m := c.meta
	e.Name, e.Size, e.Meta = c.name, c.view.size, &m
	return e
}

// finish takes in how a commit ended.
func (f *File) finish(c *commit, e backends.Entry, err, lost error) {
	f.journal.Lock()
	defer f.journal.Unlock()
	f.mu.Lock()
	for _, l := range c.frozen {
		l.users--
	}
	switch {
	case err == nil || c.partial:
		f.entry, f.committed, f.tried = e, true, nil
		f.doneDataSeq, f.reason = c.dataSeq, err
		if err == nil {
			f.doneSeq, f.attempts = c.seq, 0
		}
		if f.name == c.name && f.cond == c.wanted {
			f.cond = backends.Cond{Version: e.Version}
		}
		if f.dataSeq == c.dataSeq {
			f.meta.BLAKE3 = e.Meta.BLAKE3
			if !f.timeSet && !e.Meta.ModTime.IsZero() {
				f.mtime = e.Meta.ModTime
			}
		}
		if f.base != nil {
			f.base = f.store.reader(f, e)
			if len(f.layers) > 0 { // what it shows behind the end of e is hidden above
				f.layers[0].under = min(f.layers[0].under, e.Size)
			}
		}
		if c.stream != nil && c.stream == f.stream {
			f.stream = nil
			f.forgetUpload(c.stream.record)
		}
	case lost != nil:
		f.lost, f.doneSeq, f.discarded = lost, c.seq, true
		f.dropStream()
	default:
		if c.ctx.Err() == nil {
			f.reason = err
			f.attempts++
		}
		if f.name == c.name && !c.beside && isBadName(err) {
			f.tried = nil // nothing can have arrived at a name that the store does not hold
		}
		if c.stream != nil {
			c.stream.stopped = true
		}
	}
	c.err = err
	if lost != nil {
		c.err = f.fail("sync", lost)
	} else if err != nil {
		c.err = f.fail("sync", err)
	}
	f.commit = nil
	f.mu.Unlock()
	f.settleNoted(true)
}
