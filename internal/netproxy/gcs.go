package netproxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// gcsRoot begins the paths of Google Cloud Storage's JSON API.
const gcsRoot = "/storage/v1/b/"

// newGCSRequest understands a request of Google Cloud Storage's JSON API. Its operations
// are LIST, GET (of bytes), HEAD (of a description), PUT, PATCH, COPY (a rewrite, whose Key
// is the source), COMPOSE and DELETE for objects, INITIATE and PART for resumable uploads,
// BUCKET for all about buckets. The Key of a PUT or INITIATE is in its body, so it is "".
func newGCSRequest(r *http.Request) (Request, bool) {
	path, upload := strings.CutPrefix(r.URL.EscapedPath(), "/upload")
	path, ok := strings.CutPrefix(path, gcsRoot)
	if !ok {
		return Request{}, false
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if plain, err := url.PathUnescape(part); err == nil {
			parts[i] = plain
		}
	}
	q := Request{Method: r.Method, Path: r.URL.EscapedPath(), Bucket: parts[0], Query: r.URL.Query(), Header: r.Header.Clone(), gcs: true}
	switch {
	case upload && q.Query.Has("upload_id"):
		q.Op = "PART"
	case upload && q.Query.Get("uploadType") == "resumable":
		q.Op = "INITIATE"
	case upload:
		q.Op = "PUT"
	case len(parts) == 1:
		q.Op = "BUCKET"
	case len(parts) == 2:
		q.Op = "LIST"
	default:
		q.Key, q.Op = parts[2], gcsObjectOp(q, parts[3:])
	}
	return q, true
}

func gcsObjectOp(q Request, rest []string) string {
	switch {
	case len(rest) > 0 && rest[0] == "compose":
		return "COMPOSE"
	case len(rest) > 0 && rest[0] == "rewriteTo":
		return "COPY"
	case q.Method == http.MethodGet && q.Query.Get("alt") == "media":
		return "GET"
	case q.Method == http.MethodGet:
		return "HEAD"
	}
	return q.Method // PATCH, DELETE
}

// writeGCSError writes a Status fault as that API does; the Code is its reason.
func writeGCSError(w http.ResponseWriter, f Fault) {
	type cause struct {
		Domain  string `json:"domain"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
	}
	text := fmt.Sprintf("scripted fault: %d", f.Status)
	body, _ := json.Marshal(map[string]any{"error": map[string]any{
		"code": f.Status, "message": text, "errors": []cause{{"global", f.Code, text}},
	}})
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("X-Guploader-Uploadid", "FAULT0000000001")
	w.WriteHeader(f.Status)
	w.Write(body)
}
