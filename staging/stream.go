package staging

import (
	"context"
	"sync"
	"time"

	"sd/backends"
	"sd/identity"
)

const (
	streamParts = 12 // parts of one file that are sent at once while it is written
	commitParts = 16 // the same while somebody waits for the commit
	maxResends  = 2  // how often a part is sent again before streaming waits for the commit
)

// stream is an upload in parts of one File. It begins with the first part that is
// complete and goes on until a commit succeeds. The File's mu guards what follows ctx.
type stream struct {
	file     *File
	name     string
	uploader backends.Uploader
	ctx      context.Context
	cancel   context.CancelFunc

	begin   sync.Mutex // one goroutine begins the upload
	upload  backends.Upload
	record  string // the file that remembers its id
	parts   []sent // by number; Num 0 was not sent
	sends   []int  // how often each was sent
	ready   []int  // complete and not yet sent
	sending int
	active  int           // goroutines that send or hash
	idle    chan struct{} // closed when none is active; nil while nobody waits
	stopped bool          // nothing more is sent before the commit
	free    bool          // cut by a commit, not along the grid
	meta    backends.Meta // what the upload carries
	hash    chain
}

// chain is the hash over the first parts of a file, in order.
type chain struct {
	hasher  *identity.Hasher
	gens    []uint64 // of the parts that are in
	running bool
}

// touch counts a change of [off, end) in the generations. It needs mu. A change is
// counted before and after, so that no reader in between can miss it.
func (f *File) touch(off, end int64) {
	if off >= end {
		return
	}
	g := f.store.grid()
	last := g.index(end - 1)
	for len(f.gens) <= last {
		f.gens = append(f.gens, 0)
	}
	for i := g.index(off); i <= last; i++ {
		f.gens[i]++
	}
}

func (f *File) gen(i int) uint64 {
	if i < len(f.gens) {
		return f.gens[i]
	}
	return 0
}

// completed looks for parts that became whole by a write to [off, end) of the top
// layer, and sends them. It needs mu.
func (f *File) completed(l *layer, off, end int64) {
	g := f.store.grid()
	if f.size < g.unit || f.discarded || f.commit != nil {
		return
	}
	for i := g.index(off); i <= g.index(end-1); i++ {
		s := g.span(i)
		if s.end > f.size || l.valid.missing(s.off, s.end) > 0 {
			continue
		}
		if f.stream == nil {
			u, ok := f.backend.(backends.Uploader)
			if !ok || u.Limits().MinPart > g.unit {
				return
			}
			f.stream = newStream(f, f.name, u)
		}
		f.stream.ready = append(f.stream.ready, i)
	}
	if f.stream != nil {
		f.stream.kick()
	}
}

func newStream(f *File, name string, u backends.Uploader) *stream {
	ctx, cancel := context.WithCancel(f.store.ctx)
	return &stream{file: f, name: name, uploader: u, ctx: ctx, cancel: cancel}
}

// kick begins to send what is ready. It needs the File's mu. A file of exactly one
// part may still end there and be put in one piece.
func (st *stream) kick() {
	f := st.file
	if st.stopped || f.commit != nil || f.size <= f.store.cfg.PartSize {
		return
	}
	for st.sending < streamParts && len(st.ready) > 0 {
		i := st.ready[0]
		st.ready = st.ready[1:]
		for len(st.sends) <= i {
			st.sends = append(st.sends, 0)
		}
		for len(st.parts) <= i {
			st.parts = append(st.parts, sent{})
		}
		if st.parts[i].flying {
			continue // that one is of no use any more; the commit sends the part again
		}
		if st.sends[i]++; st.sends[i] > 1+maxResends {
			st.stopped = true
			return
		}
		if !f.store.spawn(func() { st.send(i) }) {
			return
		}
		st.parts[i].flying = true
		st.sending++
		st.active++
	}
	if !st.hash.running && len(st.sends) > len(st.hash.gens) {
		if f.store.spawn(st.follow) {
			st.hash.running = true
			st.active++
		}
	}
}

