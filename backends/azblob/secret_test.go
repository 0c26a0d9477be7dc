package azblob

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sd/backends"
	"sd/internal/testserver"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
)

// signature makes a shared access signature of a container.
func signature(t *testing.T, container string, may sas.ContainerPermissions, until time.Time) string {
	t.Helper()
	u, err := azurite.MustContainer(t, container).GetSASURL(may, until, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, query, _ := strings.Cut(u, "?")
	return query
}

func ofSAS(query string) func(*Config) {
	return func(c *Config) { c.Auth, c.Secret = AuthSAS, func() (string, error) { return query, nil } }
}

// TestSignatures uses a shared access signature for all that a volume does, given in each
// of the forms that people paste.
func TestSignatures(t *testing.T) {
	t.Parallel()
	all := sas.ContainerPermissions{Read: true, Add: true, Create: true, Write: true, Delete: true, List: true}
	for _, form := range []string{"%s", "?%s", "https://account.blob.core.windows.net/photos?%s\n"} {
		name, endpoint := fresh(t), middle(t, nil)
		query := signature(t, name, all, time.Now().Add(time.Hour))
		b := open(t, func(c *Config) {
			ofSAS(fmt.Sprintf(form, query))(c)
			c.Container, c.Endpoint = name, endpoint
		})
		if err := write(t, b, "PART", "d/file", "text"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Copy(t.Context(), "d/copy", "d/file", backends.CopyOptions{}); err != nil {
			t.Fatal(err)
		}
		u, err := b.Upload(t.Context(), "d/joined", "", backends.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		part, err := u.CopyPart(t.Context(), 1, "d/copy", "", 1, 2)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Commit(t.Context(), []backends.Part{part}, backends.Cond{Absent: true}); err != nil {
			t.Fatal(err)
		}
		if got, _, err := read(t.Context(), b, "d/joined", "", 0, -1); got != "ex" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		if got := names(t, b, "d"); len(got) != 3 {
			t.Errorf("got %q", got)
		}
		if err := b.Remove(t.Context(), "d/file", backends.Cond{}); err != nil {
			t.Error(err)
		}
	}
}

// TestExpiredSignature says that the login has ended, and heals when there is another
// signature, without a new backend.
func TestExpiredSignature(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	l.seed(t, "file", "text")
	may := sas.ContainerPermissions{Read: true, List: true}
	good, old := signature(t, l.cfg.Container, may, time.Now().Add(time.Hour)), signature(t, l.cfg.Container, may, time.Now().Add(-time.Hour))
	var stored atomic.Value
	var asked atomic.Int64
	stored.Store(old)
	b := open(t, func(c *Config) {
		c.Container, c.Auth = l.cfg.Container, AuthSAS
		c.Secret = func() (string, error) { asked.Add(1); return stored.Load().(string), nil }
	})
	for range 20 {
		_, err := b.Stat(t.Context(), "file")
		if !errors.Is(err, iofs.ErrPermission) || !strings.Contains(err.Error(), "sd volume login") {
			t.Fatalf("got %v, want %v and the next step", err, iofs.ErrPermission)
		}
		checkError(t, err)
	}
	if h := b.Health(); !h.Expired || !h.Online {
		t.Errorf("got %+v, want it online, with an expired login", h)
	}
	if n := asked.Load(); n > 3 {
		t.Errorf("the secret was asked for %d times", n)
	}
	stored.Store(good)
	until(t, "it heals", func() bool { _, err := b.Stat(t.Context(), "file"); return err == nil })
	if b.Health().Expired {
		t.Error("the login is still said to have expired")
	}
}

// TestReadOnly is what a signature that may only read says of the rest.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	l.seed(t, "file", "text")
	b := open(t, func(c *Config) {
		ofSAS(signature(t, l.cfg.Container, sas.ContainerPermissions{Read: true, List: true}, time.Now().Add(time.Hour)))(c)
		c.Container = l.cfg.Container
	})
	if got, _, err := read(t.Context(), b, "file", "", 0, -1); got != "text" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	_, err := b.Put(t.Context(), "new", strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{})
	if !errors.Is(err, iofs.ErrPermission) {
		t.Errorf("put: got %v, want %v", err, iofs.ErrPermission)
	}
	checkError(t, err)
	if err := b.Remove(t.Context(), "file", backends.Cond{}); !errors.Is(err, iofs.ErrPermission) {
		t.Errorf("remove: got %v, want %v", err, iofs.ErrPermission)
	}
}

// TestWrongKey and the like say what to do, and make no request where none is of use.
func TestWrongSecrets(t *testing.T) {
	t.Parallel()
	gone := errors.New("the keyring is locked")
	for _, tt := range []struct {
		name   string
		auth   string
		secret func() (string, error)
		text   string
		asks   bool
	}{
		{"another key", AuthKey, func() (string, error) { return "bm90IHRoZSBrZXk=", nil }, "sd volume login", true},
		{"no key", AuthKey, func() (string, error) { return "pass%word", nil }, "sd volume login", false},
		{"an empty key", AuthKey, func() (string, error) { return "", nil }, "sd volume login", false},
		{"no signature", AuthSAS, func() (string, error) { return "password", nil }, "sd volume login", false},
		{"no secret", AuthKey, func() (string, error) { return "", gone }, "keyring is locked", false},
	} {
		l := newLab(t, func(c *Config) { c.Auth, c.Secret = tt.auth, tt.secret })
		_, err := l.Stat(t.Context(), "")
		if !errors.Is(err, iofs.ErrPermission) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: got %v, want %v that tells of %q", tt.name, err, iofs.ErrPermission, tt.text)
		}
		checkError(t, err)
		if asked := l.faults.Count("") > 0 || len(l.faults.Requests()) > 0; asked != tt.asks || !l.Health().Expired {
			t.Errorf("%s: asked %v, %+v", tt.name, asked, l.Health())
		}
		if err != nil && tt.secret != nil {
			if secret, _ := tt.secret(); secret != "" && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error tells the secret: %v", tt.name, err)
			}
		}
	}
}

