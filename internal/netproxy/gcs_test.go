package netproxy

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestGCSOperations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ method, url, op, key string }{
		{"GET", "/storage/v1/b/photos/o?prefix=a", "LIST", ""},
		{"GET", "/storage/v1/b/photos/o/a%2Fb%20c?alt=json", "HEAD", "a/b c"},
		{"GET", "/storage/v1/b/photos/o/a%2Fb?alt=media", "GET", "a/b"},
		{"PATCH", "/storage/v1/b/photos/o/a", "PATCH", "a"},
		{"DELETE", "/storage/v1/b/photos/o/a", "DELETE", "a"},
		{"POST", "/storage/v1/b/photos/o/a/compose", "COMPOSE", "a"},
		{"POST", "/storage/v1/b/photos/o/a/rewriteTo/b/photos/o/b", "COPY", "a"},
		{"POST", "/upload/storage/v1/b/photos/o?uploadType=multipart", "PUT", ""},
		{"POST", "/upload/storage/v1/b/photos/o?uploadType=resumable", "INITIATE", ""},
		{"PUT", "/upload/storage/v1/b/photos/o?uploadType=resumable&upload_id=1", "PART", ""},
		{"GET", "/storage/v1/b/photos", "BUCKET", ""},
	} {
		r := httptest.NewRequest(tt.method, tt.url, nil)
		if q := newRequest(r); q.Op != tt.op || q.Key != tt.key || q.Bucket != "photos" {
			t.Errorf("%s %s is %s of %q in %q, want %s of %q", tt.method, tt.url, q.Op, q.Key, q.Bucket, tt.op, tt.key)
		}
	}
	w := httptest.NewRecorder()
	writeError(w, Request{gcs: true}, Fault{Status: http.StatusForbidden, Code: "rateLimitExceeded"})
	if w.Code != http.StatusForbidden || w.Header().Get("Content-Type") != "application/json; charset=UTF-8" {
		t.Errorf("a fault is %d %v", w.Code, w.Header())
	}
}
