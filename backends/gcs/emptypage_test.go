package gcs

import (
	"errors"
	"net/http"
	"testing"

	"sd/backends"
)

// TestEmptyPages is about listings whose first pages have nothing in them, as the service
// allows itself: a folder is there all the same.
func TestEmptyPages(t *testing.T) {
	t.Parallel()
	b := strange(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case op(r) != "LIST":
			http.Error(w, `{"error":{"code":404,"message":"none"}}`, http.StatusNotFound)
		case r.URL.Query().Get("pageToken") == "":
			w.Write([]byte(`{"nextPageToken":"more"}`))
		default:
			w.Write([]byte(`{"items":[{"name":"d/f","size":"1","generation":"5","metageneration":"1"}]}`))
		}
	})
	if e, err := b.Stat(t.Context(), "d"); err != nil || e.Kind != backends.Dir {
		t.Errorf("Stat = %+v, %v, want a directory", e, err)
	}
	if err := b.Rmdir(t.Context(), "d"); !errors.Is(err, backends.ErrNotEmpty) {
		t.Errorf("Rmdir = %v, want %v", err, backends.ErrNotEmpty)
	}
	if got := names(t, b, "d"); len(got) != 1 {
		t.Errorf("List = %q, want f", got)
	}
}
