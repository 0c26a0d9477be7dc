// Package s3 is the backend for Amazon S3 and everything that speaks its protocol.
//
// Keys and names. A file's name is its key, byte for byte. A directory is a key
// prefix that ends in a slash; its name is the prefix without that slash. An object
// whose key ends in a slash is a marker: it makes its directory exist, and is not a
// file, unless it has bytes: then it is the file with Name "" in that directory. So every
// key has a name, odd ones too, and List yields some that no POSIX name can hold;
// callers must be ready for
//   - a File and a Dir of the same Name (objects x and x/y). Stat describes the file;
//     List of that name lists the directory.
//   - a Dir with Name "": the empty segment in a//b. The whole name is joined as
//     always: "a" + "/" + "" is "a/", and List of "a/" yields b, whose key is a//b.
//   - a File with Name "": the object a/ with bytes. Its whole name is "a/" as well, and
//     beside a//b it is a File and a Dir of the same Name. Without bytes nothing can be
//     put there, for that would be the marker: backends.ErrIsDir.
//   - in the root only, Names that begin with a slash: there is no name for the prefix
//     "/", because "" is the root, so its children are yielded in its place, as "/b".
//     The object / with bytes is the File "/", without them it is nothing; //b lies
//     in the Dir "/".
//   - the segments "." and "..", segments over 255 bytes, control characters, invalid
//     UTF-8.
//
// Versions. Entry.Version is the ETag without its quotes; a weak ETag is kept whole.
// A server that sends none has versions made of time and size. All times are cut to
// seconds, because some replies carry no more.
package s3

import (
	"context"
	"errors"
	iofs "io/fs"
	"math"
	"strings"
	"sync"
	"sync/atomic"

	"sd/backends"
	"sd/backends/internal/rest"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
)

// Backend is one bucket.
type Backend struct {
	cfg     Config
	dialect *dialect // before there is a conn
	named   bool     // by the configuration
	rest    *rest.Client
	retryer aws.Retryer

	connecting chan struct{} // held while conn is being made

	signsBodies atomic.Bool // the server refuses checksums of bodies
	trueTags    atomic.Bool // commits answer with the tag that the object then has
	caps        capabilities
	versioning  versioning

	mu     sync.Mutex
	conn   *conn
	region string // learned from the server
}

var _ interface {
	backends.Backend
	backends.Putter
	backends.Remover
	backends.Copier
	backends.PeerCopier
	backends.Uploader
	backends.UploadFinder
	backends.Undeleter
	backends.Purger
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
	named := cfg.Dialect != ""
	if err := cfg.check(); err != nil {
		return nil, err
	}
	speaks, err := dialectNamed(cfg.Dialect)
	if err != nil {
		return nil, err
	}
	b := &Backend{cfg: cfg, dialect: speaks, named: named, retryer: newRetryer(), connecting: make(chan struct{}, 1)}
	if b.cfg.MaxCopy <= 0 {
		b.cfg.MaxCopy = maxPut
		if speaks.wholeCopies {
			b.cfg.MaxCopy = math.MaxInt64
		}
	}
	b.signsBodies.Store(speaks.signs)
	b.caps.init(cfg)
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

// Close ends background probes and idle connections, and waits until a probe has tidied
// up. The backend stays usable.
func (b *Backend) Close() error {
	b.caps.stop()
	b.rest.Close()
	return nil
}

// Stats counts the requests to the bucket.
func (b *Backend) Stats() backends.Stats { return b.rest.Stats() }

// Health tells whether the server answers.
func (b *Backend) Health() backends.Health { return b.rest.Health() }

func (b *Backend) probe(ctx context.Context) {
	if c, err := b.connect(ctx); err == nil {
		_, _ = c.api.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: &b.cfg.Bucket}, once)
	}
}

// once turns the SDK's retries off.
func once(o *sdk.Options) { o.Retryer = aws.NopRetryer{} }

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
func (b *Backend) meta(ctx context.Context, op string, ask func(context.Context, *sdk.Client) error) error {
	call, err := b.rest.Begin(ctx, op, laneOf(ctx), 0)
	if err != nil {
		return err
	}
	return b.end(call, b.try(call, ask))
}

// try runs ask, again after what the server said allowed to mend region or credentials.
func (b *Backend) try(call *rest.Call, ask func(context.Context, *sdk.Client) error) error {
	for again := 2; ; again-- {
		c, err := b.connect(call.Context())
		if err != nil {
			return err
		}
		if err = ask(call.Context(), c.api); err == nil || again == 0 || !b.mend(c, err) {
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

// prefix returns the key prefix of the directory called name.
func prefix(name string) string {
	if name == "" {
		return ""
	}
	return name + "/"
}

// marks tells whether key is that of a marker, as long as the object has no bytes.
func marks(key string) bool { return strings.HasSuffix(key, "/") }
