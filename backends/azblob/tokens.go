package azblob

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// credentialError is a failure to find out who we are. No request was sent.
type credentialError struct {
	cause       error
	text        string // that of cause, which reads an answer when it is first asked for
	unreachable bool   // nobody has refused anything: who should be asked did not answer
}

func newCredentialError(cause error, unreachable bool) *credentialError {
	return &credentialError{cause, cause.Error(), unreachable}
}

func (e *credentialError) Error() string { return e.text }

func (e *credentialError) Unwrap() error { return e.cause }

// NonRetriable tells the SDK's retry loop that trying again is useless.
func (e *credentialError) NonRetriable() {}

// longest is how long one attempt to get a token may take.
const longest = 30 * time.Second

// tokens asks a chain of credentials for a token. That may be slow: programs are started,
// and machines asked that are not there. So no operation waits for longer than patience;
// what it began goes on meanwhile and serves the next one. A failure is remembered for as
// long as it may take.
type tokens struct {
	chain    azcore.TokenCredential
	patience time.Duration
	hide     func(string) // is told each token
	life     context.Context
	end      context.CancelFunc
	running  sync.WaitGroup

	mu     sync.Mutex
	flight *tokenFlight
	failed error
	until  time.Time
	asked  policy.TokenRequestOptions // what last is the answer to
	last   azcore.AccessToken
}

type tokenFlight struct {
	asked policy.TokenRequestOptions
	done  chan struct{} // closed when the rest is there
	token azcore.AccessToken
	err   error
}

func newTokens(chain azcore.TokenCredential, patience time.Duration, hide func(string)) *tokens {
	t := &tokens{chain: chain, patience: patience, hide: hide}
	t.life, t.end = context.WithCancel(context.Background())
	return t
}

func (t *tokens) close() {
	t.mu.Lock()
	t.end()
	t.mu.Unlock()
	t.running.Wait()
}

// GetToken is the SDK's question. It keeps what it gets until shortly before its end, and
// until then gets it again here.
func (t *tokens) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	t.mu.Lock()
	if lasting(t.last) && sameQuestion(t.asked, o) {
		defer t.mu.Unlock()
		return t.last, nil
	}
	if t.failed != nil && time.Now().Before(t.until) {
		defer t.mu.Unlock()
		return azcore.AccessToken{}, t.failed
	}
	f := t.flight
	if f == nil || !sameQuestion(f.asked, o) {
		if t.life.Err() != nil {
			defer t.mu.Unlock()
			return azcore.AccessToken{}, newCredentialError(errors.New("the volume was closed"), true)
		}
		f = &tokenFlight{asked: o, done: make(chan struct{})}
		t.flight = f
		t.running.Go(func() { t.fly(f) })
	}
	t.mu.Unlock()
	timer := time.NewTimer(t.patience)
	defer timer.Stop()
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return azcore.AccessToken{}, context.Cause(ctx)
	case <-timer.C:
		return azcore.AccessToken{}, newCredentialError(errors.New("no source of credentials answered in time"), true)
	}
}

func (t *tokens) fly(f *tokenFlight) {
	ctx, cancel := context.WithTimeout(t.life, longest)
	defer cancel()
	var cut atomic.Bool
	f.token, f.err = t.chain.GetToken(context.WithValue(ctx, cutKey{}, &cut), f.asked)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = nil
	if f.err != nil {
		f.err = newCredentialError(f.err, ctx.Err() != nil || unanswered(f.err, cut.Load()))
		t.failed, t.until = f.err, time.Now().Add(t.patience)
	} else {
		t.last, t.asked = f.token, f.asked
		t.hide(f.token.Token)
	}
	if t.flight == f {
		t.flight = nil
	}
	close(f.done)
}

// cutKey is the key of contexts whose value, an *atomic.Bool, is set once a request for a
// token got no answer: of that the SDK's errors keep only the text.
type cutKey struct{}

// noting is what notes it.
type noting struct{}

// Do is called for each attempt of a request.
func (noting) Do(req *policy.Request) (*http.Response, error) {
	reply, err := req.Next()
	if cut, ok := req.Raw().Context().Value(cutKey{}).(*atomic.Bool); ok && err != nil {
		cut.Store(true)
	}
	return reply, err
}

// unanswered tells whether a chain of credentials failed because who should be asked did
// not answer; cut is whether any request got no answer. Away from any cloud the metadata
// server does not either, which the chain takes for a source that is not there.
func unanswered(err error, cut bool) bool {
	var failed *azidentity.AuthenticationFailedError
	switch {
	case errors.As(err, new(*net.OpError)), errors.As(err, new(*net.DNSError)), errors.Is(err, context.DeadlineExceeded):
		return true
	case errors.As(err, &failed) && failed.RawResponse != nil:
		return failed.RawResponse.StatusCode >= 500
	case errors.As(err, &failed) && cut:
		return true
	}
	return strings.Contains(err.Error(), azOffline)
}

// azOffline is in what the program az says where it cannot reach who gives the tokens.
const azOffline = "Max retries exceeded with url"

func sameQuestion(a, b policy.TokenRequestOptions) bool {
	if len(a.Scopes) != len(b.Scopes) || a.Claims != b.Claims || a.TenantID != b.TenantID || a.EnableCAE != b.EnableCAE {
		return false
	}
	for i := range a.Scopes {
		if a.Scopes[i] != b.Scopes[i] {
			return false
		}
	}
	return true
}

// given returns the token that came last, whatever was asked; another one where there is
// none or it is soon at its end.
func (t *tokens) given(ctx context.Context) (string, error) {
	t.mu.Lock()
	last, again := t.last, t.asked
	t.mu.Unlock()
	if lasting(last) {
		return last.Token, nil
	}
	if again.Claims = ""; len(again.Scopes) == 0 { // the SDK has not asked yet
		again = policy.TokenRequestOptions{Scopes: []string{scope}, EnableCAE: true}
	}
	got, err := t.GetToken(ctx, again)
	if err != nil && time.Now().Before(last.ExpiresOn) {
		return last.Token, nil
	}
	return got.Token, err
}

// scope is what the SDK asks a token for.
const scope = "https://storage.azure.com/.default"

// lasting tells whether the SDK would go on with a token.
func lasting(token azcore.AccessToken) bool {
	end := token.RefreshOn
	if end.IsZero() {
		end = token.ExpiresOn.Add(-5 * time.Minute)
	}
	return token.Token != "" && time.Now().Before(end)
}
