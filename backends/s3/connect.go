package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"sd/backends/internal/rest"
	"sd/backends/internal/source"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
)

// conn is an SDK client and what it was made with. It is immutable; when region or
// credentials turn out wrong, another one replaces it.
type conn struct {
	api     *sdk.Client
	region  string
	dialect *dialect
	keys    *keys
	made    time.Time
}

// fallbackRegion is what nearly all servers with one region call it.
const fallbackRegion = "us-east-1"

// connect returns the present conn. The first call makes it: reads the SDK's files
// and environment, and asks AWS for the bucket's region if nothing tells it. Others
// wait for that.
func (b *Backend) connect(ctx context.Context) (*conn, error) {
	if c := b.current(); c != nil {
		return c, nil
	}
	select {
	case b.connecting <- struct{}{}:
		defer func() { <-b.connecting }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if c := b.current(); c != nil {
		return c, nil
	}
	c, err := b.dial(ctx)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.conn = c
	b.mu.Unlock()
	return c, nil
}

func (b *Backend) current() *conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.conn
}

func (b *Backend) dial(ctx context.Context) (*conn, error) {
	cfg, err := b.load(ctx)
	if err != nil {
		return nil, &credentialError{err}
	}
	c := &conn{made: time.Now()}
	credentials := cfg.Credentials
	if !b.cfg.Anonymous {
		c.keys = &keys{provider: credentials, patience: b.credentialPatience()}
		credentials = c.keys
	}
	c.api = sdk.NewFromConfig(cfg, func(o *sdk.Options) {
		o.Credentials = credentials
		o.HTTPClient = b.rest
		o.Retryer = b.retryer
		if b.cfg.Endpoint != "" {
			o.BaseEndpoint = &b.cfg.Endpoint
		}
		custom := o.BaseEndpoint != nil
		c.dialect = b.dialectAt(aws.ToString(o.BaseEndpoint))
		o.Region = b.pickRegion(cfg.Region, custom)
		o.UsePathStyle = custom
		if b.cfg.PathStyle != nil {
			o.UsePathStyle = *b.cfg.PathStyle
		}
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenSupported
		if custom {
			o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
			o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		}
		o.DisableLogOutputChecksumValidationSkipped = true
		c.dialect.adapt(o)
		c.region = o.Region
	})
	if c.region != "" {
		return c, nil
	}
	if err := b.discover(ctx, c.api); err != nil {
		return nil, err
	}
	return b.dial(ctx)
}

// load runs the SDK's own configuration, minus what cfg already answers.
func (b *Backend) load(ctx context.Context) (aws.Config, error) {
	// The SDK would write warnings to the standard error.
	options := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})}
	if b.cfg.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(b.cfg.Profile))
	}
	var given aws.CredentialsProvider
	switch {
	case b.cfg.Anonymous:
		given = aws.AnonymousCredentials{}
	case b.cfg.AccessKeyID != "":
		given = aws.CredentialsProviderFunc(b.given)
	}
	if given != nil {
		options = append(options, config.WithCredentialsProvider(given))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil && given != nil && b.cfg.Profile == "" {
		// Broken files of the SDK are no obstacle to a volume that needs none of them.
		return aws.Config{Credentials: given, Logger: logging.Nop{}}, nil
	}
	if client, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok && b.cfg.Transport == nil && b.current() == nil {
		if tls := client.GetTransport().TLSClientConfig; tls != nil && tls.RootCAs != nil {
			b.rest.SetTransport(rest.NewTransport(tls.RootCAs))
		}
	}
	return cfg, err
}

// pickRegion returns "" if the server must be asked.
func (b *Backend) pickRegion(configured string, custom bool) string {
	b.mu.Lock()
	learned := b.region
	b.mu.Unlock()
	for _, region := range []string{learned, b.cfg.Region, configured} {
		if region != "" {
			return region
		}
	}
	if custom {
		return fallbackRegion
	}
	return ""
}

// dialectAt is the one of the endpoint, which the SDK's own files may have named.
func (b *Backend) dialectAt(endpoint string) *dialect {
	u, err := url.Parse(endpoint)
	if b.cfg.Endpoint != "" || b.named || endpoint == "" || err != nil {
		return b.dialect
	}
	return dialectAt(u.Hostname())
}

// speaks is the dialect of the server, as far as is known without asking.
func (b *Backend) speaks() *dialect {
	if c := b.current(); c != nil {
		return c.dialect
	}
	return b.dialect
}

// discover asks AWS, unsigned, which region the bucket is in.
func (b *Backend) discover(ctx context.Context, api *sdk.Client) error {
	out, err := api.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: &b.cfg.Bucket}, func(o *sdk.Options) {
		o.Region = fallbackRegion
		o.Credentials = nil
	})
	region := fallbackRegion
	switch hint := regionHint(err); {
	case err == nil:
		if r := aws.ToString(out.BucketRegion); regionPattern.MatchString(r) {
			region = r
		}
	case hint != "":
		region = hint
	case statusOf(err) != http.StatusForbidden:
		return err
	}
	b.mu.Lock()
	b.region = region
	b.mu.Unlock()
	return nil
}

// mend learns from a refusal. It tells whether asking once more, with another conn,
// may help: the bucket is in another region, or the credentials are no longer good
// and there may be new ones.
func (b *Backend) mend(c *conn, err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if errors.As(err, new(*credentialError)) {
		if b.conn == c && time.Since(c.made) > b.credentialPatience() {
			b.conn = nil // there may be some by now, for the next operation
		}
		return false
	}
	if hint := regionHint(err); hint != "" && hint != c.region && wrongRegion(err) {
		b.region = hint
	} else if !staleCredentials(err) || b.conn == c && time.Since(c.made) < time.Second {
		return false
	}
	if b.conn == c {
		b.conn = nil
	}
	return true
}

// newRetryer retries what may pass, with full jitter. The end is set by the patience
// of the operation, not by the number of attempts.
func newRetryer() aws.Retryer {
	return retryer{retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 7
		o.RateLimiter = ratelimit.None
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
			return rest.Backoff(attempt), nil
		})
		o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(passing)}, o.Retryables...)
	})}
}

type retryer struct{ *retry.Standard }

// GetRetryToken is the SDK's question before it waits for another attempt.
func (r retryer) GetRetryToken(ctx context.Context, err error) (func(error) error, error) {
	rest.Note(ctx, err)
	return r.Standard.GetRetryToken(ctx, err)
}

func passing(err error) aws.Ternary {
	switch {
	case errors.As(err, new(*credentialError)), errors.As(err, new(*source.Error)):
		return aws.FalseTernary
	case errors.Is(err, io.ErrUnexpectedEOF), statusOf(err) == http.StatusTooManyRequests:
		return aws.TrueTernary
	}
	switch codeOf(err) {
	case "ConditionalRequestConflict", "OperationAborted", "BadDigest", "XAmzContentChecksumMismatch":
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}
