// Package azblob is the backend for Azure Blob Storage.
//
// Names and keys. A file's name is the name of its blob, byte for byte. A directory is a
// prefix that ends in a slash. Azure has two kinds of blobs that stand for directories, and
// both are read: an empty blob called like the directory, which carries hdi_isfolder=true
// (as accounts with a hierarchical namespace, the Storage Explorer, AzCopy and Hadoop have
// it), and an empty one whose name ends in a slash (as rclone makes them). Mkdir makes the
// first. A blob whose name ends in a slash and that has bytes is the file with Name "" in
// that directory; it can be read and removed, not made.
//
// As Azure has no directories of its own, List yields odd names: a File and a Dir of the
// same Name (blobs x and x/y), a Dir with Name "" (the empty segment in a//b), and in the
// root, Names that begin with a slash. Callers treat them as those of backends/s3.
//
// Some names Azure takes for others: a backslash is a slash to it, and dots at the end of
// a segment are lost. Such files cannot be made (fs.ErrInvalid).
//
// Versions. Entry.Version is the ETag without its quotes; it names bytes and metadata, and
// no two blobs ever have the same. All times are cut to seconds.
package azblob

import (
	"context"
	"errors"
	iofs "io/fs"
	"strings"
	"sync"
	"sync/atomic"

	"sd/backends"
	"sd/backends/internal/rest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// Backend is one container.
type Backend struct {
	cfg     Config
	rest    *rest.Client
	secrets secrets
	chain   azcore.TokenCredential // for AuthDefault; nil is the SDK's own
	expired atomic.Bool            // the login was refused, and nothing was answered since

	mu      sync.Mutex
	conn    *conn
	aborted map[string]bool // marks of uploads
	tree    tree
}

var _ interface {
	backends.Backend
	backends.Putter
	backends.Remover
	backends.Copier
	backends.PeerCopier
	backends.Uploader
	backends.Prober
	backends.DirMaker
	backends.DirStater
	backends.Walker
	backends.Counter
	backends.HealthReporter
} = (*Backend)(nil)

// New returns the backend for a container. It touches neither the network nor any file;
// the secret is asked for at the first request. The error tells what is wrong with cfg.
func New(cfg Config) (*Backend, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	b := &Backend{cfg: cfg, secrets: secrets{ask: cfg.Secret}, aborted: map[string]bool{}}
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
	return b, nil
}

// Close ends background probes, what is under way to get a token, and idle connections.
// The backend stays usable.
func (b *Backend) Close() error {
	b.mu.Lock()
	c := b.conn
	b.conn = nil
	b.mu.Unlock()
	if c != nil && c.tokens != nil {
		c.tokens.close()
	}
	b.rest.Close()
	return nil
}

// Stats counts the requests to the container.
func (b *Backend) Stats() backends.Stats { return b.rest.Stats() }

// Health tells whether the server answers, and whether it still takes the login.
func (b *Backend) Health() backends.Health {
	h := b.rest.Health()
	h.Expired = b.expired.Load()
	return h
}

// Capabilities are those of the service: it heeds every condition. No request is made.
func (b *Backend) Capabilities(context.Context) (backends.Capabilities, error) {
	return backends.Capabilities{
		PutAbsent: true, PutVersion: true,
		CommitAbsent: true, CommitVersion: true, CommitGone: true,
		CopyAbsent: true, CopyVersion: true, CopySource: true,
		RemoveVersion: true, CopyPart: true,
	}, nil
}

func (b *Backend) probe(ctx context.Context) {
	if c, err := b.connect(ctx); err == nil {
		_, _ = c.api.GetProperties(once(ctx), nil)
	}
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
func (b *Backend) meta(ctx context.Context, op string, ask func(context.Context, *container.Client) error) error {
	call, err := b.rest.Begin(ctx, op, laneOf(ctx), 0)
	if err != nil {
		return err
	}
	return b.end(call, b.try(call, func(ctx context.Context, c *conn) error { return ask(ctx, c.api) }))
}

// try runs ask, again with another secret if the one at hand was refused.
func (b *Backend) try(call *rest.Call, ask func(context.Context, *conn) error) error {
	for again := true; ; again = false {
		c, err := b.connect(call.Context())
		if err == nil {
			err = ask(call.Context(), c)
		}
		switch {
		case err == nil:
			b.expired.Store(false)
			return nil
		case !again || !b.mend(c, err):
			return err
		}
	}
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

// prefix returns the prefix of what lies in the directory called name.
func prefix(name string) string {
	if name == "" {
		return ""
	}
	return name + "/"
}

// slashed tells whether a blob of that name is the marker of a directory, as long as it
// has no bytes.
func slashed(name string) bool { return strings.HasSuffix(name, "/") }
