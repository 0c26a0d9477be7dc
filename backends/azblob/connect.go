package azblob

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"sd/backends/internal/rest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
)

// conn is an SDK client and what it was made with. It is immutable; when the secret turns
// out wrong, another one replaces it.
type conn struct {
	api    *container.Client
	secret string
	tokens *tokens // of AuthDefault
}

// connect returns the present conn. The first call makes it; that asks for the secret.
func (b *Backend) connect(ctx context.Context) (*conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn != nil {
		return b.conn, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	c, err := b.dial()
	if err != nil {
		return nil, newCredentialError(err, false)
	}
	b.conn = c
	return c, nil
}

func (b *Backend) dial() (c *conn, err error) {
	c = &conn{}
	o := &container.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport:       b.rest,
		Telemetry:       policy.TelemetryOptions{Disabled: true},
		Retry:           retries,
		PerCallPolicies: []policy.Policy{listedBlocks{}},
	}}
	url := b.cfg.Endpoint + "/" + b.cfg.Container
	switch b.cfg.Auth {
	case AuthKey:
		if c.secret, err = b.secrets.get(); err != nil {
			return nil, err
		}
		key, err := azblob.NewSharedKeyCredential(b.cfg.Account, c.secret)
		if err != nil || c.secret == "" {
			return nil, errors.New("what is stored as the account's key is none")
		}
		c.api, err = container.NewClientWithSharedKeyCredential(url, key, o)
		return c, err
	case AuthSAS:
		if c.secret, err = b.secrets.get(); err != nil {
			return nil, err
		}
		query := c.secret[strings.IndexByte(c.secret, '?')+1:]
		if !strings.Contains(query, "sig=") {
			return nil, errors.New("what is stored as the shared access signature is none")
		}
		c.api, err = container.NewClientWithNoCredential(url+"?"+query, o)
		return c, err
	case AuthDefault:
		chain := b.chain
		if chain == nil {
			if chain, err = newChain(azidentity.DefaultAzureCredentialOptions{}); err != nil {
				return nil, err
			}
		}
		c.tokens = newTokens(chain, b.credentialPatience(), b.secrets.hide)
		c.api, err = container.NewClient(url, c.tokens, o)
		return c, err
	}
	c.api, err = container.NewClientWithNoCredential(url, o)
	return c, err
}

// newChain makes the chain of the SDK's sources of credentials.
func newChain(o azidentity.DefaultAzureCredentialOptions) (azcore.TokenCredential, error) {
	o.PerRetryPolicies = append(o.PerRetryPolicies, noting{})
	return azidentity.NewDefaultAzureCredential(&o)
}

// mend tells whether asking once more may help, because there is another secret than the
// one that was refused.
func (b *Backend) mend(c *conn, err error) bool {
	if c == nil || !loginRefused(err) {
		return false
	}
	if b.cfg.Auth != AuthKey && b.cfg.Auth != AuthSAS {
		return false
	}
	fresh, asked := b.secrets.get()
	if asked != nil || fresh == c.secret {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn == c {
		b.conn = nil
	}
	return true
}

// loginRefused tells whether a refusal is one of who asks, rather than of what is asked.
func loginRefused(err error) bool {
	var answer *azcore.ResponseError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.ErrorCode {
	case "AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation":
		return true
	case codeSource: // the request itself was let in
		return false
	case "AuthorizationFailure": // of the rights, as a rule
		return answer.RawResponse != nil && strings.HasPrefix(messageOf(answer.RawResponse), "Server failed to authenticate")
	}
	return answer.StatusCode == http.StatusUnauthorized
}

// credentialPatience ends before that of an operation, so that the reason is told.
func (b *Backend) credentialPatience() time.Duration {
	if b.cfg.Patience > 0 {
		return b.cfg.Patience * 8 / 10
	}
	return 3500 * time.Millisecond
}

// retries are those of answers that may pass. The end is set by the patience of the
// operation, not by the number of attempts.
var retries = policy.RetryOptions{
	MaxRetries:    5,
	RetryDelay:    40 * time.Millisecond,
	MaxRetryDelay: time.Second,
	ShouldRetry:   passing,
}

// once returns ctx for a request that is not retried.
func once(ctx context.Context) context.Context {
	return policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: -1})
}

// passing tells whether another attempt may have a better end.
func passing(resp *http.Response, err error) bool {
	if err != nil {
		var known interface{ RetryableError() bool }
		if errors.As(err, &known) {
			return known.RetryableError()
		}
		return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	}
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	case http.StatusBadRequest: // the body may have changed on the way
		if resp.Header.Get("x-ms-error-code") != "Md5Mismatch" && !strings.Contains(messageOf(resp), "contentMD5") {
			return false
		}
	default:
		return false
	}
	rest.Note(resp.Request.Context(), runtime.NewResponseError(resp))
	return true
}

// readable returns a URL of a blob that the service itself may read, to copy from it, and
// what the request has to carry beside it.
func (c *conn) readable(ctx context.Context, name string) (url string, authorization *string, err error) {
	blob := c.api.NewBlobClient(name)
	switch {
	case c.tokens != nil:
		token, err := c.tokens.given(ctx)
		if err != nil {
			return "", nil, err
		}
		bearer := "Bearer " + token
		return blob.URL(), &bearer, nil
	case c.secret != "" && !strings.Contains(blob.URL(), "sig="):
		url, err = blob.GetSASURL(sas.BlobPermissions{Read: true}, time.Now().Add(4*time.Hour), nil)
		return url, nil, err
	}
	return blob.URL(), nil, nil
}
