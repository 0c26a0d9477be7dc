package testserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// gcsObject names an object.
type gcsObject struct{ bucket, key string }

func (o gcsObject) version(generation int64) string {
	return fmt.Sprintf("%s\x00%s\x00%d", o.bucket, o.key, generation)
}

// gcsRequest is what a request is about.
type gcsRequest struct {
	verb     string    // list, get, insert, patch, delete, rewrite, compose; "" is none of these
	object   gcsObject // that is read or written
	source   gcsObject // of a rewrite
	query    url.Values
	body     []byte
	resource map[string]any // the body, or what of it is JSON
}

func readGCS(r *http.Request, body []byte) gcsRequest {
	q := gcsRequest{query: r.URL.Query(), body: body}
	path, upload := strings.CutPrefix(r.URL.EscapedPath(), "/upload")
	path, ok := strings.CutPrefix(path, "/storage/v1/b/")
	if !ok || upload && q.query.Has("upload_id") {
		return q // a chunk of an upload: its conditions were told at its beginning, and the fake heeds them
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if plain, err := url.PathUnescape(part); err == nil {
			parts[i] = plain
		}
	}
	q.resource = resourceIn(r.Header.Get("Content-Type"), body)
	q.object.bucket = parts[0]
	switch {
	case len(parts) == 2 && upload:
		q.verb = "insert"
		q.object.key = q.query.Get("name")
		if name, ok := q.resource["name"].(string); ok {
			q.object.key = name
		}
	case len(parts) == 2:
		q.verb = "list"
	case len(parts) == 3:
		q.object.key = parts[2]
		q.verb = map[string]string{http.MethodGet: "get", http.MethodPatch: "patch", http.MethodDelete: "delete"}[r.Method]
	case len(parts) == 4 && parts[3] == "compose":
		q.verb, q.object.key = "compose", parts[2]
	case len(parts) == 8 && parts[3] == "rewriteTo":
		q.verb, q.source = "rewrite", gcsObject{parts[0], parts[2]}
		q.object = gcsObject{parts[5], parts[7]}
	}
	return q
}

// resourceIn reads the object resource in a body, which may be the first of two parts.
func resourceIn(contentType string, body []byte) map[string]any {
	kind, params, _ := mime.ParseMediaType(contentType)
	if strings.HasPrefix(kind, "multipart/") {
		part, err := multipart.NewReader(bytes.NewReader(body), params["boundary"]).NextPart()
		if err != nil {
			return nil
		}
		if body, err = io.ReadAll(part); err != nil {
			return nil
		}
	}
	var resource map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&resource) != nil {
		return nil
	}
	return resource
}

// check returns the refusal of a request that the service would refuse, or nil.
func (s *strictGCS) check(q *gcsRequest) *gcsReply {
	switch q.verb {
	case "", "list":
		return nil
	case "rewrite":
		if refusal := s.holds(q.source, q.query, q.query.Get("sourceGeneration"), "ifSource", true); refusal != nil {
			return refusal
		}
	case "compose":
		if refusal := s.checkSources(q); refusal != nil {
			return refusal
		}
	}
	if !validGCSName(q.object.key) {
		reply := refusedGCS(http.StatusBadRequest, "invalid", "Disallowed object name")
		return &reply
	}
	must := q.verb == "get" || q.verb == "patch" || q.verb == "delete"
	return s.holds(q.object, q.query, q.query.Get("generation"), "if", must)
}

// checkSources looks at each source of a compose, whose conditions are in the body.
func (s *strictGCS) checkSources(q *gcsRequest) *gcsReply {
	sources, _ := q.resource["sourceObjects"].([]any)
	if len(sources) == 0 || len(sources) > 32 {
		reply := refusedGCS(http.StatusBadRequest, "invalid", "The number of source components must be from 1 to 32")
		return &reply
	}
	for _, source := range sources {
		source, _ := source.(map[string]any)
		name, _ := source["name"].(string)
		conditions := url.Values{}
		if wanted, ok := source["objectPreconditions"].(map[string]any); ok {
			conditions.Set("ifGenerationMatch", strconv.FormatInt(number(wanted["ifGenerationMatch"]), 10))
		}
		generation := ""
		if n := number(source["generation"]); n != 0 {
			generation = strconv.FormatInt(n, 10)
		}
		if refusal := s.holds(gcsObject{q.object.bucket, name}, conditions, generation, "if", true); refusal != nil {
			return refusal
		}
	}
	return nil
}

// holds checks the conditions on one object whose names in the query begin with prefix.
// Must tells whether there has to be one.
func (s *strictGCS) holds(o gcsObject, query url.Values, generation, prefix string, must bool) *gcsReply {
	match, metaMatch := query.Get(prefix+"GenerationMatch"), query.Get(prefix+"MetagenerationMatch")
	if match == "" && metaMatch == "" && generation == "" && !must {
		return nil
	}
	resource := s.resource(o, generation)
	if resource == nil && must {
		reply := refusedGCS(http.StatusNotFound, "notFound", "No such object: "+o.bucket+"/"+o.key)
		return &reply
	}
	present := number(resource["generation"])
	if match != "" && match != strconv.FormatInt(present, 10) ||
		metaMatch != "" && (resource == nil || metaMatch != strconv.FormatInt(s.metageneration(o, present), 10)) {
		reply := refusedGCS(http.StatusPreconditionFailed, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
		return &reply
	}
	return nil
}

// refusedGCS is a refusal in the service's form.
func refusedGCS(status int, reason, text string) gcsReply {
	type fault struct {
		Domain  string `json:"domain"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
	}
	body, _ := json.Marshal(map[string]any{"error": map[string]any{
		"code": status, "message": text, "errors": []fault{{"global", reason, text}},
	}})
	return gcsReply{status, http.Header{"Content-Type": {"application/json; charset=UTF-8"}}, body}
}

// validGCSName is the service's rule for names of objects.
func validGCSName(key string) bool {
	return key != "" && key != "." && key != ".." && len(key) <= 1024 && utf8.ValidString(key) && !strings.ContainsAny(key, "\r\n")
}

// number reads an integer as the API writes it: a string, where it is large.
func number(v any) int64 {
	n, _ := strconv.ParseInt(fmt.Sprint(v), 10, 64)
	return n
}

// generationOf reads the generation out of an object resource.
func generationOf(text []byte) int64 {
	var resource struct{ Generation json.RawMessage }
	if json.Unmarshal(text, &resource) != nil {
		return 0
	}
	return number(strings.Trim(string(resource.Generation), `"`))
}
