package azblob

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sd/backends"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// chained makes a backend whose tokens come from source, for the container that s plays.
func chained(t *testing.T, s *httptest.Server, source azcore.TokenCredential) *Backend {
	t.Helper()
	b := open(t, func(c *Config) {
		c.Endpoint, c.Container, c.Auth, c.Transport = s.URL, "strange", AuthDefault, s.Client().Transport
	})
	b.chain = source
	return b
}

// TestUnreachableLogin tells who did not answer from who has refused, to many at once.
func TestUnreachableLogin(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	for name, tt := range map[string]struct {
		err  error
		want error
	}{
		"no network": {&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "login.example.com"}}, backends.ErrOffline},
		"az without a network": {errors.New("AzureCLICredential: ERROR: HTTPSConnectionPool(host='login.microsoftonline.com', port=443): " +
			"Max retries exceeded with url: /organizations"), backends.ErrOffline},
		"az without a login": {errors.New("AzureCLICredential: ERROR: Please run 'az login' to setup account."), iofs.ErrPermission},
		"no such file":       {&os.PathError{Op: "open", Path: "token", Err: os.ErrNotExist}, iofs.ErrPermission},
		"refused":            {&azidentity.AuthenticationFailedError{RawResponse: &http.Response{StatusCode: 401, Body: http.NoBody}}, iofs.ErrPermission},
		"overloaded":         {&azidentity.AuthenticationFailedError{RawResponse: &http.Response{StatusCode: 503, Body: http.NoBody}}, backends.ErrOffline},
	} {
		b := chained(t, s, &chain{err: tt.err})
		var asking sync.WaitGroup
		for range 4 { // they share what the source says
			asking.Go(func() {
				_, err := b.Stat(t.Context(), "file")
				if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), "no login") {
					t.Errorf("%s: got %v, want %v", name, err, tt.want)
				}
				checkError(t, err)
			})
		}
		asking.Wait()
		if h := b.Health(); !h.Online || h.Expired != (tt.want == iofs.ErrPermission) {
			t.Errorf("%s: got %+v", name, h)
		}
	}
	b := chained(t, s, &chain{takes: time.Hour})
	b.cfg.Patience = 50 * time.Millisecond
	if _, err := b.Stat(t.Context(), "file"); !errors.Is(err, backends.ErrOffline) || !strings.Contains(err.Error(), "in time") || b.Health().Expired {
		t.Errorf("got %v, %+v, want %v and a login that has not ended", err, b.Health(), backends.ErrOffline)
	}
}

// TestUnreachableSources asks the SDK's own sources, who keep only the text of what has
// gone wrong.
func TestUnreachableSources(t *testing.T) {
	for name, value := range map[string]string{
		"AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential", "AZURE_TENANT_ID": "tenant",
		"AZURE_CLIENT_ID": "client", "AZURE_CLIENT_SECRET": "secret-of-the-tests",
	} {
		t.Setenv(name, value)
	}
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	refuses := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "openid-configuration") {
			fmt.Fprintf(w, `{"token_endpoint":"https://%s/tenant/token","authorization_endpoint":"https://%[1]s/tenant/a","issuer":"https://%[1]s/tenant"}`, r.Host)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":"invalid_client"}`)
	}))
	defer refuses.Close()
	away := httptest.NewTLSServer(http.NotFoundHandler())
	away.Close()
	for _, tt := range []struct {
		at   *httptest.Server
		want error
	}{{refuses, iofs.ErrPermission}, {away, backends.ErrOffline}} {
		source, err := newChain(azidentity.DefaultAzureCredentialOptions{
			DisableInstanceDiscovery: true,
			ClientOptions: policy.ClientOptions{
				Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: tt.at.URL},
				Transport: refuses.Client(),
				Retry:     policy.RetryOptions{MaxRetries: -1},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		b := chained(t, s, source)
		_, err = b.Stat(t.Context(), "file")
		if !errors.Is(err, tt.want) || strings.Contains(err.Error(), "secret-of-the-tests") {
			t.Errorf("got %v, want %v", err, tt.want)
		}
		if h := b.Health(); !h.Online || h.Expired != (tt.want == iofs.ErrPermission) {
			t.Errorf("got %+v", h)
		}
	}
}

// lives is a source of numbered tokens; the first is at its end after a while.
type lives struct {
	first time.Duration
	only  bool // there is no second
	asked atomic.Int64
}

func (l *lives) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	n, life := l.asked.Add(1), time.Hour
	if n == 1 {
		life = l.first
	}
	if n > 1 && l.only {
		return azcore.AccessToken{}, errors.New("no more tokens")
	}
	if len(o.Scopes) != 1 || o.Scopes[0] != scope {
		return azcore.AccessToken{}, fmt.Errorf("asked for %q", o.Scopes)
	}
	return azcore.AccessToken{Token: fmt.Sprintf("token-%d", n), ExpiresOn: time.Now().Add(life)}, nil
}

// TestTokenOfSource has a copy carry the same token for itself and for its source, be it
// the first request or the first after the token's end.
func TestTokenOfSource(t *testing.T) {
	t.Parallel()
	var own, source atomic.Value
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v"`)
		switch op(r) {
		case "COPY":
			own.Store(r.Header.Get("Authorization"))
			source.Store(r.Header.Get("x-ms-copy-source-authorization"))
			w.WriteHeader(http.StatusAccepted)
		default:
			fmt.Fprint(w, "text")
		}
	}))
	defer s.Close()
	for _, tt := range []struct {
		name   string
		first  time.Duration // the life of the first token
		only   bool          // there is no second
		before bool          // something is asked before the copy
		want   string
		asked  int64
	}{
		{"the first request", time.Hour, false, false, "Bearer token-1", 1},
		{"another request before", time.Hour, false, true, "Bearer token-1", 1},
		{"a token at its end", -time.Second, false, true, "Bearer token-2", 2},
		{"a token near its end", time.Minute, true, true, "Bearer token-1", 2},
	} {
		from := &lives{first: tt.first, only: tt.only}
		b := chained(t, s, from)
		if tt.before {
			if got, _, err := read(t.Context(), b, "file", "", 0, -1); got != "text" || err != nil {
				t.Fatalf("%s: got %q, %v", tt.name, got, err)
			}
		}
		if _, err := b.Copy(t.Context(), "dst", "file", backends.CopyOptions{Source: "v", Size: 4}); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if own.Load() != tt.want || source.Load() != tt.want {
			t.Errorf("%s: got %v, and %v for the source, want %v", tt.name, own.Load(), source.Load(), tt.want)
		}
		if n := from.asked.Load(); n != tt.asked {
			t.Errorf("%s: %d tokens were asked for, want %d", tt.name, n, tt.asked)
		}
	}
	// Where no token is to be had, the copy is not tried.
	own.Store("")
	b := chained(t, s, &chain{err: errors.New("no login")})
	if _, err := b.Copy(t.Context(), "dst", "file", backends.CopyOptions{Source: "v", Size: 4}); !errors.Is(err, iofs.ErrPermission) || own.Load() != "" {
		t.Errorf("got %v, sent %v, want %v", err, own.Load(), iofs.ErrPermission)
	}
}
