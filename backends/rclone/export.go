package rclone

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"sd/backends"
	"sd/backends/internal/rest"
)

// spool keeps exported documents on disk while they may be read. What was read least lately
// goes first.
type spool struct {
	dir  string
	most int64

	mu     sync.Mutex
	files  map[string]*list.Element // of *spooled, by version
	latest map[string]string        // versions by what the service tells of a document
	order  list.List
	bytes  int64
}

type spooled struct {
	source string // what the service tells of the document
	entry  backends.Entry
	file   *os.File // has no name any more
	users  int      // that read it, and the spool
}

func (p *spool) init(dir string, most int64) {
	if most == 0 {
		most = 1 << 30
	}
	p.dir, p.most = dir, most
	p.files, p.latest = map[string]*list.Element{}, map[string]string{}
}

// close drops all documents. Readers of them are not touched.
func (p *spool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.order.Len() > 0 {
		p.evict()
	}
	return nil
}

func (p *spool) evict() {
	last := p.order.Back()
	d := last.Value.(*spooled)
	p.order.Remove(last)
	delete(p.files, d.entry.Version)
	if p.latest[d.source] == d.entry.Version {
		delete(p.latest, d.source)
	}
	p.bytes -= d.entry.Size
	p.drop(d)
}

// drop ends one use of d. It is called with mu held.
func (p *spool) drop(d *spooled) {
	if d.users--; d.users == 0 {
		_ = d.file.Close()
	}
}

// open reads a range of a document that is kept.
func (p *spool) open(version, name string, off, n int64) (io.ReadCloser, backends.Entry, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.files[version]
	if at == nil {
		return nil, backends.Entry{}, false
	}
	p.order.MoveToFront(at)
	d := at.Value.(*spooled)
	e := d.entry
	e.Name = name
	d.users++
	return &spoolReader{Reader: io.NewSectionReader(d.file, off, n), spool: p, of: d}, e, true
}

type spoolReader struct {
	io.Reader
	spool *spool
	of    *spooled
	once  sync.Once
}

func (r *spoolReader) Close() error {
	r.once.Do(func() {
		r.spool.mu.Lock()
		defer r.spool.mu.Unlock()
		r.spool.drop(r.of)
	})
	return nil
}

// find returns the document that was exported of source.
func (p *spool) find(source, name string) (backends.Entry, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.files[p.latest[source]]
	if at == nil {
		return backends.Entry{}, false
	}
	p.order.MoveToFront(at)
	e := at.Value.(*spooled).entry
	e.Name = name
	return e, true
}

// create makes a file without a name, and its folder if that is missing.
func (p *spool) create() (*os.File, error) {
	if p.dir != "" {
		if err := os.MkdirAll(p.dir, 0o700); err != nil {
			return nil, err
		}
	}
	file, err := os.CreateTemp(p.dir, "sd-export-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(file.Name())
	return file, nil
}

// keep takes a document over.
func (p *spool) keep(d *spooled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d.users = 1
	p.latest[d.source] = d.entry.Version
	if old := p.files[d.entry.Version]; old != nil {
		_ = d.file.Close()
		p.order.MoveToFront(old)
		return
	}
	p.files[d.entry.Version] = p.order.PushFront(d)
	p.bytes += d.entry.Size
	for p.bytes > p.most && p.order.Len() > 1 {
		p.evict()
	}
}

// exportGrace is how much longer than usual a service may take to make a document.
const exportGrace = 20 * time.Second

// export fetches a document, unless the one that is kept is still the present one, and
// describes it. Its version names the bytes that were fetched.
func (s *store) export(ctx context.Context, name string, found *child) (backends.Entry, error) {
	e := describe(ctx, name, found.file)
	source := fmt.Sprintf("%s\n%s\n%d", found.place.path, e.ID, e.ModTime.UnixNano())
	unlock, err := s.writes.lock(ctx, "export "+source)
	if err != nil {
		return backends.Entry{}, err
	}
	defer unlock()
	if e, ok := s.spool.find(source, name); ok {
		return e, nil
	}
	d, err := run(ctx, s, "EXPORT", rest.Data, exportGrace, func(ctx context.Context, c *conn) (*spooled, error) {
		return s.download(ctx, c, found, e)
	})
	if err != nil {
		return backends.Entry{}, err
	}
	d.source = source
	s.spool.keep(d)
	return d.entry, nil
}

func (s *store) download(ctx context.Context, c *conn, found *child, e backends.Entry) (*spooled, error) {
	o, err := s.object(ctx, c, found.file, found.place)
	if err != nil {
		return nil, err
	}
	body, err := o.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	file, err := s.spool.create()
	if err != nil {
		return nil, &localError{err}
	}
	sum := sha256.New()
	size, err := io.Copy(io.MultiWriter(&spoolWriter{file}, sum), rest.Reader(ctx, body))
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	digest := hex.EncodeToString(sum.Sum(nil))
	e.Size, e.Unsized, e.Sums = size, false, []backends.Sum{{Algorithm: "sha256", Hex: digest}}
	e.Version = version(e)
	return &spooled{entry: e, file: file}, nil
}

// spoolWriter tells faults of the disk from those of the service.
type spoolWriter struct{ w io.Writer }

func (w *spoolWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil {
		err = &localError{err}
	}
	return n, err
}
