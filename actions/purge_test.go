//go:build linux

package actions

import (
	"encoding/xml"
	"errors"
	"net/http"
	"os"
	"slices"
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

// A file that is removed for good takes nothing along that lay in a folder of its name, and a
// folder nothing of a file.
func TestPermanentPurgesItsOwnKind(t *testing.T) {
	server := testserver.Gofakes3(t, "bucket")
	must(t, server.KeepVersions(t.Context(), "bucket"))
	w := newWorld(t, t.TempDir(), server.URL, "bucket")
	server.MustPut(t, "bucket", "file/x", "hidden", "folder", "hidden")
	for _, key := range []string{"file/x", "folder"} {
		must(t, server.Delete(t.Context(), "bucket", key))
	}
	server.MustPut(t, "bucket", "file", "x", "folder/x", "x")
	o := steps.Options{Permanent: true, Recursive: true}
	w.act(t, steps.Remove, o, "s3://bucket/file")
	w.act(t, steps.Remove, o, "s3://bucket/folder")
	reply, err := http.Get(server.URL + "/bucket?versions") // this server lets everybody ask
	must(t, err)
	defer reply.Body.Close()
	var left struct {
		Version []struct{ Key string }
	}
	must(t, xml.NewDecoder(reply.Body).Decode(&left))
	var keys []string
	for _, v := range left.Version {
		keys = append(keys, v.Key)
	}
	if want := []string{"file/x", "folder"}; !slices.Equal(keys, want) {
		t.Errorf("versions of %q are left, want those of %q", keys, want)
	}
}
