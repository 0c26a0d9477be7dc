package testserver

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// ask makes one request to a GCS and returns its status and the reply's header.
func ask(t *testing.T, g *GCS, method, path, body string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, g.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	reply, err := g.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, reply.Header, string(text)
}

// TestGCSHeedsConditions is about what the proxy adds to the fake.
func TestGCSHeedsConditions(t *testing.T) {
	t.Parallel()
	g := FakeGCS(t, "photos")
	g.MustPut(t, "photos", "a/b c", "old", "other", "content")
	describe := func(key string) (generation, metageneration string) {
		t.Helper()
		o, err := g.Describe(t.Context(), "photos", key)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(o["generation"]), fmt.Sprint(o["metageneration"])
	}
	old, meta := describe("a/b c")
	if meta != "1" {
		t.Errorf("a new object has metageneration %s, want 1", meta)
	}
	for n := 2; n < 4; n++ {
		if err := g.Patch(t.Context(), "photos", "a/b c", map[string]any{"metadata": map[string]any{"k": "v", "gone": nil}}); err != nil {
			t.Fatal(err)
		}
		if generation, meta := describe("a/b c"); generation != old || meta != fmt.Sprint(n) {
			t.Errorf("after a patch it has %s.%s, want %s.%d", generation, meta, old, n)
		}
	}
	g.MustPut(t, "photos", "a/b c", "new")
	now, _ := describe("a/b c")
	path := objectPath("photos", "a/b c")
	for _, tt := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", path + "?alt=media&ifGenerationMatch=" + old, "", 412},
		{"GET", path + "?alt=media&ifGenerationMatch=" + now, "", 200},
		{"GET", path + "?ifMetagenerationMatch=2", "", 412},
		{"PATCH", path + "?ifGenerationMatch=" + old, "{}", 412},
		{"PATCH", path + "?ifMetagenerationMatch=3", "{}", 412},
		{"POST", objectPath("photos", "other") + "/rewriteTo/b/photos/o/a%2Fb%20c?ifGenerationMatch=" + old, "", 412},
		{"POST", objectPath("photos", "other") + "/rewriteTo/b/photos/o/a%2Fb%20c?ifGenerationMatch=0", "", 412},
		{"POST", path + "/rewriteTo/b/photos/o/copy?ifSourceGenerationMatch=" + old, "", 412},
		{"POST", path + "/rewriteTo/b/photos/o/copy?sourceGeneration=" + old, "", 404},
		{"POST", path + "/compose?ifGenerationMatch=" + old, `{"sourceObjects":[{"name":"other"}],"destination":{}}`, 412},
		{"POST", path + "/compose", `{"sourceObjects":[{"name":"other","generation":"1"}],"destination":{}}`, 404},
		{"POST", path + "/compose", `{"sourceObjects":[],"destination":{}}`, 400},
		{"DELETE", path + "?ifGenerationMatch=" + old, "", 412},
		{"DELETE", path + "?ifMetagenerationMatch=9", "", 412},
		{"GET", objectPath("photos", ".."), "", 400},
		{"DELETE", path + "?ifGenerationMatch=" + now + "&ifMetagenerationMatch=1", "", 200},
		{"GET", path + "?alt=media", "", 404},
	} {
		if got, _, text := ask(t, g, tt.method, tt.path, tt.body); got != tt.want {
			t.Errorf("%s %s = %d %s, want %d", tt.method, tt.path, got, text, tt.want)
		}
	}
	if keys, err := g.Keys(t.Context(), "photos", ""); err != nil || fmt.Sprint(keys) != "[other]" {
		t.Errorf("Keys = %q, %v, want other alone", keys, err)
	}
}

// TestGCSTellsMetagenerations is about the places where a metageneration is told.
func TestGCSTellsMetagenerations(t *testing.T) {
	t.Parallel()
	g := FakeGCS(t, "photos")
	g.MustPut(t, "photos", "k", "content")
	if err := g.Patch(t.Context(), "photos", "k", map[string]any{"metadata": map[string]any{"a": "b"}}); err != nil {
		t.Fatal(err)
	}
	if _, header, text := ask(t, g, "GET", objectPath("photos", "k")+"?alt=media", ""); header.Get("X-Goog-Metageneration") != "2" || text != "content" {
		t.Errorf("a read says metageneration %q and %q", header.Get("X-Goog-Metageneration"), text)
	}
	if _, _, text := ask(t, g, "GET", "/storage/v1/b/photos/o", ""); !strings.Contains(text, `"metageneration":"2"`) {
		t.Errorf("a listing says %s", text)
	}
	if _, _, text := ask(t, g, "POST", objectPath("photos", "k")+"/rewriteTo/b/photos/o/copy", ""); !strings.Contains(text, `"metageneration":"1"`) {
		t.Errorf("a rewrite says %s", text)
	}
}

// TestGCSCopiesCarry what their description says; an empty one takes over the original's.
func TestGCSCopiesCarry(t *testing.T) {
	t.Parallel()
	g := FakeGCS(t, "photos")
	if err := g.Put(t.Context(), "photos", "k", []byte("content"), map[string]any{"metadata": map[string]string{"a": "b"}}); err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		"{}": "map[a:b]", `{"contentType":"text/x"}`: "<nil>", `{"contentType":"text/x","metadata":{"c":"d"}}`: "map[c:d]",
	} {
		_, _, text := ask(t, g, "POST", objectPath("photos", "k")+"/rewriteTo/b/photos/o/copy", body)
		is, err := g.Describe(t.Context(), "photos", "copy")
		if err != nil || fmt.Sprint(is["metadata"]) != want || strings.Contains(text, `"metadata"`) != (want != "<nil>") {
			t.Errorf("%s: it carries %v, %v, and the reply is %s; want %s", body, is["metadata"], err, text, want)
		}
	}
}