// TestEchoedSecret has a server say back all that it was sent.
func TestEchoedSecret(t *testing.T) {
	t.Parallel()
	query := "sv=2024-01-01&sp=rl&sig=abc%2Bdef%2Fghi%3D"
	for _, code := range []string{"AuthenticationFailed", "AuthorizationFailure", "InternalError", "nonsense sig=abc%2Bdef%2Fghi%3D"} {
		b := strange(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("x-ms-request-id", r.URL.RawQuery)
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>abc+def/ghi= of %s and %s</Message></Error>", url.QueryEscape(code),
				strings.ReplaceAll(r.URL.RawQuery, "&", " "), r.URL.Query().Get("sig"))
		})
		b.cfg.Auth, b.secrets.ask = AuthSAS, func() (string, error) { return "?" + query, nil }
		for _, ask := range []func() error{
			func() error { _, err := b.Stat(t.Context(), "file"); return err },
			func() error { _, _, err := b.Get(t.Context(), "file", "", 0, -1); return err },
			func() error { return b.Rmdir(t.Context(), "dir") },
		} {
			err := ask()
			if !errors.Is(err, iofs.ErrPermission) {
				t.Errorf("got %v, want %v", err, iofs.ErrPermission)
			}
			for _, secret := range []string{"abc+def", "abc%2Bdef", "abc%2bdef", query} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%s: the error tells the signature: %v", code, err)
				}
			}
		}
	}
}

