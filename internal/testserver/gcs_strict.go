package testserver

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// strictGCS stands in front of fake-gcs-server and does what Google's service does and
// the fake does not: it heeds generations and metagenerations on every verb, counts the
// latter, patches metadata key by key, gives copies the metadata that they should have, lists at most a thousand objects at once, and
// refuses names that no object may have.
type strictGCS struct {
	target    *url.URL
	transport *http.Transport

	mu      sync.RWMutex     // one change at a time: a check and what it allows are one step
	patched map[string]int64 // changes of metadata, by bucket, name and generation
}

func newStrictGCS(target string) (*strictGCS, error) {
	u, err := url.Parse(target)
	return &strictGCS{
		target:    u,
		transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		patched:   map[string]int64{},
	}, err
}

// gcsReply is a whole reply of the fake.
type gcsReply struct {
	status int
	header http.Header
	body   []byte
}

// ServeHTTP answers one request. Bodies pass as a whole, so that nothing slow is done
// while others wait.
func (s *strictGCS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	reply := s.answer(r, body)
	for name := range reply.header {
		if name != "Connection" && name != "Transfer-Encoding" {
			w.Header()[name] = reply.header[name]
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(reply.body)))
	w.WriteHeader(reply.status)
	w.Write(reply.body)
}

func (s *strictGCS) answer(r *http.Request, body []byte) gcsReply {
	q := readGCS(r, body)
	switch q.verb {
	case "get", "list":
		s.mu.RLock()
		defer s.mu.RUnlock()
	default:
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	if refusal := s.check(&q); refusal != nil {
		return *refusal
	}
	method, url := r.Method, *r.URL
	switch q.verb {
	case "patch":
		method, body = http.MethodPut, s.merged(&q)
	case "list":
		if n, err := strconv.Atoi(q.query.Get("maxResults")); err != nil || n < 1 || n > 1000 {
			q.query.Set("maxResults", "1000")
			url.RawQuery = q.query.Encode()
		}
	}
	reply, err := s.forward(r, method, &url, body)
	if err != nil {
		return refusedGCS(http.StatusBadGateway, "backendError", err.Error())
	}
	if q.verb == "rewrite" && len(q.resource) > 0 && q.resource["metadata"] == nil && reply.status == http.StatusOK {
		s.strip(r, &q, &reply)
	}
	if q.verb == "patch" && reply.status == http.StatusOK {
		s.patched[q.object.version(generationOf(reply.body))]++
	}
	s.correct(&q, &reply)
	return reply
}

// forward asks the fake, and goes on when the client has gone: a request that was sent is
// carried out.
func (s *strictGCS) forward(r *http.Request, method string, to *url.URL, body []byte) (gcsReply, error) {
	out := r.Clone(context.WithoutCancel(r.Context()))
	out.Method, out.RequestURI = method, ""
	target := *to
	target.Scheme, target.Host = s.target.Scheme, s.target.Host
	out.URL = &target
	out.Body, out.ContentLength, out.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	if len(body) == 0 {
		out.Body = http.NoBody
	}
	in, err := s.transport.RoundTrip(out)
	if err != nil {
		return gcsReply{}, err
	}
	defer in.Body.Close()
	text, err := io.ReadAll(in.Body)
	return gcsReply{in.StatusCode, in.Header, text}, err
}

// resource describes an object as the fake knows it; generation may be "". It is nil if
// there is none.
func (s *strictGCS) resource(o gcsObject, generation string) map[string]any {
	path := objectPath(o.bucket, o.key)
	if generation != "" {
		path += "?generation=" + url.QueryEscape(generation)
	}
	r, err := http.NewRequest(http.MethodGet, s.target.String()+path, nil)
	if err != nil {
		return nil
	}
	reply, err := s.transport.RoundTrip(r)
	if err != nil {
		return nil
	}
	defer reply.Body.Close()
	var resource map[string]any
	decoder := json.NewDecoder(reply.Body)
	decoder.UseNumber()
	if reply.StatusCode != http.StatusOK || decoder.Decode(&resource) != nil {
		return nil
	}
	return resource
}

// merged is the body of an update that does what a patch asks for: the fake's own patch
// takes no key away.
func (s *strictGCS) merged(q *gcsRequest) []byte {
	metadata := map[string]any{}
	if had, ok := s.resource(q.object, "")["metadata"].(map[string]any); ok {
		maps.Copy(metadata, had)
	}
	change := maps.Clone(q.resource)
	if changed, ok := change["metadata"].(map[string]any); ok {
		maps.Copy(metadata, changed)
	}
	maps.DeleteFunc(metadata, func(_ string, v any) bool { return v == nil })
	change["metadata"] = metadata
	text, err := json.Marshal(change)
	if err != nil {
		return q.body
	}
	return text
}

// strip takes the metadata off a copy: a description that has none means that, but the
// fake takes over the original's.
func (s *strictGCS) strip(r *http.Request, q *gcsRequest, reply *gcsReply) {
	to, err := url.Parse(objectPath(q.object.bucket, q.object.key))
	if err != nil {
		return
	}
	update, err := s.forward(r, http.MethodPut, to, []byte(`{"metadata":{}}`))
	if err != nil || update.status != http.StatusOK {
		return
	}
	var text map[string]any
	decoder := json.NewDecoder(bytes.NewReader(reply.body))
	decoder.UseNumber()
	if decoder.Decode(&text) != nil {
		return
	}
	if resource, ok := text["resource"].(map[string]any); ok {
		delete(resource, "metadata")
	}
	if stripped, err := json.Marshal(text); err == nil {
		reply.body = stripped
	}
}

// correct puts the metagenerations into a reply.
func (s *strictGCS) correct(q *gcsRequest, reply *gcsReply) {
	if generation := reply.header.Get("X-Goog-Generation"); generation != "" {
		n, _ := strconv.ParseInt(generation, 10, 64)
		reply.header.Set("X-Goog-Metageneration", strconv.FormatInt(s.metageneration(q.object, n), 10))
		return
	}
	if !strings.HasPrefix(reply.header.Get("Content-Type"), "application/json") {
		return
	}
	var text map[string]any
	decoder := json.NewDecoder(bytes.NewReader(reply.body))
	decoder.UseNumber()
	if decoder.Decode(&text) != nil {
		return
	}
	s.count(text)
	if resource, ok := text["resource"].(map[string]any); ok {
		s.count(resource)
	}
	if items, ok := text["items"].([]any); ok {
		for _, item := range items {
			if resource, ok := item.(map[string]any); ok {
				s.count(resource)
			}
		}
	}
	if fixed, err := json.Marshal(text); err == nil {
		reply.body = fixed
	}
}

// count corrects one object resource.
func (s *strictGCS) count(resource map[string]any) {
	bucket, _ := resource["bucket"].(string)
	key, _ := resource["name"].(string)
	if generation := number(resource["generation"]); key != "" && generation != 0 {
		resource["metageneration"] = strconv.FormatInt(s.metageneration(gcsObject{bucket, key}, generation), 10)
	}
}

func (s *strictGCS) metageneration(o gcsObject, generation int64) int64 {
	return 1 + s.patched[o.version(generation)]
}
