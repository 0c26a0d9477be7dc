package gcs

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync/atomic"

	"sd/backends/internal/rest"

	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	sdk "google.golang.org/api/storage/v1"
)

// connect returns the SDK's client, which the first call makes.
func (b *Backend) connect(ctx context.Context) (*sdk.Service, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.api != nil {
		return b.api, nil
	}
	client := &http.Client{
		Transport:     carrier{b},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	api, err := sdk.NewService(ctx, option.WithHTTPClient(client), option.WithEndpoint(b.cfg.Endpoint+"/storage/v1/"))
	if err != nil {
		return nil, err
	}
	api.UserAgent = "sd"
	b.api = api
	return api, nil
}

// carrier sends the SDK's requests, with a login.
type carrier struct{ b *Backend }

// unsigned is the key of contexts whose requests go without a login.
type unsigned struct{}

// refusedKey is the key of contexts whose value, a *refusal, is told of a token that the
// service refuses.
type refusedKey struct{}

type refusal struct{ token atomic.Pointer[oauth2.Token] }

// RoundTrip adds the login. Stored bytes are asked for as they are stored: without the
// word gzip the service would unpack what was stored packed.
func (c carrier) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	req = req.Clone(ctx)
	if req.URL.Query().Get("alt") == "media" {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	if c.b.login == nil || ctx.Value(unsigned{}) != nil {
		return c.b.rest.Do(req)
	}
	token, err := c.b.login.token(ctx)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	token.SetAuthHeader(req)
	reply, err := c.b.rest.Do(req)
	if err == nil && reply.StatusCode == http.StatusUnauthorized {
		if r, ok := ctx.Value(refusedKey{}).(*refusal); ok {
			r.token.Store(token)
		}
	}
	return reply, err
}

// probe asks for anything, without a login: a refusal is a sign of life.
func (b *Backend) probe(ctx context.Context) {
	if api, err := b.connect(ctx); err == nil {
		ctx = context.WithValue(ctx, unsigned{}, true)
		_, _ = api.Buckets.Get(b.cfg.Bucket).Fields("name").Context(ctx).Do()
	}
}

// maxAttempts bounds the attempts of one request; patience ends most before.
const maxAttempts = 7

// try runs ask, again while what it fails by may pass, and once more with another login
// where the service refused the one it had.
func (b *Backend) try(call *rest.Call, ask func(context.Context, *sdk.Service) error) error {
	ctx := call.Context()
	api, err := b.connect(ctx)
	if err != nil {
		return err
	}
	var refused refusal
	ctx = context.WithValue(ctx, refusedKey{}, &refused)
	renewed := false
	for failed := 0; ; {
		err := ask(ctx, api)
		readBody(err)
		switch {
		case err == nil:
			b.signedIn(true)
			return nil
		case statusOf(err) == http.StatusUnauthorized && b.login != nil:
			if !renewed && b.login.renew(refused.token.Load()) {
				renewed = true
				continue
			}
			b.signedIn(false)
			return err
		case !passing(err):
			if status := statusOf(err); status >= 300 && status < 500 {
				b.signedIn(true)
			}
			return err
		}
		rest.Note(ctx, err)
		if failed++; failed == maxAttempts || !rest.Pause(ctx, rest.Backoff(failed)) {
			return err
		}
	}
}

// signedIn notes whether the service accepts the login.
func (b *Backend) signedIn(accepted bool) {
	if b.login != nil {
		b.login.expired.Store(!accepted)
	}
}

// passing tells whether trying again may help.
func passing(err error) bool {
	if ctxErr := (interface{ RetryableError() bool })(nil); errors.As(err, &ctxErr) {
		return ctxErr.RetryableError()
	}
	switch statusOf(err) {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	case http.StatusForbidden:
		return slices.Contains([]string{"rateLimitExceeded", "userRateLimitExceeded"}, reasonOf(err))
	}
	return errors.Is(err, io.ErrUnexpectedEOF)
}

// readBody reads the body of a refusal, which the SDK does not where bytes were asked for.
func readBody(err error) {
	var answer *googleapi.Error
	if !errors.As(err, &answer) || answer.Message != "" || len(answer.Errors) > 0 {
		return
	}
	var told struct {
		Error struct {
			Message string
			Errors  []googleapi.ErrorItem
		}
	}
	if json.Unmarshal([]byte(answer.Body), &told) != nil {
		answer.Message = answer.Body // it is plain text
		return
	}
	answer.Message, answer.Errors = told.Error.Message, told.Error.Errors
}

// statusOf returns the HTTP status of an answer, or 0 if there was none.
func statusOf(err error) int {
	var answer *googleapi.Error
	if errors.As(err, &answer) {
		return answer.Code
	}
	return 0
}

// reasonOf returns the service's own word for a refusal.
func reasonOf(err error) string {
	var answer *googleapi.Error
	if errors.As(err, &answer) && len(answer.Errors) > 0 {
		return answer.Errors[0].Reason
	}
	return ""
}
