package plan_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"sd/actions/steps"
	"sd/backends"
	"sd/backends/s3"
	"sd/internal/testserver"
)

// TestOddKeysGoDown copies keys that no file can be called, and such as are both file and folder.
func TestOddKeysGoDown(t *testing.T) {
	server := testserver.Gofakes3(t, "odd")
	keys := []string{"k/a", "k/a/b", "k/a-b", "k//x", "k/./y", "k/../../z", "k/" + strings.Repeat("l", 300), "k/%%p", "k/dir//"}
	for _, key := range keys {
		server.MustPut(t, "odd", key, key)
	}
	b, err := s3.New(s3.Config{
		Bucket: "odd", Region: testserver.Region, Endpoint: server.URL, AccessKeyID: testserver.AccessKey,
		Secret: func() (string, string, error) { return testserver.SecretKey, "", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldOf(t, map[string]backends.Backend{"odd": b})
	spec := w.spec(steps.Copy, "s3://odd/k", "down/")
	spec.Options.Recursive = true
	p, err := w.plan(spec)
	w.must(err)
	if p.sum.Denied+p.sum.Conflicts > 0 {
		t.Fatalf("refused %v, conflicts %v", p.sum.DeniedList, p.sum.ConflictList)
	}
	w.run(p)
	found := map[string]int{}
	for name, text := range w.files() {
		if strings.HasPrefix(name, "s3://") {
			continue
		}
		if !filepath.IsLocal(name) || !strings.HasPrefix(name, "down/k/") {
			t.Errorf("%s is outside of the target", name)
		}
		found[text]++
	}
	for _, key := range keys {
		if strings.HasSuffix(key, "/") {
			continue // what is put there is a marker
		}
		if found[key] != 1 {
			t.Errorf("key %q came down %d times, want once", key, found[key])
		}
	}
	if warning(p, "escaped") == 0 {
		t.Errorf("nothing tells that names are escaped: %v", p.sum.Warnings)
	}
	// A second time all is there.
	if p, err = w.plan(spec); err != nil || p.sum.Conflicts > 0 || p.sum.Total.Files > 0 {
		t.Errorf("the second time: got %q, conflicts %v, %v; want nothing to do", w.text(p), p.sum.ConflictList, err)
	}
	if _, err := b.Stat(context.Background(), "k/a"); err != nil {
		t.Error(err)
	}
}
