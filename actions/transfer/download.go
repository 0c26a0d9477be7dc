package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/identity"
)

// download copies an object to a local file.
func (t *Transfers) download(ctx context.Context, task *Task, from *stores.Volume) (Result, error) {
	if err := from.Settle(ctx, task.Source.Name); err != nil {
		return Result{}, err
	}
	if task.Source.Kind == stores.Symlink && task.Source.Link != "" {
		return t.downloadLink(ctx, task, &task.Source, 0)
	}
	if task.Source.Size <= t.unit {
		return t.downloadWhole(ctx, task, from)
	}
	return t.downloadParts(ctx, task, from)
}

// fetch reads [off, off+len(p)) of the source into p.
func (t *Transfers) fetch(ctx context.Context, task *Task, from *stores.Volume, p []byte, off int64) (backends.Entry, error) {
	body, e, err := from.Backend().Get(ctx, task.Source.Name, task.Source.Version, off, int64(len(p)))
	if err != nil {
		return e, task.onSource(err)
	}
	defer body.Close()
	if e.Size != task.Source.Size {
		return e, &ChangedError{Side: Source, Name: task.Source.Name, Was: task.Source.Version, Is: e.Version}
	}
	if _, err := io.ReadFull(t.paced(ctx, body), p); err != nil {
		return e, task.onSource(err)
	}
	return e, nil
}

// whole reads a small source into a buffer, and makes sure that it is what it should be.
func (t *Transfers) whole(ctx context.Context, task *Task, from *stores.Volume) (*buffer, stores.Entry, identity.Sum, error) {
	buf, err := t.buffers.get(ctx, task.Source.Size)
	if err != nil {
		return nil, stores.Entry{}, identity.Sum{}, err
	}
	e, err := t.fetch(ctx, task, from, buf.b, 0)
	var is stores.Entry
	var sum identity.Sum
	if err == nil {
		is, sum = task.described(&e), sumOf(buf.b)
		err = genuine(&is, buf.b, sum)
	}
	if err != nil {
		buf.put()
		return nil, is, sum, err
	}
	return buf, is, sum, nil
}

func (t *Transfers) downloadWhole(ctx context.Context, task *Task, from *stores.Volume) (Result, error) {
	buf, is, sum, err := t.whole(ctx, task, from)
	if err != nil {
		return Result{}, err
	}
	defer buf.put()
	if is.Kind == stores.Symlink {
		if is.Link == "" {
			is.Link = string(buf.b)
		}
		return t.downloadLink(ctx, task, &is, is.Size)
	}
	e, lost, err := t.arriveBytes(ctx, task, buf.b, &is)
	if err != nil {
		return Result{}, err
	}
	task.progress(is.Size)
	return Result{Entry: e, Method: steps.Download, Sum: sum, Known: is.Size > 0, Through: is.Size, Lost: lost}, nil
}

// downloadLink makes a local link of an object that is one.
func (t *Transfers) downloadLink(ctx context.Context, task *Task, e *stores.Entry, through int64) (Result, error) {
	at, lost, err := t.link(ctx, task, e)
	if err != nil {
		return Result{}, err
	}
	task.progress(e.Size)
	return Result{Entry: at, Method: steps.Download, Through: through, Lost: lost}, nil
}

// piece is how much of a part is read and written at one go: more than the transport's buffer,
// so that bytes go from the socket right to where they are hashed and written.
const piece = 256 << 10

// receiving is one large object on its way into a hidden file, by ranges that are asked for
// side by side.
type receiving struct {
	t    *Transfers
	task *Task
	from *stores.Volume
	kept *keeper
	to   *arrival // left or installed when run has ended
	sums *identity.Assembly

	mu      sync.Mutex
	is      *stores.Entry // as a reply told it
	through int64
}

// downloadParts fetches a large object. The sum of its bytes is always computed; where the
// object is known to have another, nothing gets the target's name.
func (t *Transfers) downloadParts(ctx context.Context, task *Task, from *stores.Volume) (Result, error) {
	part := t.partOf(task.Source.Size, 0, 0)
	if task.Source.Size < resumable { // it is there sooner than it could be gone on with
		all := *task
		all.Save, task = nil, &all
	}
	d := &receiving{
		t: t, task: task, from: from, kept: recall(task, part),
		sums: identity.NewAssembly(task.Source.Size, part),
	}
	var r Result
	err := t.arrive(task, func(a *arrival) (err error) {
		d.to = a
		if err := d.open(); err != nil {
			return err
		}
		r, err = d.run(ctx)
		switch {
		case err == nil:
		case task.lasting(ctx, err):
			d.kept.leave()
			a.leave(true)
		default:
			a.leave(false)
			d.kept.forget()
		}
		return err
	})
	return r, err
}

