package fs

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"syscall"
	"time"

	"sd/backends"
	"sd/cache"
	"sd/staging"
)

// take waits for the turn to change what is known of o: staging it, renaming it,
// removing it. It fails when ctx ends. done gives the turn back.
func (o *object) take(ctx context.Context) bool {
	select {
	case o.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (o *object) done() { <-o.turn }

// believed is how long an object is believed to be as it was when somebody begins to
// write to it.
const believed = time.Second

// verify asks the provider whether o is still the version that is known, unless it
// was asked within the time given. The turn is held.
func (o *object) verify(ctx context.Context, within time.Duration) syscall.Errno {
	o.mu.Lock()
	name, version := join(o.dir, o.seg), o.entry.Version
	fresh := o.staged != nil || time.Since(o.checked) < within
	o.mu.Unlock()
	if fresh {
		return 0
	}
	e, err := o.store.backend().Stat(ctx, name)
	if outdated(err) || err == nil && e.Version != version {
		return o.changed()
	}
	if err != nil {
		return o.store.fail("stat", name, err)
	}
	o.store.recall(ctx, name, &e)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.entry.Version == version {
		o.entry.Meta, o.checked = e.Meta, time.Now()
	}
	return 0
}

// stage gives the staging file of o, and makes it before the first change.
func (o *object) stage(ctx context.Context) (*staging.File, syscall.Errno) {
	if f := o.stagedFile(); f != nil {
		return f, 0
	}
	if !o.take(ctx) {
		return nil, syscall.EINTR
	}
	defer o.done()
	return o.stageNow(ctx)
}

// stageNow is stage for who has the turn.
func (o *object) stageNow(ctx context.Context) (*staging.File, syscall.Errno) {
	if f := o.stagedFile(); f != nil {
		return f, 0
	}
	if errno := o.part(ctx); errno != 0 {
		return nil, errno
	}
	m, errno := o.wholeMeta(ctx)
	if errno != 0 {
		return nil, errno
	}
	f, errno := o.stageWith(m)
	if errno == 0 {
		o.store.objects.hold(o)
	}
	return f, errno
}

// stageWith makes the staging file of what carries m so far.
func (o *object) stageWith(m backends.Meta) (*staging.File, syscall.Errno) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone {
		return nil, syscall.ESTALE
	}
	name := join(o.dir, o.seg)
	reader := o.reader()
	base := &staging.Base{Entry: o.entry, Read: func(ctx context.Context, p []byte, off int64) (int, error) {
		return readFull(ctx, reader, p, off)
	}}
	f, err := o.store.tree.staging.Create(o.store.key, name, o.store.backend(), base, m)
	if err != nil {
		reader.Close()
		return nil, o.store.fail("stage", name, err)
	}
	o.staged, o.base = f, reader
	return f, 0
}

// readFull fills p from a Reader, up to the end of the file.
func readFull(ctx context.Context, r *cache.Reader, p []byte, off int64) (int, error) {
	data, err := r.ReadInto(ctx, off, p)
	if len(data) > 0 && &data[0] != &p[0] {
		copy(p, data)
	}
	return len(data), err
}

// reader opens the present bytes of o for reading. They are followed when o gets
// another name. o.mu is held.
func (o *object) reader() *cache.Reader { return o.store.tree.cache.Open(o.file()) }

// file says how the present bytes of o are fetched. o.mu is held.
func (o *object) file() cache.File {
	name, version, content, whole := join(o.dir, o.seg), o.entry.Version, o.content, o.entry.Size
	return cache.File{
		ID:   cache.NewID(o.store.key, name, version),
		Size: o.entry.Size,
		Get: func(ctx context.Context, off, size int64) (io.ReadCloser, error) {
			o.mu.Lock()
			at, v := name, version
			if o.content == content && !o.gone {
				at, v = join(o.dir, o.seg), o.entry.Version
			}
			o.mu.Unlock()
			body, e, err := o.store.backend().Get(ctx, at, v, off, size)
			if err == nil && (e.Size != whole || !o.noticed(&e)) {
				body.Close()
				err = &iofs.PathError{Op: "get", Path: at, Err: backends.ErrChanged}
			}
			return body, err
		},
	}
}

// noticed takes over what a reply with bytes of o tells besides, where only a listing
// has told of o so far. False says that o is a symbolic link: it was taken for a file,
// and has to be looked up again.
func (o *object) noticed(e *backends.Entry) bool {
	o.mu.Lock()
	learnt := worthKeeping(e.Meta) && o.entry.Meta == nil && o.staged == nil && e.Version == o.entry.Version
	if learnt {
		o.entry.Meta = e.Meta
	}
	dir, seg := o.dir, o.seg
	o.mu.Unlock()
	if !learnt {
		return true
	}
	o.store.remember(dir, seg, e.Version, fact{Meta: *e.Meta})
	return kindOf(e) == backends.File
}

func (o *object) stagedFile() *staging.File {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.staged
}

// pin keeps what is staged until unpin.
func (o *object) pin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.handles++
}

