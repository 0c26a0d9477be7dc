package netproxy

import (
	"net/http"
	"net/url"
	"strings"
)

// A Request is what a Faults proxy was asked, as S3 understands it (path style).
// It is a value; Header and Query are shared and must not be changed.
type Request struct {
	// Op is the operation: LIST (ListObjectsV2), LISTV1, LISTBUCKETS, LISTUPLOADS,
	// LISTPARTS, GET, HEAD, PUT, COPY, DELETE and DELETEMANY for objects, INITIATE,
	// PART, PARTCOPY, COMPLETE and ABORT for multipart uploads, HEADBUCKET,
	// PUTBUCKET, DELETEBUCKET and LOCATION for buckets, OTHER for all else.
	Op          string
	Method      string
	Path        string // as sent, percent-coded
	Bucket, Key string // decoded
	Query       url.Values
	Header      http.Header

	gcs bool // of Google's API; see newGCSRequest for its operations
}

// Range is the Range header, "" if there was none.
func (r Request) Range() string { return r.Header.Get("Range") }

// IfMatch is the If-Match header, "" if there was none.
func (r Request) IfMatch() string { return r.Header.Get("If-Match") }

func newRequest(r *http.Request) Request {
	if q, ok := newGCSRequest(r); ok {
		return q
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	req := Request{
		Method: r.Method,
		Path:   r.URL.EscapedPath(),
		Bucket: bucket,
		Key:    key,
		Query:  r.URL.Query(),
		Header: r.Header.Clone(),
	}
	switch {
	case bucket == "":
		req.Op = accountOps[r.Method]
	case key == "":
		req.Op = bucketOp(req)
	default:
		req.Op = objectOp(req)
	}
	if req.Op == "" {
		req.Op = "OTHER"
	}
	return req
}

var (
	accountOps = map[string]string{"GET": "LISTBUCKETS"}
	bucketOps  = map[string]string{"GET": "LISTV1", "HEAD": "HEADBUCKET", "PUT": "PUTBUCKET", "DELETE": "DELETEBUCKET"}
	objectOps  = map[string]string{"GET": "GET", "HEAD": "HEAD", "PUT": "PUT", "DELETE": "DELETE"}
	uploadOps  = map[string]string{"GET": "LISTPARTS", "PUT": "PART", "POST": "COMPLETE", "DELETE": "ABORT"}
)

// subresources turn a GET, PUT or DELETE of a bucket or an object into something else.
var subresources = []string{
	"accelerate", "acl", "analytics", "attributes", "cors", "encryption", "inventory", "legal-hold", "lifecycle",
	"logging", "metrics", "notification", "object-lock", "ownershipControls", "policy", "policyStatus",
	"publicAccessBlock", "replication", "requestPayment", "restore", "retention", "select", "tagging", "torrent",
	"versioning", "versions", "website",
}

func bucketOp(r Request) string {
	switch {
	case r.Query.Get("list-type") == "2":
		return "LIST"
	case r.Query.Has("location"):
		return "LOCATION"
	case r.Query.Has("uploads"):
		return "LISTUPLOADS"
	case r.Query.Has("delete") && r.Method == "POST":
		return "DELETEMANY"
	case r.hasSubresource():
		return ""
	}
	return bucketOps[r.Method]
}

func objectOp(r Request) string {
	copied := r.Header.Get("X-Amz-Copy-Source") != ""
	switch {
	case r.Query.Has("uploads") && r.Method == "POST":
		return "INITIATE"
	case r.Query.Has("uploadId") && r.Method == "PUT" && copied:
		return "PARTCOPY"
	case r.Query.Has("uploadId"):
		return uploadOps[r.Method]
	case r.hasSubresource():
		return ""
	case r.Method == "PUT" && copied:
		return "COPY"
	}
	return objectOps[r.Method]
}

func (r Request) hasSubresource() bool {
	for _, name := range subresources {
		if r.Query.Has(name) {
			return true
		}
	}
	return false
}
