package rclone

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/clouds"

	webdav "github.com/rclone/rclone/backend/webdav/api"
	"github.com/rclone/rclone/fs"
)

// TestNamesAreNoWords has names of files hold what services say when they refuse something: who
// is not reached has said nothing.
func TestNamesAreNoWords(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"plain.txt", "not_found.html", "AccessDenied.log", "QuotaExceeded.txt", "invalid_grant.md", "d/conflict/x", "error: 404"} {
		s := open(t, Config{Type: "webdav", Name: "nas", Options: map[string]string{"url": "http://" + l.Addr().String(), "vendor": "rclone"}})
		if _, err := s.Stat(t.Context(), name); !errors.Is(err, backends.ErrOffline) {
			t.Errorf("%s: got %v, want %v", name, err, backends.ErrOffline)
		}
		if h := s.Health(); h.Online || h.Expired {
			t.Errorf("%s: got %+v, want a service that does not answer", name, h)
		}
	}
}

func TestKindOf(t *testing.T) {
	get := func(err error) error {
		return fmt.Errorf("couldn't list: %w", &url.Error{Op: "Get", URL: "https://example.org/not_found/invalid_grant", Err: err})
	}
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for _, tt := range []struct {
		err, want error
	}{
		{get(refused), nil},
		{get(io.EOF), nil},
		{get(errors.New("x509: the certificate is not known")), nil},
		{get(get(refused)), nil}, // a token is renewed for a request
		{get(errors.New(`oauth2: "invalid_grant" "Token has been revoked."`)), errExpired},
		{get(get(errors.New(`oauth2: "invalid_grant"`))), errExpired},
		{get(fmt.Errorf("quota: %w", fs.ErrorObjectNotFound)), iofs.ErrNotExist},
		{fmt.Errorf("mkdir not_found: %w", refused), nil},
		{&net.OpError{Op: "dial", Net: "tcp", Err: syscall.EACCES}, nil}, // a firewall
		{errors.New("open not_found: connection lost"), nil},
		{&webdav.Error{Message: "no access to not_found", Status: "403 Forbidden", StatusCode: http.StatusForbidden}, iofs.ErrPermission},
		{&webdav.Error{Status: "409 Conflict: AccessDenied", StatusCode: http.StatusConflict}, iofs.ErrPermission},
		{errors.New("path/not_found/.."), iofs.ErrNotExist},
		{errors.New("something else"), nil},
	} {
		if got := kindOf(tt.err); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.err, got, tt.want)
		}
	}
}

// TestErrorsTellNoAddress breaks what goes to the address of an upload, which is as good as a
// key: neither the error nor the health of the store tells it.
func TestErrorsTellNoAddress(t *testing.T) {
	c := clouds.Start(t)
	big := strings.Repeat("0123456789abcdef", 16<<20/16)
	for _, kind := range []string{"drive", "onedrive"} {
		t.Run(kind, func(t *testing.T) {
			srv := serviceOf(c, kind)
			cfg := cloudConfig(c, kind)
			cfg.Patience, cfg.Stall, cfg.ProbeEvery = time.Minute, 50*time.Second, time.Hour
			s := open(t, cfg)
			put(t, s, "first", "x")
			var mu sync.Mutex
			address := ""
			srv.Fault(func(r *http.Request) http.Handler {
				if !strings.Contains(r.URL.Path, "/up/") && r.URL.Query().Get("upload_id") == "" {
					return nil
				}
				mu.Lock()
				defer mu.Unlock()
				address = r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
				if id := r.URL.Query().Get("upload_id"); id != "" {
					address = id
				}
				return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			})
			body := &source{r: strings.NewReader(big), size: int64(len(big))}
			_, err := storeOf(s).upload(t.Context(), "big", nil, body, time.Now()) // Put would look whether it arrived
			srv.Heal()
			if !errors.Is(err, backends.ErrOffline) || address == "" {
				t.Fatalf("got %v with the address %q", err, address)
			}
			for _, text := range []string{err.Error(), s.Health().Err} {
				if strings.Contains(text, address) || strings.Contains(text, "://") || text == "" {
					t.Errorf("got %q", text)
				}
			}
		})
	}
}
