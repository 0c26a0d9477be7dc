package testserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A GCS is a running fake-gcs-server behind a proxy that checks what it does not; see
// strictGCS. It keeps all in memory and asks for no login. Its methods are safe for
// concurrent use.
type GCS struct {
	// URL is "http://127.0.0.1:port", an endpoint of the JSON API.
	URL string

	server *Server
	front  *http.Server
	strict *strictGCS
	ended  chan struct{} // closed when the proxy has stopped
	client *http.Client
}

// StartFakeGCS starts fake-gcs-server and the proxy. The caller stops them.
func StartFakeGCS(ctx context.Context) (*GCS, error) {
	server, err := start(ctx, "fake-gcs-server", func(addr string) []string {
		host, port, _ := net.SplitHostPort(addr)
		return []string{"-backend", "memory", "-scheme", "http", "-host", host, "-port", port, "-log-level", "error"}
	})
	if err != nil {
		return nil, err
	}
	strict, err := newStrictGCS(server.URL)
	if err != nil {
		server.Stop()
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		server.Stop()
		return nil, err
	}
	g := &GCS{
		URL:    "http://" + listener.Addr().String(),
		server: server,
		front:  &http.Server{Handler: strict},
		strict: strict,
		ended:  make(chan struct{}),
		client: newClient(),
	}
	go func() {
		defer close(g.ended)
		g.front.Serve(listener)
	}()
	return g, nil
}

// Stop ends both. It may be called twice.
func (g *GCS) Stop() error {
	g.client.CloseIdleConnections()
	err := g.front.Close()
	<-g.ended
	g.strict.transport.CloseIdleConnections()
	return errors.Join(err, g.server.Stop())
}

// Pid is the process id of the server, for measurements and signals.
func (g *GCS) Pid() int { return g.server.Pid() }

// MakeBucket makes a bucket; one that is there already is fine.
func (g *GCS) MakeBucket(ctx context.Context, bucket string) error {
	text, err := json.Marshal(map[string]any{"name": bucket})
	if err != nil {
		return err
	}
	_, err = g.call(ctx, http.MethodPost, "/storage/v1/b?project=test", "application/json", bytes.NewReader(text), http.StatusConflict)
	return err
}

// Put writes one object. Resource is what the API calls an object resource: metadata,
// contentType, contentEncoding and the like; it may be nil.
func (g *GCS) Put(ctx context.Context, bucket, key string, content []byte, resource map[string]any) error {
	full := map[string]any{"name": key, "contentType": "application/octet-stream"}
	for k, v := range resource {
		full[k] = v
	}
	text, err := json.Marshal(full)
	if err != nil {
		return err
	}
	const boundary = "a-line-that-no-test-writes"
	body := "--" + boundary + "\r\nContent-Type: application/json\r\n\r\n" + string(text) +
		"\r\n--" + boundary + "\r\nContent-Type: " + fmt.Sprint(full["contentType"]) + "\r\n\r\n" + string(content) + "\r\n--" + boundary + "--\r\n"
	_, err = g.call(ctx, http.MethodPost, "/upload/storage/v1/b/"+url.PathEscape(bucket)+"/o?uploadType=multipart",
		"multipart/related; boundary="+boundary, strings.NewReader(body))
	return err
}

// Patch changes the metadata of an object, as the API's patch does.
func (g *GCS) Patch(ctx context.Context, bucket, key string, resource map[string]any) error {
	text, err := json.Marshal(resource)
	if err != nil {
		return err
	}
	_, err = g.call(ctx, http.MethodPatch, objectPath(bucket, key), "application/json", bytes.NewReader(text))
	return err
}

// Delete removes one object; a missing one is fine.
func (g *GCS) Delete(ctx context.Context, bucket, key string) error {
	_, err := g.call(ctx, http.MethodDelete, objectPath(bucket, key), "", nil, http.StatusNotFound)
	return err
}

// Describe gives the object resource of an object.
func (g *GCS) Describe(ctx context.Context, bucket, key string) (map[string]any, error) {
	text, err := g.call(ctx, http.MethodGet, objectPath(bucket, key), "", nil)
	if err != nil {
		return nil, err
	}
	resource := map[string]any{}
	return resource, json.Unmarshal(text, &resource)
}

// Keys gives the keys of the objects that begin with prefix, all of them, in the
// server's order.
func (g *GCS) Keys(ctx context.Context, bucket, prefix string) ([]string, error) {
	keys := []string{}
	for token := ""; ; {
		query := url.Values{"prefix": {prefix}}
		if token != "" {
			query.Set("pageToken", token)
		}
		text, err := g.call(ctx, http.MethodGet, "/storage/v1/b/"+url.PathEscape(bucket)+"/o?"+query.Encode(), "", nil)
		if err != nil {
			return nil, err
		}
		var page struct {
			Items         []struct{ Name string }
			NextPageToken string
		}
		if err := json.Unmarshal(text, &page); err != nil {
			return nil, err
		}
		for _, o := range page.Items {
			keys = append(keys, o.Name)
		}
		if token = page.NextPageToken; token == "" {
			return keys, nil
		}
	}
}

func objectPath(bucket, key string) string {
	return "/storage/v1/b/" + url.PathEscape(bucket) + "/o/" + url.PathEscape(key)
}

// call makes one request whose status must be 2xx or one of also.
func (g *GCS) call(ctx context.Context, method, path, contentType string, body io.Reader, also ...int) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, g.URL+path, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	reply, err := g.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode/100 == 2 {
		return text, err
	}
	for _, status := range also {
		if reply.StatusCode == status {
			return text, nil
		}
	}
	return nil, fmt.Errorf("%s %s: %s: %s", method, path, reply.Status, text)
}

// FakeGCS starts fake-gcs-server and the proxy with the given buckets for the length of a
// test.
func FakeGCS(t testing.TB, buckets ...string) *GCS {
	t.Helper()
	g, err := StartFakeGCS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Stop(); err != nil {
			t.Errorf("stop GCS server: %v", err)
		}
	})
	for _, bucket := range buckets {
		if err := g.MakeBucket(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// MustPut writes objects given as key and content in turn, or fails the test.
func (g *GCS) MustPut(t testing.TB, bucket string, keysAndContents ...string) {
	t.Helper()
	for i := 0; i+1 < len(keysAndContents); i += 2 {
		if err := g.Put(t.Context(), bucket, keysAndContents[i], []byte(keysAndContents[i+1]), nil); err != nil {
			t.Fatal(err)
		}
	}
}