// TestUnreachableWithSecret says nothing of the signature in the URL that it could not ask.
func TestUnreachableWithSecret(t *testing.T) {
	t.Parallel()
	l := newLab(t, func(c *Config) { hasty(c); ofSAS("sv=1&sig=abcdefghijk")(c) })
	l.faults.Refuse()
	_, err := l.Stat(t.Context(), "file")
	if !errors.Is(err, backends.ErrOffline) || strings.Contains(err.Error()+l.Health().Err, "abcdefghijk") {
		t.Errorf("got %v and %+v, want %v without the signature", err, l.Health(), backends.ErrOffline)
	}
}

// TestWrongClock tells of the clock where that is what the service dislikes.
func TestWrongClock(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		off  time.Duration
		text string
	}{{0, "sd volume login"}, {-time.Hour, "clock is wrong"}, {time.Hour, "clock is wrong"}} {
		b := strange(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(tt.off).UTC().Format(http.TimeFormat))
			w.Header().Set("x-ms-error-code", "AuthenticationFailed")
			w.WriteHeader(http.StatusForbidden)
		})
		_, err := b.Stat(t.Context(), "file")
		if !errors.Is(err, iofs.ErrPermission) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%v off: got %v, want %v that tells %q", tt.off, err, iofs.ErrPermission, tt.text)
		}
		if expired := b.Health().Expired; expired != (tt.off == 0) {
			t.Errorf("%v off: expired is %v", tt.off, expired)
		}
	}
}

// chain is a source of tokens that takes its time.
type chain struct {
	takes time.Duration
	err   error
	asked atomic.Int64
}

func (c *chain) GetToken(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.asked.Add(1)
	select {
	case <-time.After(c.takes):
		return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, c.err
	case <-ctx.Done():
		return azcore.AccessToken{}, ctx.Err()
	}
}

// TestTokens waits for a token no longer than patience, uses what came late, remembers a
// failure for a while, and lets nothing run after close.
func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ask := policy.TokenRequestOptions{Scopes: []string{"s"}}
		slow := &chain{takes: 5 * time.Second}
		tokens := newTokens(slow, 2*time.Second, func(string) {})
		_, err := tokens.GetToken(t.Context(), ask)
		if !errors.As(err, new(*credentialError)) {
			t.Errorf("got %v, want a credentialError", err)
		}
		if _, err = tokens.GetToken(t.Context(), ask); err == nil {
			t.Error("there was a token too early")
		}
		got, err := tokens.GetToken(t.Context(), ask)
		if err != nil || got.Token != "token" || slow.asked.Load() != 1 {
			t.Errorf("got %+v, %v after %d questions", got, err, slow.asked.Load())
		}
		if got, err := tokens.given(t.Context()); got != "token" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		tokens.close()

		broken := &chain{takes: time.Millisecond, err: errors.New("no login")}
		tokens = newTokens(broken, 2*time.Second, func(string) {})
		for range 10 {
			if _, err := tokens.GetToken(t.Context(), ask); !errors.Is(err, broken.err) {
				t.Errorf("got %v, want %v", err, broken.err)
			}
		}
		if broken.asked.Load() != 1 {
			t.Errorf("asked %d times", broken.asked.Load())
		}
		time.Sleep(2 * time.Second)
		if _, _ = tokens.GetToken(t.Context(), ask); broken.asked.Load() != 2 {
			t.Errorf("asked %d times", broken.asked.Load())
		}
		tokens.close()

		stuck := &chain{takes: time.Hour}
		tokens = newTokens(stuck, time.Second, func(string) {})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := tokens.GetToken(ctx, ask); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		tokens.close()
		if _, err := tokens.GetToken(t.Context(), ask); err == nil {
			t.Error("there was a token after close")
		}
	})
}

