package testserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// MakeBucket makes a bucket; one that is there already is fine.
func (s *Server) MakeBucket(ctx context.Context, bucket string) error {
	return s.call(ctx, http.MethodPut, bucket, "", nil, nil, 0, http.StatusConflict)
}

// KeepVersions has a bucket keep the versions of its objects. Only a server that Versions
// started can.
func (s *Server) KeepVersions(ctx context.Context, bucket string) error {
	const status = `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>`
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, s.URL, strings.NewReader(status))
	if err != nil {
		return err
	}
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery = "/"+bucket, "/"+escape(bucket), "versioning="
	sign(r)
	reply, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err == nil && reply.StatusCode/100 != 2 {
		err = fmt.Errorf("versioning of %s: %s: %s", bucket, reply.Status, text)
	}
	return err
}

// Put writes one object of size bytes. Header may carry conditions, metadata and
// the like; it may be nil.
func (s *Server) Put(ctx context.Context, bucket, key string, r io.Reader, size int64, header http.Header) error {
	return s.call(ctx, http.MethodPut, bucket, key, header, r, size)
}

// PutString writes one object.
func (s *Server) PutString(ctx context.Context, bucket, key, content string) error {
	return s.Put(ctx, bucket, key, strings.NewReader(content), int64(len(content)), nil)
}

// Fill writes n objects, many at a time: the i-th is what object(i) says. Object is
// called from several goroutines.
func (s *Server) Fill(ctx context.Context, bucket string, n int, object func(i int) (key string, content []byte)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	jobs := make(chan int)
	var workers sync.WaitGroup
	for range min(n, 16) {
		workers.Go(func() {
			for i := range jobs {
				key, content := object(i)
				if err := s.Put(ctx, bucket, key, bytes.NewReader(content), int64(len(content)), nil); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case jobs <- i:
		case <-ctx.Done():
		}
	}
	close(jobs)
	workers.Wait()
	return context.Cause(ctx)
}

// Delete removes one object; a missing one is fine.
func (s *Server) Delete(ctx context.Context, bucket, key string) error {
	return s.call(ctx, http.MethodDelete, bucket, key, nil, nil, 0, http.StatusNotFound)
}

// ReadAll reads one whole object.
func (s *Server) ReadAll(ctx context.Context, bucket, key string) ([]byte, error) {
	reply, err := s.do(ctx, http.MethodGet, bucket, key, nil, nil, 0)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err == nil && reply.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s/%s: %s: %s", bucket, key, reply.Status, body)
	}
	return body, err
}

// call makes one request whose status must be 2xx or one of also.
func (s *Server) call(ctx context.Context, method, bucket, key string, header http.Header, body io.Reader, size int64, also ...int) error {
	reply, err := s.do(ctx, method, bucket, key, header, body, size)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode/100 == 2 {
		return err
	}
	for _, status := range also {
		if reply.StatusCode == status {
			return nil
		}
	}
	return fmt.Errorf("%s %s/%s: %s: %s", method, bucket, key, reply.Status, text)
}

func (s *Server) do(ctx context.Context, method, bucket, key string, header http.Header, body io.Reader, size int64) (*http.Response, error) {
	if size == 0 {
		body = nil
	}
	r, err := http.NewRequestWithContext(ctx, method, s.URL, body)
	if err != nil {
		return nil, err
	}
	r.URL.Path, r.URL.RawPath = "/"+bucket, "/"+escape(bucket)
	if key != "" {
		r.URL.Path, r.URL.RawPath = r.URL.Path+"/"+key, r.URL.RawPath+"/"+escape(key)
	}
	r.ContentLength = size
	for name, values := range header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	sign(r)
	return s.client.Do(r)
}

// escape percent-codes all that SigV4 wants coded in a path, which is more than
// net/url does.
func escape(key string) string {
	return strings.NewReplacer("+", "%20", "%2F", "/", "%7E", "~").Replace(url.QueryEscape(key))
}
