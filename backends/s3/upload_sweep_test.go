package s3

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/testserver"
)

// Of the uploads of one name those end that nobody knows and that are young enough; those of
// other names stay.
func TestSweepUploads(t *testing.T) {
	server := testserver.Versitygw(t, "bucket")
	b, err := New(Config{Bucket: "bucket", Endpoint: server.URL, Region: testserver.Region, AccessKeyID: testserver.AccessKey,
		Secret: func() (string, string, error) { return testserver.SecretKey, "", nil }})
	if err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]string)
	for _, name := range []string{"dir/a", "dir/a", "dir/a b", "dir/b"} {
		up, err := b.Upload(t.Context(), name, "", backends.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = up.ID()
	}
	nobody := func(string) bool { return false }
	if err := b.SweepUploads(t.Context(), "dir/a", -time.Hour, nobody); err != nil {
		t.Fatal(err)
	}
	left := func() []string {
		t.Helper()
		keys, err := server.Uploads(t.Context(), "bucket")
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(keys)
		return keys
	}
	if got := left(); len(got) != 4 {
		t.Errorf("%q are left, want all, as none is so young", got)
	}
	err = b.SweepUploads(t.Context(), "dir/a", time.Hour, func(id string) bool { return strings.Contains(ids["dir/a"], id) })
	if err != nil {
		t.Fatal(err)
	}
	if got, want := left(), []string{"dir/a", "dir/a b", "dir/b"}; !slices.Equal(got, want) {
		t.Errorf("%q are left, want %q", got, want)
	}
	if err := b.SweepUploads(t.Context(), "dir/none", time.Hour, nobody); err != nil {
		t.Error(err)
	}
}
