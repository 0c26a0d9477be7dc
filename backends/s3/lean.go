package s3

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Many small files are many requests, and the SDK spends more on preparing one than all else
// here together. So the first attempt of a GET or PUT is made without it. Where the answer is not the
// one that was hoped for, the SDK is asked, and handed that answer as if it had made the
// request: it says what it means, and makes the further attempts.

// lean makes first attempts; nil where only the SDK knows where they go to.
type lean struct {
	base   *url.URL
	bucket string
	region string
	signer *v4.Signer
}

func newLean(endpoint, bucket, region string) *lean {
	base, err := url.Parse(endpoint)
	if err != nil || strings.Trim(base.Path, "/") != "" {
		return nil
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	return &lean{base, bucket, region, signer}
}

// noBytes is the SHA-256 of nothing, unsigned what stands for that of a body with a checksum.
const (
	noBytes      = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	unsignedBody = "UNSIGNED-PAYLOAD"
)

// attempt makes the first attempt of a request over api; src may be nil. ok is false where
// nothing was sent and the SDK has to do all by itself. Else the reply is what was hoped for,
// or handed is the option by which the SDK takes over.
func (b *Backend) attempt(ctx context.Context, api *sdk.Client, method, key string, header http.Header, src *source) (reply *http.Response, handed func(*sdk.Options), ok bool) {
	c := b.current()
	if c == nil || c.api != api || c.lean == nil || c.keys == nil {
		return nil, nil, false
	}
	l := c.lean
	keys, err := c.keys.Retrieve(ctx)
	if err != nil {
		return nil, nil, false
	}
	r := (&http.Request{
		Method: method, Host: l.base.Host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		URL: &url.URL{Scheme: l.base.Scheme, Host: l.base.Host, Path: "/" + l.bucket + "/" + key, RawPath: "/" + l.bucket + "/" + escape(key)},
	}).WithContext(ctx)
	header["User-Agent"] = []string{"sd"}
	hash := noBytes
	var sent *leanBody
	if src != nil {
		hash = unsignedBody
		r.Body = http.NoBody
		if src.size > 0 {
			sent = &leanBody{r: src}
			r.Body, r.ContentLength = sent, src.size
		}
	}
	header["X-Amz-Content-Sha256"] = []string{hash}
	if err := l.signer.SignHTTP(ctx, keys, r, hash, "s3", l.region, time.Now()); err != nil {
		return nil, nil, false
	}
	got, err := b.rest.Do(r)
	if err == nil && (got.StatusCode == http.StatusOK || method == http.MethodGet && got.StatusCode == http.StatusPartialContent) {
		return got, nil, true
	}
	if sent != nil {
		sent.Close() // the transport may be at it still
	}
	if err == nil {
		text, broken := io.ReadAll(got.Body)
		if broken == nil {
			broken = io.EOF
		}
		got.Body = &body{bytes.NewReader(text), got.Body, broken}
	}
	first := true
	return nil, func(o *sdk.Options) {
		o.HTTPClient = clientFunc(func(r *http.Request) (*http.Response, error) {
			if !first {
				return b.rest.Do(r)
			}
			first = false
			if got != nil {
				got.Request = r
			}
			return got, err
		})
	}, true
}

type clientFunc func(*http.Request) (*http.Response, error)

func (f clientFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

// leanBody is read by nobody any more once it is closed.
type leanBody struct {
	mu sync.Mutex
	r  io.Reader
}

func (b *leanBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.r == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.r.Read(p)
}

func (b *leanBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.r = nil
	return nil
}

// putHeader is what a PUT says beside its body.
func putHeader(in *sdk.PutObjectInput) http.Header {
	h := make(http.Header, len(in.Metadata)+12)
	set := func(name string, value *string) {
		if value != nil {
			h[name] = []string{*value}
		}
	}
	set("Content-Type", in.ContentType)
	set("If-Match", in.IfMatch)
	set("If-None-Match", in.IfNoneMatch)
	set("X-Amz-Checksum-Crc32c", in.ChecksumCRC32C)
	for name, value := range in.Metadata {
		h.Set("X-Amz-Meta-"+name, value)
	}
	return h
}

// putLean makes the first attempt of a PUT. Where it tells of none that succeeded, handed is for the
// SDK, or nil.
func (b *Backend) putLean(ctx context.Context, api *sdk.Client, in *sdk.PutObjectInput, src *source) (out *sdk.PutObjectOutput, at *time.Time, handed func(*sdk.Options)) {
	reply, handed, ok := b.attempt(ctx, api, http.MethodPut, *in.Key, putHeader(in), src)
	if !ok || reply == nil {
		return nil, nil, handed
	}
	_, _ = io.Copy(io.Discard, reply.Body)
	_ = reply.Body.Close()
	return &sdk.PutObjectOutput{ETag: valueOf(reply.Header, "Etag")}, timeOf(reply.Header, "Date"), nil
}

// getLean does the same for a GET, whose body is then the caller's to close.
func (b *Backend) getLean(ctx context.Context, api *sdk.Client, in *sdk.GetObjectInput) (out *sdk.GetObjectOutput, handed func(*sdk.Options)) {
	h := make(http.Header, 10)
	if in.Range != nil {
		h["Range"] = []string{*in.Range}
	}
	if in.IfMatch != nil {
		h["If-Match"] = []string{*in.IfMatch}
	}
	reply, handed, ok := b.attempt(ctx, api, http.MethodGet, *in.Key, h, nil)
	if !ok || reply == nil {
		return nil, handed
	}
	out = &sdk.GetObjectOutput{
		Body: reply.Body, ContentType: valueOf(reply.Header, "Content-Type"), ContentRange: valueOf(reply.Header, "Content-Range"),
		ETag: valueOf(reply.Header, "Etag"), LastModified: timeOf(reply.Header, "Last-Modified"),
		StorageClass: types.StorageClass(reply.Header.Get("X-Amz-Storage-Class")), Metadata: map[string]string{},
	}
	if reply.ContentLength >= 0 {
		out.ContentLength = aws.Int64(reply.ContentLength)
	}
	for name, values := range reply.Header {
		if key, ok := strings.CutPrefix(name, "X-Amz-Meta-"); ok && len(values) > 0 {
			out.Metadata[strings.ToLower(key)] = values[0]
		}
	}
	return out, nil
}

func valueOf(h http.Header, name string) *string {
	if values := h[name]; len(values) > 0 && values[0] != "" {
		return &values[0]
	}
	return nil
}

func timeOf(h http.Header, name string) *time.Time {
	at, err := http.ParseTime(h.Get(name))
	if err != nil {
		return nil
	}
	return &at
}