// open finds the file of an earlier try, or makes it. What was written is believed until the
// next start of the system, for it was not synced.
func (d *receiving) open() error {
	st, size := &d.kept.state, d.task.Source.Size
	boot := bootID()
	if boot != "" && st.Boot == boot && len(st.Written) > 0 && d.to.resume(size, st.Inode, st.Born) {
		return nil
	}
	if err := d.to.create(size); err != nil {
		return err
	}
	d.kept.reset()
	st.Boot, st.Inode, st.Born = boot, d.to.inode(), d.to.born()
	return nil
}

func (d *receiving) run(ctx context.Context) (Result, error) {
	if err := d.fetchAll(ctx); err != nil {
		return Result{}, err
	}
	sum, ok := d.sums.Sum()
	if !ok {
		return Result{}, errors.New("not all parts have arrived")
	}
	is := d.task.Source
	if d.is != nil {
		is = *d.is
	} else if is.Meta == nil { // all was there already, and nobody has told of its attributes
		e, err := d.from.Stat(ctx, is.Name)
		if err != nil {
			return Result{}, d.task.onSource(err)
		}
		if e.Version != is.Version {
			return Result{}, d.task.same(e.Version)
		}
		is = e
	}
	if is.Proven && is.Sum != sum {
		return Result{}, corrupt(d.task.Source.Name, is.Sum, sum)
	}
	e, lost, err := d.to.install(ctx, &is)
	if err != nil {
		return Result{}, err
	}
	return Result{Entry: e, Method: steps.Download, Sum: sum, Known: true, Through: d.through, Lost: lost}, nil
}

// fetchAll fetches the ranges that are missing, and reads those that are there: whatever has
// happened to the hidden file meanwhile, its sum is that of what it holds.
func (d *receiving) fetchAll(ctx context.Context) error {
	there := slices.Clone(d.kept.state.Written)
	slices.Sort(there)
	return sideBySide(ctx, d.sums.Parts(), func(i int64) error {
		if _, written := slices.BinarySearch(there, i); written {
			return d.reread(i)
		}
		return d.part(ctx, i)
	})
}

func (d *receiving) reread(i int64) error {
	buf := pieces.Get().(*[piece]byte)
	defer pieces.Put(buf)
	s := d.sums.Span(i)
	if _, err := io.CopyBuffer(d.sums.Part(i), onlyReader{io.NewSectionReader(d.to, s.Off, s.Len)}, buf[:]); err != nil {
		return err
	}
	d.task.progress(s.Len)
	return nil
}

var pieces = sync.Pool{New: func() any { return new([piece]byte) }}

// onlyReader hides what else a reader can do, so that the given buffer is used.
type onlyReader struct{ io.Reader }

// part fetches part i.
func (d *receiving) part(ctx context.Context, i int64) error {
	s := d.sums.Span(i)
	body, e, err := d.from.Backend().Get(ctx, d.task.Source.Name, d.task.Source.Version, s.Off, s.Len)
	if err != nil {
		return d.task.onSource(err)
	}
	defer body.Close()
	if e.Size != d.task.Source.Size {
		return &ChangedError{Side: Source, Name: d.task.Source.Name, Was: d.task.Source.Version, Is: e.Version}
	}
	d.tell(&e)
	if err := d.write(d.t.paced(ctx, body), s, d.sums.Part(i)); err != nil {
		return err
	}
	d.mu.Lock()
	d.through += s.Len
	d.mu.Unlock()
	return d.kept.change(false, func(st *saved) { st.Written = append(st.Written, i) })
}

// write moves a part from the socket to the hidden file.
func (d *receiving) write(body io.Reader, s identity.Span, h io.Writer) error {
	buf := pieces.Get().(*[piece]byte)
	defer pieces.Put(buf)
	done := int64(0)
	for done < s.Len {
		n, err := io.ReadFull(body, buf[:min(piece, s.Len-done)])
		if err != nil {
			d.task.progress(-done)
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return d.task.onSource(err)
		}
		h.Write(buf[:n])
		if err := d.to.writeAt(buf[:n], s.Off+done); err != nil {
			return err
		}
		done += int64(n)
		d.task.progress(int64(n))
	}
	return nil
}

// tell keeps what the first reply tells of the object.
func (d *receiving) tell(e *backends.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.is == nil {
		is := d.task.described(e)
		d.is = &is
	}
}

// genuine compares the bytes of a small source with what is known of them: their BLAKE3, else
// a checksum of the service that tells files apart.
func genuine(is *stores.Entry, data []byte, sum identity.Sum) error {
	if len(data) == 0 {
		return nil
	}
	if is.Proven {
		if is.Sum != sum {
			return corrupt(is.Name, is.Sum, sum)
		}
		return nil
	}
	for _, s := range is.Sums {
		if s.Algorithm == "etag-multipart" || !identity.Strong(s.Algorithm) || !identity.Known(s.Algorithm) {
			continue
		}
		have, err := identity.Checksum(context.Background(), bytes.NewReader(data), int64(len(data)), s.Algorithm, s.Hex)
		if err == nil && have != s.Hex {
			return &CorruptError{Name: is.Name, Want: fmt.Sprintf("%s %s", s.Algorithm, s.Hex), Have: have}
		}
		return nil
	}
	return nil
}
