package s3

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// listing serves the given keys as S3 does, a few a page, with encoding-type=url,
// which the servers for tests do not know.
func listing(keys []string, size func(key string) int64, page int) http.HandlerFunc {
	slices.Sort(keys)
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("list-type") != "2" {
			key := strings.TrimPrefix(r.URL.Path, "/"+bucket+"/")
			if _, ok := slices.BinarySearch(keys, key); !ok {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			w.Header().Set("ETag", `"e"`)
			w.Header().Set("Content-Length", strconv.FormatInt(size(key), 10))
			return
		}
		prefix, delimiter, after := q.Get("prefix"), q.Get("delimiter"), q.Get("start-after")
		if token := q.Get("continuation-token"); token != "" {
			raw, _ := base64.StdEncoding.DecodeString(token)
			after = string(raw)
		}
		var items []string // keys and common prefixes in order
		at, _ := slices.BinarySearch(keys, max(prefix, after))
		for _, key := range keys[at:] {
			rest, ok := strings.CutPrefix(key, prefix)
			if !ok || len(items) > page {
				break
			}
			if i := strings.Index(rest, delimiter); delimiter != "" && i >= 0 {
				key = prefix + rest[:i+1]
			}
			if key > after && (len(items) == 0 || items[len(items)-1] != key) {
				items = append(items, key)
			}
		}
		fmt.Fprint(w, xml.Header, "<ListBucketResult><EncodingType>url</EncodingType>")
		if len(items) > page {
			items = items[:page]
			token := base64.StdEncoding.EncodeToString([]byte(items[page-1]))
			fmt.Fprintf(w, "<IsTruncated>true</IsTruncated><NextContinuationToken>%s</NextContinuationToken>", token)
		}
		for _, item := range items {
			name := strings.ReplaceAll(url.QueryEscape(item), "%2F", "/")
			if delimiter != "" && strings.HasSuffix(item, "/") && item != prefix {
				fmt.Fprintf(w, "<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>", name)
			} else {
				fmt.Fprintf(w, "<Contents><Key>%s</Key><ETag>&quot;e&quot;</ETag><Size>%d</Size></Contents>", name, size(item))
			}
		}
		fmt.Fprint(w, "</ListBucketResult>")
	}
}
