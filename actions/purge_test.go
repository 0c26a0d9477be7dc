//go:build linux

package actions

import (
	"errors"
	"os"
	"testing"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/internal/testserver"
)

// What is removed for good from a bucket that keeps versions cannot be brought back, nor is what
// was there before it; all else can.
func TestPermanentLeavesNoVersions(t *testing.T) {
	server := testserver.Versions(t, "bucket")
	w := newWorld(t, t.TempDir(), server.URL, "bucket")
	for _, text := range []string{"old", "new"} {
		server.MustPut(t, "bucket", "d/a", text, "d/e/b", text, "d-other", text, "one", text, "one-other", text)
	}
	for _, key := range []string{"d-other", "one-other"} {
		must(t, server.Delete(t.Context(), "bucket", key))
	}
	o := steps.Options{Permanent: true, Recursive: true}
	w.act(t, steps.Remove, o, "s3://bucket/d")
	w.act(t, steps.Remove, o, "s3://bucket/one")
	st, _ := w.at(t, "s3://bucket/")
	u := st.(*stores.Volume).Backend().(backends.Undeleter)
	for key, want := range map[string]error{
		"d/a": os.ErrNotExist, "d/e/b": os.ErrNotExist, "one": os.ErrNotExist, "d-other": nil, "one-other": nil,
	} {
		if _, err := u.Undelete(t.Context(), key, ""); !errors.Is(err, want) {
			t.Errorf("Undelete(%q) = %v, want %v", key, err, want)
		}
	}
}
