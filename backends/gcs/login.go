package gcs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sd/backends/internal/rest"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// scope is what tokens are asked for. With less, metadata cannot be changed in place.
const scope = "https://www.googleapis.com/auth/devstorage.full_control"

// credentialError is a failure to find out who we are. The bucket was not asked.
type credentialError struct {
	error
	unreachable bool // nobody has refused anything: who should be asked did not answer
}

func (e *credentialError) Unwrap() error { return e.error }

// RetryableError tells retry loops that trying again is useless.
func (e *credentialError) RetryableError() bool { return false }

// login keeps the token that requests carry. One goroutine at a time fetches one; that
// has its own deadline, for the last resort is the metadata server of a machine that may
// be in no cloud. A failure is remembered for a while.
type login struct {
	cfg      Config
	patience time.Duration
	client   *http.Client
	expired  atomic.Bool // what was found out last: the service wants another login
	cut      atomic.Bool // a request of the present fetch got no answer

	mu      sync.Mutex
	source  oauth2.TokenSource // nil: to be found
	now     *oauth2.Token
	flight  chan struct{} // closed when the fetch that runs is over; nil while none runs
	failed  error
	at      time.Time // of the failure
	read    time.Time // when the credentials were read last
	secrets []string
}

// rereadAfter is the shortest time between two looks at the credentials.
const rereadAfter = 2 * time.Second

func newLogin(cfg Config) *login {
	// It ends before the patience of an operation, so that the reason is told.
	patience := 3500 * time.Millisecond
	if cfg.Patience > 0 {
		patience = cfg.Patience * 8 / 10
	}
	transport := cfg.Transport
	if transport == nil {
		transport = rest.NewTransport(nil)
	}
	l := &login{cfg: cfg, patience: patience}
	l.client = &http.Client{Transport: noting{transport, l}, Timeout: 2 * patience}
	return l
}

// noting notes that a request got no answer: the libraries keep only the text of that.
type noting struct {
	http.RoundTripper
	l *login
}

func (n noting) RoundTrip(req *http.Request) (*http.Response, error) {
	reply, err := n.RoundTripper.RoundTrip(req)
	if err != nil {
		n.l.cut.Store(true)
	}
	return reply, err
}

// CloseIdleConnections is what http.Client looks for.
func (n noting) CloseIdleConnections() {
	if t, ok := n.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

func (l *login) close() { l.client.CloseIdleConnections() }

// token returns a token that is good, as far as anybody knows.
func (l *login) token(ctx context.Context) (*oauth2.Token, error) {
	var late <-chan time.Time
	for {
		l.mu.Lock()
		switch {
		case l.now.Valid():
			defer l.mu.Unlock()
			return l.now, nil
		case l.failed != nil && time.Since(l.at) < rereadAfter:
			defer l.mu.Unlock()
			return nil, l.failed
		case l.flight == nil:
			l.flight = make(chan struct{})
			go l.fetch(l.flight)
		}
		flight := l.flight
		l.mu.Unlock()
		if late == nil {
			late = time.After(l.patience)
		}
		select {
		case <-flight:
		case <-late:
			return nil, &credentialError{errors.New("no source of credentials answered in time"), true}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		l.mu.Lock()
		now, failed := l.now, l.failed
		l.mu.Unlock()
		switch {
		case failed != nil:
			return nil, failed
		case now != nil: // a token of a short life is never valid for long enough
			return now, nil
		} // what came was refused to somebody else meanwhile
	}
}

// fetch gets a token and ends the flight.
func (l *login) fetch(flight chan struct{}) {
	l.cut.Store(false)
	token, err := l.ask()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed, l.at = nil, time.Now()
	if err != nil {
		l.source = nil // there may be another one by then
		var refused *oauth2.RetrieveError
		answered := errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < 500
		l.failed = &credentialError{err, !answered && (refused != nil || l.cut.Load())}
		if answered {
			l.expired.Store(true)
		}
	} else {
		l.now = token
		l.secrets = append(l.secrets[:min(len(l.secrets), maxSecrets):min(len(l.secrets), maxSecrets)], token.AccessToken)
	}
	l.flight = nil
	close(flight)
}

// maxSecrets is how many secrets of the credentials are kept to be struck out of texts;
// the present token comes behind them.
const maxSecrets = 8

func (l *login) ask() (*oauth2.Token, error) {
	l.mu.Lock()
	source := l.source
	l.mu.Unlock()
	if source == nil {
		var err error
		if source, err = l.find(); err != nil {
			return nil, err
		}
		l.mu.Lock()
		l.source = source
		l.mu.Unlock()
	}
	return source.Token()
}

// find looks for credentials.
func (l *login) find() (oauth2.TokenSource, error) {
	l.mu.Lock()
	l.read = time.Now()
	l.mu.Unlock()
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, l.client)
	text, err := l.given()
	if err != nil {
		return nil, err
	}
	if text == nil {
		found, err := google.FindDefaultCredentials(ctx, scope)
		if err != nil {
			return nil, err
		}
		return found.TokenSource, nil
	}
	var kind struct{ Type google.CredentialsType }
	if err := json.Unmarshal(text, &kind); err != nil || kind.Type == "" {
		return nil, errors.New("the credentials are no JSON text as Google's tools write it")
	}
	l.remember(text)
	found, err := google.CredentialsFromJSONWithType(ctx, text, kind.Type, scope)
	if err != nil {
		return nil, err
	}
	return found.TokenSource, nil
}

// given returns the credentials of the configuration, nil if it has none.
func (l *login) given() ([]byte, error) {
	switch {
	case l.cfg.Credentials != nil:
		text, err := l.cfg.Credentials()
		if err == nil && len(text) == 0 {
			err = errors.New("the volume's credentials are not stored")
		}
		return text, err
	case l.cfg.CredentialsFile != "":
		text, err := os.ReadFile(l.cfg.CredentialsFile)
		if err == nil && len(text) == 0 {
			err = fmt.Errorf("%s is empty", l.cfg.CredentialsFile)
		}
		return text, err
	}
	return nil, nil
}

// remember keeps what must not be told.
func (l *login) remember(text []byte) {
	var keys map[string]any
	if json.Unmarshal(text, &keys) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets = nil
	for _, name := range []string{"private_key", "private_key_id", "client_secret", "refresh_token"} {
		if secret, ok := keys[name].(string); ok && secret != "" {
			l.secrets = append(l.secrets, secret)
		}
	}
}

// renew drops the token that the service has refused, and what it came from. It tells
// whether there may be a better one: another has come since the refused one was sent, is
// on its way, or was not looked for a moment ago.
func (l *login) renew(refused *oauth2.Token) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.flight != nil || l.now == nil || refused == nil || l.now.AccessToken != refused.AccessToken {
		return true
	}
	if time.Since(l.read) < rereadAfter {
		return false
	}
	l.now, l.source, l.failed = nil, nil, nil
	return true
}

// redact strikes our secrets out of text that came from elsewhere.
func (l *login) redact(text string) string {
	if l == nil {
		return text
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, secret := range l.secrets {
		text = strings.ReplaceAll(text, secret, "[secret]")
	}
	return text
}
