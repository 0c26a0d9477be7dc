package azblob

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"net/http"
	"strings"
	"testing"

	"sd/backends"
)

// TestUnreadableSource is told by the status, for the service's word is the same whatever
// keeps it from reading what it is to copy.
func TestUnreadableSource(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		want   error
	}{
		{401, iofs.ErrPermission}, {403, iofs.ErrPermission}, {409, iofs.ErrPermission},
		{404, iofs.ErrNotExist}, {412, backends.ErrChanged}, {500, backends.ErrOffline}, {503, backends.ErrOffline},
	} {
		b := strange(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Header.Get("x-ms-copy-source") != "":
				w.Header().Set("x-ms-error-code", "CannotVerifyCopySource")
				w.WriteHeader(tt.status)
				fmt.Fprint(w, "<Error><Code>CannotVerifyCopySource</Code><Message>It cannot be read.</Message></Error>")
			case strings.HasSuffix(r.URL.Path, "/src") && tt.status != 404:
				w.Header().Set("ETag", `"v"`)
				w.Header().Set("Content-Length", "4")
			default:
				w.WriteHeader(http.StatusNotFound)
			}
		})
		_, err := b.Copy(t.Context(), "dst", "src", backends.CopyOptions{Source: "v", Size: 4})
		if !errors.Is(err, tt.want) {
			t.Errorf("%d: got %v, want %v", tt.status, err, tt.want)
		}
		if h := b.Health(); h.Expired {
			t.Errorf("%d: got %+v, want a login that has not ended", tt.status, h)
		}
		checkError(t, err)
	}
}
