package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sd/backends"
	"sd/backends/backendtest"
	"sd/internal/testserver"
)

// as is the configuration of a bucket of a service that a server behaves like.
func as(service string, more func(*Config)) func(*Config) {
	return func(c *Config) {
		if c.Service = service; service == "r2" {
			c.Service, c.Dialect = "s3", service // its endpoint would tell, too
		}
		if more != nil {
			more(c)
		}
	}
}

// TestDialects certifies the backend on servers that behave like those of other services, in
// all that is different there.
func TestDialects(t *testing.T) {
	t.Parallel()
	for service, groups := range map[string][]string{
		"spaces": {"Stat", "List", "Put", "Meta", "Dirs", "Walk"}, // wasabi is as spaces, without its listings
		"b2":     {"Put", "Remove", "Copy", "Upload", "Dirs"},
		"r2":     {"List", "Get", "Version", "Copy", "Upload"},
	} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			server := testserver.Versitygw(t)
			endpoint := testserver.Habits(t, service, server)
			backendtest.Run(t, func(t *testing.T) backends.Backend {
				return open(t, endpoint, as(service, func(c *Config) { c.PageSize, c.Bucket = page, fresh(t, server) }))
			}, backendtest.Options{PageSize: page, CanHold: asFile, WeakCond: service == "b2", Groups: groups, FewNames: service != "spaces"})
		})
	}
}

// TestHabits is the reason for each dialect: what the same server does to a client that takes
// it for any other.
func TestHabits(t *testing.T) {
	t.Parallel()
	t.Run("spaces", func(t *testing.T) {
		server := testserver.Versitygw(t, bucket)
		server.MustPut(t, bucket, "a+b%41 c", "x")
		endpoint := testserver.Habits(t, "spaces", server)
		for service, want := range map[string]string{"spaces": "a+b%41 c", "s3": "a%2Bb%2541%20c"} {
			if got := names(t, open(t, endpoint, as(service, nil)), ""); len(got) != 1 || got[0] != want {
				t.Errorf("%s lists %q, want %q", service, got, want)
			}
		}
	})
	t.Run("checksums", func(t *testing.T) {
		server := testserver.Versitygw(t, bucket)
		endpoint := testserver.Habits(t, "spaces", server)
		spoilt := middle(t, endpoint, func(r *http.Request) bool {
			if text, err := io.ReadAll(r.Body); err == nil && r.Method == http.MethodPut && len(text) > 0 {
				text[0]++
				r.Body = io.NopCloser(bytes.NewReader(text))
			}
			return false
		})
		for service, taken := range map[string]bool{"spaces": false, "s3": true} {
			b := open(t, spoilt, as(service, hasty))
			_, err := b.Put(t.Context(), service, strings.NewReader("text"), 4, backends.Meta{}, backends.Cond{})
			if (err == nil) != taken {
				t.Errorf("%s: a spoilt body ended with %v", service, err)
			}
		}
	})
	t.Run("r2", func(t *testing.T) {
		server := testserver.Versitygw(t, bucket)
		endpoint := testserver.Habits(t, "r2", server)
		for service, proves := range map[string]bool{"r2": false, "s3": true} {
			b := open(t, endpoint, as(service, nil))
			name, versions := "of "+service, map[string]bool{}
			for range 2 {
				u, err := b.Upload(t.Context(), name, "", backends.Meta{})
				if err != nil {
					t.Fatal(err)
				}
				part, err := u.Part(t.Context(), 1, strings.NewReader("text"), 4)
				if err != nil {
					t.Fatal(err)
				}
				e, err := u.Commit(t.Context(), []backends.Part{part}, backends.Cond{})
				if err != nil {
					t.Fatal(err)
				}
				at, err := b.Stat(t.Context(), name)
				if err != nil || at.Version != e.Version {
					t.Errorf("stat says %q, %v; the commit said %q", at.Version, err, e.Version)
				}
				versions[e.Version] = true
				if got := len(at.Sums) > 0; got != proves {
					t.Errorf("%s: checksums %v, want any: %v", service, at.Sums, proves)
				}
			}
			if len(versions) != 2 {
				t.Errorf("%s: the tags are %v, want two", service, versions)
			}
		}
	})
}

