package gcs

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/testserver"
)

// guarded is a bucket that wants a login, and the server that gives tokens for it.
type guarded struct {
	server  *testserver.GCS
	url     string // of the bucket
	tokens  *httptest.Server
	fetched atomic.Int64

	mu      sync.Mutex
	good    string // the only token that is accepted
	gives   string // what the token server gives
	refuses string // what it answers instead, if not ""
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{server: testserver.FakeGCS(t, bucket), good: secretToken, gives: secretToken}
	g.tokens = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.fetched.Add(1)
		g.mu.Lock()
		defer g.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		if g.refuses != "" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, g.refuses)
			return
		}
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, g.gives)
	}))
	t.Cleanup(g.tokens.Close)
	pass := middle(t, g.server.URL, func(*http.Request) bool { return false })
	bucket := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		good := r.Header.Get("Authorization") == "Bearer "+g.good
		g.mu.Unlock()
		if !good {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error":{"code":401,"message":"Invalid Credentials %s","errors":[{"reason":"authError"}]}}`, r.Header.Get("Authorization"))
			return
		}
		proxyTo(pass, w, r)
	}))
	t.Cleanup(bucket.Close)
	g.url = bucket.URL
	return g
}

// proxyTo passes a request on.
func proxyTo(target string, w http.ResponseWriter, r *http.Request) {
	out := r.Clone(r.Context())
	out.RequestURI, out.URL.Scheme, out.URL.Host = "", "http", strings.TrimPrefix(target, "http://")
	reply, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer reply.Body.Close()
	for name, values := range reply.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(reply.StatusCode)
	_, _ = io.Copy(w, reply.Body)
}

func (g *guarded) set(change func(*guarded)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(g)
}

var privateKey = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
})

// account is the text of a service account's key.
func (g *guarded) account() []byte {
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "sd@example.iam.gserviceaccount.com", "private_key": privateKey(),
		"private_key_id": "key-id-of-the-tests", "token_uri": g.tokens.URL + "/token",
	})
	if err != nil {
		panic(err)
	}
	return text
}

// signed makes a Config that has a login.
func signed(c *Config) { c.Anonymous = false }

// past makes the login forget that it has just looked.
func past(b *Backend) {
	b.login.mu.Lock()
	defer b.login.mu.Unlock()
	b.login.read = b.login.read.Add(-time.Hour)
	b.login.at = b.login.at.Add(-time.Hour)
}

// TestLogins are found where the configuration says, once for many requests.
func TestLogins(t *testing.T) {
	g := newGuarded(t)
	file := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(file, g.account(), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"text":    func(c *Config) { c.Credentials = func() ([]byte, error) { return g.account(), nil } },
		"file":    func(c *Config) { c.CredentialsFile = file },
		"default": func(c *Config) { t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file) },
	} {
		t.Run(name, func(t *testing.T) {
			g.fetched.Store(0)
			b := open(t, g.url, func(c *Config) { signed(c); change(c) })
			if g.fetched.Load() != 0 {
				t.Error("New asked for a token")
			}
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					if _, err := b.Stat(t.Context(), ""); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			put(t, b, "file", "text")
			if n := g.fetched.Load(); n != 1 {
				t.Errorf("%d tokens were fetched, want 1", n)
			}
			if n := total(b); n != 9 {
				t.Errorf("%d requests are counted, want those to the bucket, 9", n)
			}
			if h := b.Health(); h.Expired || !h.Online {
				t.Errorf("got %+v", h)
			}
		})
	}
}