// TestBearer sends the token with each request, and to the service for what it copies.
func TestBearer(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer token" {
			t.Errorf("%s: got Authorization %q", op(r), got)
		}
		w.Header().Set("ETag", `"v"`)
		switch op(r) {
		case "COPY":
			if got := r.Header.Get("x-ms-copy-source-authorization"); got != "Bearer token" {
				t.Errorf("got %q for the source", got)
			}
			w.WriteHeader(http.StatusAccepted)
		case "GET":
			fmt.Fprint(w, "text")
		default:
			w.Header().Set("x-ms-error-code", "InvalidAuthenticationInfo")
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, "<Error><Code>InvalidAuthenticationInfo</Code><Message>no more of Bearer token</Message></Error>")
		}
	}))
	defer s.Close()
	b := open(t, func(c *Config) {
		c.Endpoint, c.Container, c.Auth, c.Transport = s.URL, "strange", AuthDefault, s.Client().Transport
	})
	source := &chain{}
	b.chain = source
	if got, _, err := read(t.Context(), b, "file", "", 0, -1); got != "text" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := b.Copy(t.Context(), "dst", "file", backends.CopyOptions{Source: "v", Size: 4}); err != nil {
		t.Error(err)
	}
	if source.asked.Load() != 1 {
		t.Errorf("%d tokens were asked for, want one", source.asked.Load())
	}
	_, err := b.Stat(t.Context(), "file")
	if !errors.Is(err, iofs.ErrPermission) || strings.Contains(err.Error(), "Bearer token") || !b.Health().Expired {
		t.Errorf("got %v and %+v, want %v without the token", err, b.Health(), iofs.ErrPermission)
	}
}

// TestConfig tells what is wrong, and completes what is right.
func TestConfig(t *testing.T) {
	t.Parallel()
	secret := func() (string, error) { return testserver.AzureKey, nil }
	for _, tt := range []struct {
		cfg  Config
		want string // the endpoint, or with "!" a part of the error
	}{
		{Config{Account: "photos1", Container: "abc"}, "https://photos1.blob.core.windows.net"},
		{Config{Account: "photos1", Container: "$web", Auth: AuthAnonymous}, "https://photos1.blob.core.windows.net"},
		{Config{Container: "abc", Endpoint: "photos1.blob.core.chinacloudapi.cn/"}, "https://photos1.blob.core.chinacloudapi.cn"},
		{Config{Account: "dev", Container: "abc", Endpoint: "http://127.0.0.1:10000"}, "http://127.0.0.1:10000/dev"},
		{Config{Container: "abc", Endpoint: "http://localhost:1/dev/"}, "http://localhost:1/dev"},
		{Config{Account: "photos1", Container: "abc", Auth: AuthKey, Secret: secret}, "https://photos1.blob.core.windows.net"},
		{Config{Account: "photos1", Container: "ab"}, "!no name of a container"},
		{Config{Account: "photos1", Container: "Abc"}, "!no name of a container"},
		{Config{Account: "photos1", Container: "a--b"}, "!no name of a container"},
		{Config{Account: "photos1", Container: "abc/def"}, "!no name of a container"},
		{Config{Account: "Photos", Container: "abc"}, "!no name of a storage account"},
		{Config{Container: "abc"}, "!no name of a storage account"},
		{Config{Container: "abc", Endpoint: "http://127.0.0.1:1"}, "!does not name the storage account"},
		{Config{Account: "photos1", Container: "abc", Auth: "magic"}, "!no way to log in"},
		{Config{Account: "photos1", Container: "abc", Auth: AuthKey}, "!takes a secret"},
		{Config{Account: "photos1", Container: "abc", Secret: secret}, "!no use"},
		{Config{Account: "photos1", Container: "abc", Endpoint: "https://x?sig=secret"}, "!must not hold"},
		{Config{Account: "photos1", Container: "abc", Endpoint: "ftp://x"}, "!no URL"},
	} {
		b, err := New(tt.cfg)
		if part, bad := strings.CutPrefix(tt.want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "sig=") {
				t.Errorf("%+v: got %v, want %q", tt.cfg, err, part)
			}
			continue
		}
		if err != nil || b.cfg.Endpoint != tt.want {
			t.Errorf("%+v: got %v, want %q", tt.cfg, err, tt.want)
		}
	}
}