func (o *object) unpin() {
	o.mu.Lock()
	o.handles--
	staged, last, failed := o.staged, o.handles == 0, o.failed
	o.mu.Unlock()
	if last && staged != nil && staged.Dirty() {
		staged.Keep(failed) // nobody will close it again
	}
	o.letGo()
}

// letGo frees what is staged of an object that nobody has open, once the provider
// has it.
func (o *object) letGo() {
	if o == nil {
		return
	}
	if !o.idle() {
		return
	}
	o.settled() // whoever finds nothing staged is to find this told
	o.mu.Lock()
	if !o.idleLocked() {
		o.mu.Unlock()
		return
	}
	f, base, lender := o.staged, o.base, o.lender
	o.present()
	o.staged, o.base, o.lender = nil, nil, nil
	o.mu.Unlock()
	if lender != nil {
		lender.repaid(o)
	}
	o.store.objects.hold(o)
	f.Close()
	if base != nil {
		base.Close()
	}
}

// idle tells whether something is staged that nobody needs any more.
func (o *object) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.idleLocked()
}

func (o *object) idleLocked() bool {
	return o.staged != nil && o.handles == 0 && (o.gone || !o.staged.Dirty())
}

// flush is close(2), and sync fsync(2), of what is staged.
func (o *object) flush(ctx context.Context) syscall.Errno {
	return o.commit(ctx, (*staging.File).Flush)
}

func (o *object) sync(ctx context.Context) syscall.Errno {
	if errno := o.commit(ctx, (*staging.File).Sync); errno != 0 {
		return errno
	}
	if dir, seg, ok := o.place(); ok {
		return o.store.tree.carrier.now(ctx, o.store, dir, seg)
	}
	return 0
}

// commit sends what is staged, but while it or a folder above is being renamed: then
// it is sent to where it is afterwards.
func (o *object) commit(ctx context.Context, how func(*staging.File, context.Context) error) syscall.Errno {
	if f := o.stagedFile(); f == nil || !f.Dirty() && !f.Lost() {
		return 0
	}
	name := o.name()
	if errno := o.store.moving.enter(ctx, name); errno != 0 {
		return errno
	}
	defer o.store.moving.leave(name)
	if !o.take(ctx) {
		return syscall.EINTR
	}
	defer o.done()
	return o.send(ctx, how)
}

// commitNow sends what is staged to the provider, for who keeps renames out.
func (o *object) commitNow(ctx context.Context) syscall.Errno {
	return o.send(ctx, (*staging.File).Sync)
}

func (o *object) send(ctx context.Context, how func(*staging.File, context.Context) error) syscall.Errno {
	o.pin()
	defer o.unpin()
	o.mu.Lock()
	f := o.staged
	o.mu.Unlock()
	if f == nil {
		return 0
	}
	if f.Lost() {
		return syscall.ESTALE
	}
	if !f.Dirty() {
		return 0
	}
	err := how(f, ctx)
	o.mu.Lock()
	o.failed = err
	o.mu.Unlock()
	switch {
	case err == nil:
		o.settled()
		return 0
	case errors.Is(err, backends.ErrChanged) && !f.Dirty():
		o.lookedUpAgain()
		return o.changed() // ours is beside it under another name, or was a copy of what is no more
	}
	return o.store.fail("write", o.name(), err)
}

// settled notes the version that the provider has now.
func (o *object) settled() {
	o.mu.Lock()
	e := *o.present()
	dir, seg, news := o.dir, o.seg, !o.gone && (e.Version != o.told || e.Meta != o.toldMeta)
	o.told, o.toldMeta = e.Version, e.Meta
	o.mu.Unlock()
	if !news {
		return
	}
	s := o.store
	s.tree.names.Put(s.dirKey(dir), o.shown())
	if e.Version != "" {
		s.stored(join(dir, seg), e)
	}
	if worthKeeping(e.Meta) {
		s.remember(dir, seg, e.Version, fact{Meta: *e.Meta})
	}
	if d, g, ok := o.place(); !ok || d != dir || g != seg { // meanwhile it has lost that name
		s.tree.names.Invalidate(s.dirKey(dir))
	}
}