// TestRefusedToken is replaced once by a new one, and the body is sent from its beginning.
func TestRefusedToken(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	var looked atomic.Int64
	b := open(t, g.url, func(c *Config) {
		signed(c)
		c.Credentials = func() ([]byte, error) { looked.Add(1); return g.account(), nil }
	})
	put(t, b, "file", "text")
	g.set(func(g *guarded) { g.good, g.gives = "ya29.second", "ya29.second" })
	past(b)
	put(t, b, "file", "more text")
	if n := looked.Load(); n != 2 {
		t.Errorf("the credentials were read %d times, want 2", n)
	}
	// Right after that nothing is looked up again, and the login has ended.
	g.set(func(g *guarded) { g.good = "ya29.third" })
	for range 3 {
		_, err := b.Stat(t.Context(), "file")
		if !errors.Is(err, iofs.ErrPermission) || !b.Health().Expired || !strings.Contains(err.Error(), "log in again") {
			t.Errorf("got %v, %+v", err, b.Health())
		}
		if strings.Contains(err.Error(), "ya29.second") || !strings.Contains(err.Error(), "[secret]") {
			t.Errorf("the error tells the token: %v", err)
		}
	}
	if n := looked.Load(); n != 2 {
		t.Errorf("the credentials were read %d times, want 2", n)
	}
	// Later it heals by itself.
	g.set(func(g *guarded) { g.gives = "ya29.third" })
	past(b)
	if got, _, err := read(t.Context(), b, "file", "", 0, -1); err != nil || got != "more text" || b.Health().Expired {
		t.Errorf("got %q, %v, %+v", got, err, b.Health())
	}
}

// TestEndedLogin is refused by who gives the tokens, until there is another.
func TestEndedLogin(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	g.set(func(g *guarded) {
		g.refuses = `{"error":"invalid_grant","error_description":"Token has been expired or revoked. key-id-of-the-tests"}`
	})
	b := open(t, g.url, func(c *Config) {
		signed(c)
		c.Credentials = func() ([]byte, error) { return g.account(), nil }
	})
	for range 3 {
		_, err := b.Stat(t.Context(), "")
		if !errors.Is(err, iofs.ErrPermission) || !strings.Contains(err.Error(), "no login") || strings.Contains(err.Error(), "key-id-of") {
			t.Errorf("got %v", err)
		}
		checkError(t, err)
	}
	if h := b.Health(); !h.Expired || !h.Online {
		t.Errorf("got %+v, want a login that has ended, and a server that is there", h)
	}
	if n := g.fetched.Load(); n != 1 {
		t.Errorf("asked for a token %d times, want 1", n)
	}
	g.set(func(g *guarded) { g.refuses = "" })
	past(b)
	if _, err := b.Stat(t.Context(), ""); err != nil || b.Health().Expired {
		t.Errorf("got %v, %+v", err, b.Health())
	}
}

// TestNoLogin tells what is missing, and where who should be asked does not answer, that
// it is not the login's fault.
func TestNoLogin(t *testing.T) {
	g := newGuarded(t)
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	for name, tt := range map[string]struct {
		text func() ([]byte, error)
		want error
	}{
		"nothing stored": {func() ([]byte, error) { return nil, nil }, iofs.ErrPermission},
		"no JSON":        {func() ([]byte, error) { return []byte("hunter2"), nil }, iofs.ErrPermission},
		"no key":         {func() ([]byte, error) { return []byte(`{"type":"service_account","private_key":"x"}`), nil }, iofs.ErrPermission},
		"a locked store": {func() ([]byte, error) { return nil, errors.New("the keyring is locked") }, iofs.ErrPermission},
		"nobody there": {func() ([]byte, error) {
			return []byte(strings.ReplaceAll(string(g.account()), g.tokens.URL, away.URL)), nil
		}, backends.ErrOffline},
	} {
		b := open(t, g.url, func(c *Config) { signed(c); c.Credentials = tt.text })
		_, err := b.Stat(t.Context(), "")
		if !errors.Is(err, tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
		if h := b.Health(); !h.Online || h.Expired {
			t.Errorf("%s: got %+v", name, h)
		}
		checkError(t, err)
	}
	b := open(t, g.url, func(c *Config) { signed(c); c.CredentialsFile = "/does/not/exist.json" })
	if _, err := b.Stat(t.Context(), ""); !errors.Is(err, iofs.ErrPermission) || !strings.Contains(err.Error(), "/does/not/exist.json") {
		t.Errorf("got %v", err)
	}
}

// TestSilentMetadataServer is the last source of credentials, on a machine that is in no
// cloud. What asks it gives up in time, and later requests at once.
func TestSilentMetadataServer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	t.Setenv("GCE_METADATA_HOST", silent.Addr().String())
	b := open(t, "http://127.0.0.1:1", func(c *Config) { signed(c); hasty(c); c.Patience = time.Second })
	done := make(chan error, 1)
	go func() { _, err := b.Stat(t.Context(), ""); done <- err }()
	select {
	case err := <-done:
		if !errors.Is(err, backends.ErrOffline) || !strings.Contains(err.Error(), "in time") {
			t.Errorf("got %v, want %v", err, backends.ErrOffline)
		}
	case <-time.After(bound):
		t.Fatal("it waits for the metadata server")
	}
}

