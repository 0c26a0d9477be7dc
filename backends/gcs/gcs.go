// Package gcs is the backend for Google Cloud Storage, by its JSON API.
//
// Keys and names are as in package s3: a file's name is its key, byte for byte; a
// directory is a key prefix that ends in a slash, and an object whose key ends in a slash
// and that has no bytes is a marker, which makes its directory exist. So List yields names
// that no POSIX name can hold: a File and a Dir of one Name, a Dir or a File with Name ""
// (the empty segment in a//b, the object a/ with bytes), and in the root Names that begin
// with a slash. The service itself refuses the keys "." and "..", line breaks, and what is
// not UTF-8: that is EILSEQ. Keys below ".sd-uploads/" are parts of files that are being
// written; nothing tells of them, and nothing else may be written there.
//
// Versions. Entry.Version is generation and metageneration, parted by a dot. The first
// changes with the bytes, the second with what the object carries. A write that has a
// version as its condition fails if either has changed. A Get that asks for a version
// looks at the generation alone, for that names the bytes; where the metageneration is
// another, its Entry repeats the version that was asked for and tells no Meta. All times
// are cut to seconds, because some replies carry no more.
package gcs

import (
	"context"
	"errors"
	iofs "io/fs"
	"sync"

	"sd/backends"
	"sd/backends/internal/rest"

	sdk "google.golang.org/api/storage/v1"
)

// Backend is one bucket.
type Backend struct {
	cfg   Config
	rest  *rest.Client
	login *login // nil: requests are not signed

	sources int // the most objects that one is composed of at a time

	mu  sync.Mutex
	api *sdk.Service // nil until the first request
}

var _ interface {
	backends.Backend
	backends.Putter
	backends.Remover
	backends.Copier
	backends.PeerCopier
	backends.Uploader
	backends.UploadFinder
	backends.Prober
	backends.DirMaker
	backends.DirStater
	backends.Walker
	backends.Counter
	backends.HealthReporter
} = (*Backend)(nil)

// New returns the backend for a bucket. It touches neither the network nor any file;
// credentials are looked for at the first request. The error tells what is wrong
// with cfg.
func New(cfg Config) (*Backend, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	b := &Backend{cfg: cfg, sources: maxSources}
	transport := cfg.Transport
	if transport == nil {
		transport = rest.NewTransport(nil)
	}
	b.rest = rest.New(transport, rest.Config{
		Patience:   cfg.Patience,
		Stall:      cfg.Stall,
		ProbeEvery: cfg.ProbeEvery,
		Probe:      b.probe,
	})
	if !cfg.Anonymous {
		b.login = newLogin(cfg)
	}
	return b, nil
}

// Close ends background probes and idle connections. The backend stays usable.
func (b *Backend) Close() error {
	b.rest.Close()
	if b.login != nil {
		b.login.close()
	}
	return nil
}

// Stats counts the requests to the bucket; those for tokens are not among them.
func (b *Backend) Stats() backends.Stats { return b.rest.Stats() }

// Health tells whether the server answers, and whether the login has ended.
func (b *Backend) Health() backends.Health {
	h := b.rest.Health()
	h.Expired = b.login != nil && b.login.expired.Load()
	return h
}

// Capabilities are known without asking: the service heeds every condition, except that
// it has no uploads in parts, whose beginning and end are our own doing, and copies no
// part of an object.
func (b *Backend) Capabilities(context.Context) (backends.Capabilities, error) {
	return backends.Capabilities{
		PutAbsent: true, PutVersion: true,
		CommitAbsent: true, CommitVersion: true, CommitGone: true,
		CopyAbsent: true, CopyVersion: true, CopySource: true,
		RemoveVersion: true,
	}, nil
}

// working is the key of contexts whose questions are asked for the sake of a change, and
// stand in the lane of such work.
type working struct{}

func work(ctx context.Context) context.Context { return context.WithValue(ctx, working{}, true) }

func laneOf(ctx context.Context) rest.Lane {
	if ctx.Value(working{}) != nil {
		return rest.Work
	}
	return rest.Meta
}

// meta runs ask as one operation that moves few bytes. The error is not yet a
// PathError.
func (b *Backend) meta(ctx context.Context, op string, ask func(context.Context, *sdk.Service) error) error {
	call, err := b.rest.Begin(ctx, op, laneOf(ctx), 0)
	if err != nil {
		return err
	}
	return b.end(call, b.try(call, ask))
}

// end closes call and puts its outcome into our words.
func (b *Backend) end(call *rest.Call, err error) error { return b.explain(call.End(err)) }

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	var pe *iofs.PathError
	if errors.As(err, &pe) {
		return err
	}
	return &iofs.PathError{Op: op, Path: name, Err: err}
}
