package azblob

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// credentialError is a failure to find out who we are. No request was sent.
type credentialError struct{ error }

func (e *credentialError) Unwrap() error { return e.error }

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
	last   string
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

// GetToken is the SDK's question. It keeps what it gets until shortly before its end.
func (t *tokens) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	t.mu.Lock()
	if t.failed != nil && time.Now().Before(t.until) {
		defer t.mu.Unlock()
		return azcore.AccessToken{}, t.failed
	}
	f := t.flight
	if f == nil || !sameQuestion(f.asked, o) {
		if t.life.Err() != nil {
			defer t.mu.Unlock()
			return azcore.AccessToken{}, &credentialError{errors.New("the volume was closed")}
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
		return azcore.AccessToken{}, &credentialError{errors.New("no source of credentials answered in time")}
	}
}

func (t *tokens) fly(f *tokenFlight) {
	ctx, cancel := context.WithTimeout(t.life, longest)
	defer cancel()
	f.token, f.err = t.chain.GetToken(ctx, f.asked)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = nil
	if f.err != nil {
		f.err = &credentialError{f.err}
		t.failed, t.until = f.err, time.Now().Add(t.patience)
	} else {
		t.last = f.token.Token
		t.hide(t.last)
	}
	if t.flight == f {
		t.flight = nil
	}
	close(f.done)
}

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

// given returns the token that was got last, "" if none was.
func (t *tokens) given() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}