// TestAnonymous sends no login, to an emulator too, unless one is given.
func TestAnonymous(t *testing.T) {
	var got atomic.Value
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.Header.Get("Authorization"))
		fmt.Fprint(w, `{}`)
	}))
	defer s.Close()
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(s.URL, "http://"))
	for _, c := range []Config{{Bucket: bucket}, {Bucket: bucket, Endpoint: s.URL, Anonymous: true}} {
		b, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if _, err := b.Stat(t.Context(), ""); err != nil || got.Load() != "" {
			t.Errorf("%+v: got %q, %v", c, got.Load(), err)
		}
	}
}

// TestConfig is about what can be seen without asking anybody.
func TestConfig(t *testing.T) {
	t.Parallel()
	text := func() ([]byte, error) { return nil, nil }
	for _, tt := range []struct {
		c    Config
		want string // of the error, "" for none
	}{
		{Config{Bucket: "photos"}, ""},
		{Config{Bucket: "example.com:photos", Endpoint: "storage.example.com"}, ""},
		{Config{Bucket: "photos", Endpoint: "http://127.0.0.1:4443/"}, ""},
		{Config{}, "no bucket name"},
		{Config{Bucket: "a/b"}, "no bucket name"},
		{Config{Bucket: "b", Anonymous: true, CredentialsFile: "x"}, "takes no credentials"},
		{Config{Bucket: "b", CredentialsFile: "x", Credentials: text}, "not from both"},
		{Config{Bucket: "b", Endpoint: "ftp://x"}, "no URL"},
		{Config{Bucket: "b", Endpoint: "https://user:hunter2@x"}, "a scheme and a host"},
		{Config{Bucket: "b", Endpoint: "https://x/storage/v1"}, "a scheme and a host"},
	} {
		b, err := New(tt.c)
		if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%+v: got %v, want %q", tt.c, err, tt.want)
		}
		if b != nil {
			b.Close()
		}
	}
}

// TestReaches is about which buckets one account reaches.
func TestReaches(t *testing.T) {
	t.Parallel()
	text := func(s string) func() ([]byte, error) { return func() ([]byte, error) { return []byte(s), nil } }
	base := Config{Endpoint: "https://a", Credentials: text("x")}
	for _, tt := range []struct {
		other Config
		want  bool
	}{
		{Config{Endpoint: "https://a", Credentials: text("x")}, true},
		{Config{Endpoint: "https://a", Credentials: text("y")}, false},
		{Config{Endpoint: "https://b", Credentials: text("x")}, false},
		{Config{Endpoint: "https://a", CredentialsFile: "x"}, false},
		{Config{Endpoint: "https://a", Anonymous: true}, false},
		{Config{Endpoint: "https://a"}, false},
	} {
		if got := base.reaches(&tt.other); got != tt.want {
			t.Errorf("%+v: got %v, want %v", tt.other, got, tt.want)
		}
	}
}