// TestB2 looks before it writes, sends no condition, and asks for no more than that.
func TestB2(t *testing.T) {
	t.Parallel()
	server := testserver.Versions(t, bucket)
	l := labAt(t, server, testserver.Habits(t, "b2", server), as("b2", nil))
	ctx := t.Context()
	put := func(text string, c backends.Cond) (backends.Entry, error) {
		return l.Put(ctx, "file", strings.NewReader(text), int64(len(text)), backends.Meta{}, c)
	}
	first, err := put("first", backends.Cond{Absent: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.faults.Counts(); got["PUT"]-got["PROBE"] > 2 || l.faults.Requests()[0].Op != "HEAD" {
		t.Errorf("the first write sent %v", got)
	}
	for _, r := range l.faults.Requests() {
		if r.Key == "file" && (r.IfMatch() != "" || r.Header.Get("If-None-Match") != "") {
			t.Errorf("%s was sent with a condition", r.Op)
		}
	}
	if _, err := put("again", backends.Cond{Absent: true}); !errors.Is(err, iofs.ErrExist) {
		t.Errorf("got %v, want %v", err, iofs.ErrExist)
	}
	known, err := l.Capabilities(ctx)
	if err != nil || known.PutAbsent || known.PutVersion || known.RemoveVersion || !known.CopyPart {
		t.Errorf("got %+v, %v; want no conditions and copies of parts", known, err)
	}
	if keeps, err := l.KeepsVersions(ctx); !keeps || err != nil {
		t.Errorf("KeepsVersions = %v, %v, want true", keeps, err)
	}
	if _, err := put("second", backends.Cond{Version: first.Version}); err != nil {
		t.Fatal(err)
	}
	if err := l.Remove(ctx, "file", backends.Cond{Version: first.Version}); !errors.Is(err, backends.ErrChanged) {
		t.Errorf("got %v, want %v", err, backends.ErrChanged)
	}
	if err := l.Remove(ctx, "file", backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Undelete(ctx, "file", ""); err != nil {
		t.Errorf("the hidden version does not come back: %v", err)
	}
}

// TestPurge leaves nothing of what was removed, and all of what is there.
func TestPurge(t *testing.T) {
	t.Parallel()
	server := testserver.Versions(t, bucket)
	l := labOn(t, server, func(c *Config) { c.Service = "b2" })
	ctx := t.Context()
	for _, name := range []string{"d/gone", "d/sub/gone", "d/stays", "dd", "d/gone", "d/stays"} {
		if _, err := l.Put(ctx, name, strings.NewReader(name), int64(len(name)), backends.Meta{}, backends.Cond{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"d/gone", "d/sub/gone", "dd"} {
		if err := l.Remove(ctx, name, backends.Cond{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, below := range []bool{false, true} {
		if err := l.Purge(ctx, "", below); !errors.Is(err, backends.ErrIsDir) {
			t.Errorf("the whole bucket: got %v, want %v", err, backends.ErrIsDir)
		}
	}
	for range 2 {
		if err := l.Purge(ctx, "d", true); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]error{"d/gone": iofs.ErrNotExist, "d/sub/gone": iofs.ErrNotExist, "d/stays": nil, "dd": nil} {
		if _, err := l.Undelete(ctx, name, ""); !errors.Is(err, want) {
			t.Errorf("Undelete(%q) = %v, want %v", name, err, want)
		}
	}
}

// TestPurgeOfOneKind leaves what was removed with the folder of a file's name, and the other way round.
func TestPurgeOfOneKind(t *testing.T) {
	t.Parallel()
	server := testserver.Gofakes3(t, bucket) // where a file and a folder of one name can be
	if err := server.KeepVersions(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	l := labOn(t, server, func(c *Config) { c.Service = "b2" })
	ctx := t.Context()
	for _, name := range []string{"file/x", "file", "folder/x", "folder"} {
		if _, err := l.Put(ctx, name, strings.NewReader(name), int64(len(name)), backends.Meta{}, backends.Cond{}); err != nil {
			t.Fatal(err)
		}
		if err := l.Remove(ctx, name, backends.Cond{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Purge(ctx, "file", false); err != nil {
		t.Fatal(err)
	}
	if err := l.Purge(ctx, "folder", true); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"file", "folder"} {
		for _, below := range []bool{false, true} {
			left, err := l.hidden(ctx, name, below)
			if want := below == (name == "file"); len(left) > 0 != want || err != nil {
				t.Errorf("of %s (below it: %v) is left %v, %v", name, below, left, err)
			}
		}
	}
}

// TestProbeLeavesNoVersions tidies up in buckets that keep what is removed.
func TestProbeLeavesNoVersions(t *testing.T) {
	t.Parallel()
	server := testserver.Versions(t, bucket)
	b := open(t, server.URL, nil)
	if _, err := b.Capabilities(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Close()
	if left, err := b.hidden(t.Context(), *b.caps.key.Load(), false); len(left) > 0 || err != nil {
		t.Errorf("the probe left %v, %v", left, err)
	}
}

// TestInterop sends what the S3 of Google Cloud Storage takes: Accept-Encoding unsigned, no
// x-id, bodies that are signed, no conditions on parts.
func TestInterop(t *testing.T) {
	t.Parallel()
	var asked []*http.Request
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Clone(context.Background()))
		w.Header().Set("ETag", `"0"`)
	}))
	defer s.Close()
	b := open(t, s.URL, func(c *Config) { c.Dialect = "gcs-interop" })
	if _, err := b.Put(t.Context(), "file", strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	if len(asked) != 1 {
		t.Fatalf("got %d requests, want 1", len(asked))
	}
	r := asked[0]
	switch signed := strings.ToLower(r.Header.Get("Authorization")); {
	case !strings.Contains(signed, "signedheaders="), strings.Contains(signed, "accept-encoding"):
		t.Errorf("signed: %s", signed)
	case r.Header.Get("Accept-Encoding") != "gzip":
		t.Errorf("Accept-Encoding is %q", r.Header.Get("Accept-Encoding"))
	case r.URL.Query().Has("x-id"):
		t.Errorf("the query is %q", r.URL.RawQuery)
	case len(r.Header.Get("X-Amz-Content-Sha256")) != 64:
		t.Errorf("the body is not signed: %q", r.Header.Get("X-Amz-Content-Sha256"))
	}
	if keeps, err := b.KeepsVersions(t.Context()); keeps || err != nil || len(asked) != 1 {
		t.Errorf("KeepsVersions = %v, %v after %d requests", keeps, err, len(asked))
	}
	u, err := b.Upload(t.Context(), "file", "crc32c:mark:id", backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.CopyPart(t.Context(), 1, "file", "", 0, 1); !errors.Is(err, errors.ErrUnsupported) || len(asked) != 1 {
		t.Errorf("CopyPart = %v after %d requests", err, len(asked))
	}
}

// TestVersionsOfB2 trusts the service that every bucket keeps versions only where the account
// may not ask: a server that is taken for b2 and keeps none would lose what is removed.
func TestVersionsOfB2(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		want   bool
	}{
		"kept":        {http.StatusOK, `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`, true},
		"none":        {http.StatusOK, `<VersioningConfiguration/>`, false},
		"not allowed": {http.StatusForbidden, `<Error><Code>AccessDenied</Code></Error>`, true},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		defer s.Close()
		b := open(t, s.URL, func(cfg *Config) { cfg.Dialect = "b2" })
		if keeps, err := b.KeepsVersions(t.Context()); keeps != c.want || err != nil {
			t.Errorf("%s: KeepsVersions = %v, %v, want %v", name, keeps, err, c.want)
		}
	}
}
