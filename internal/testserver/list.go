package testserver

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// An Object is one object as the server lists it.
type Object struct {
	Key, ETag string
	Size      int64
}

// List gives every object whose key begins with prefix, in the server's order.
func (s *Server) List(ctx context.Context, bucket, prefix string) ([]Object, error) {
	var all []Object
	for token := ""; ; {
		var page struct {
			Contents              []Object
			NextContinuationToken string
			EncodingType          string
		}
		query := url.Values{"encoding-type": {"url"}, "list-type": {"2"}, "prefix": {prefix}}
		if token != "" {
			query.Set("continuation-token", token)
		}
		if err := s.ask(ctx, bucket, query, &page); err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			if page.EncodingType == "url" { // not every server does what it is asked for
				key, err := url.QueryUnescape(o.Key)
				if err != nil {
					return nil, fmt.Errorf("list %s: key %q: %w", bucket, o.Key, err)
				}
				o.Key = key
			}
			all = append(all, o)
		}
		if token = page.NextContinuationToken; token == "" {
			return all, nil
		}
	}
}

// Uploads gives the keys of the multipart uploads that were begun and not ended.
func (s *Server) Uploads(ctx context.Context, bucket string) ([]string, error) {
	var page struct {
		Upload []struct{ Key string }
	}
	if err := s.ask(ctx, bucket, url.Values{"uploads": {""}}, &page); err != nil {
		return nil, err
	}
	var keys []string
	for _, u := range page.Upload {
		keys = append(keys, u.Key)
	}
	return keys, nil
}

// Keys is List for tests: the keys alone.
func (s *Server) Keys(t testing.TB, bucket, prefix string) []string {
	t.Helper()
	list, err := s.List(t.Context(), bucket, prefix)
	if err != nil {
		t.Fatal(err)
	}
	keys := make([]string, len(list))
	for i, o := range list {
		keys[i] = o.Key
	}
	return keys
}

// ask puts a question about a bucket, whose answer is XML.
func (s *Server) ask(ctx context.Context, bucket string, query url.Values, answer any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		return err
	}
	r.URL.Path, r.URL.RawPath = "/"+bucket, "/"+escape(bucket)
	r.URL.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	sign(r)
	reply, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err == nil && bytes.Contains(text, []byte("<Code>NoSuchUpload</Code>")) {
		return nil // what gofakes3 says when there are none
	}
	if err == nil && reply.StatusCode != http.StatusOK {
		err = fmt.Errorf("list %s: %s: %s", bucket, reply.Status, text)
	}
	if err != nil {
		return err
	}
	return xml.Unmarshal(text, answer)
}