// send sends one part as it is now.
func (st *stream) send(i int) {
	f := st.file
	span := f.store.grid().span(i)
	f.mu.Lock()
	gen := f.gen(i)
	f.mu.Unlock()
	part, err := st.sendBytes(i, span)
	f.mu.Lock()
	defer f.mu.Unlock()
	st.parts[i].flying = false
	switch {
	case err != nil:
		if st.ctx.Err() == nil {
			f.store.cfg.Log.Debug("a part was not sent and is sent again at the commit", "name", st.name, "error", err)
		}
		st.stopped = st.stopped || f.gen(i) == gen
	case f.gen(i) == gen:
		st.parts[i] = sent{Part: part, span: span, gen: gen}
	}
	st.sending--
	st.left()
	st.kick()
}

// left says that a goroutine of st ends. It needs the File's mu.
func (st *stream) left() {
	st.active--
	if st.active == 0 && st.idle != nil {
		close(st.idle)
		st.idle = nil
	}
}

func (st *stream) sendBytes(i int, s span) (backends.Part, error) {
	f := st.file
	upload, err := st.start(st.ctx, nil)
	if err != nil {
		return backends.Part{}, err
	}
	return upload.Part(st.ctx, i+1, &section{ctx: st.ctx, readAt: f.readSome, off: s.off, n: s.end - s.off}, s.end-s.off)
}

// start returns the upload, which it begins if need be. Without a Meta it carries what
// the File has now.
func (st *stream) start(ctx context.Context, meta *backends.Meta) (backends.Upload, error) {
	st.begin.Lock()
	defer st.begin.Unlock()
	f := st.file
	f.mu.Lock()
	upload := st.upload
	m := f.meta
	m.ModTime = f.mtime
	f.mu.Unlock()
	if upload != nil {
		return upload, nil
	}
	if meta != nil {
		m = *meta
	}
	m.BLAKE3 = "" // of bytes that are not known yet
	upload, err := st.uploader.Upload(ctx, st.name, "", m)
	if err != nil {
		return nil, err
	}
	record := f.rememberUpload(st.name, upload.ID())
	f.mu.Lock()
	defer f.mu.Unlock()
	st.upload, st.record, st.meta = upload, record, m
	return upload, nil
}

// quiet waits until nothing is being sent or hashed. Streaming must not go on by itself: a
// commit runs, or st was taken from its File.
func (st *stream) quiet(ctx context.Context) error {
	f := st.file
	f.mu.Lock()
	if st.active == 0 {
		f.mu.Unlock()
		return nil
	}
	if st.idle == nil {
		st.idle = make(chan struct{})
	}
	idle := st.idle
	f.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pinTime makes the time of the last write that of the upload that is under way: no
// store changes what an upload carries. A time that was set stays, and costs a copy. It
// needs mu.
func (f *File) pinTime() {
	if st := f.stream; st != nil && st.upload != nil && !f.timeSet && !st.meta.ModTime.IsZero() {
		f.mtime = st.meta.ModTime
	}
}

// dropStream gives an upload up; its parts are dropped in the background. It needs mu.
func (f *File) dropStream() {
	st := f.stream
	if st == nil {
		return
	}
	f.stream = nil
	st.stopped = true
	st.cancel()
	f.store.spawn(st.abort)
}

// abort drops what was sent. What cannot be reached now is tried at the next Open.
func (st *stream) abort() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(st.ctx), 30*time.Second)
	defer cancel()
	if st.quiet(ctx) != nil {
		return
	}
	st.begin.Lock()
	defer st.begin.Unlock()
	st.file.mu.Lock()
	upload, record := st.upload, st.record
	st.file.mu.Unlock()
	if upload == nil || st.file.store.ctx.Err() != nil {
		return
	}
	if err := upload.Abort(ctx); err != nil {
		st.file.store.cfg.Log.Warn("an upload that is not wanted any more could not be dropped; the next start tries again", "name", st.name, "error", err)
		return
	}
	st.file.forgetUpload(record)
}
