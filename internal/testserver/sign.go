package testserver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// sign adds an AWS Signature Version 4 with an unsigned payload. The URL must have
// a RawPath as escape makes it, and a RawQuery that is sorted and coded the same way.
func sign(r *http.Request) {
	now := time.Now().UTC()
	stamp, day := now.Format("20060102T150405Z"), now.Format("20060102")
	r.Header.Set("X-Amz-Date", stamp)
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")

	lines := []string{"host:" + r.URL.Host}
	for name, values := range r.Header {
		lines = append(lines, strings.ToLower(name)+":"+strings.TrimSpace(strings.Join(values, ",")))
	}
	// By name, not by line: a name may begin with another one.
	slices.SortFunc(lines, func(a, b string) int {
		a, _, _ = strings.Cut(a, ":")
		b, _, _ = strings.Cut(b, ":")
		return strings.Compare(a, b)
	})
	names := make([]string, len(lines))
	for i, line := range lines {
		names[i], _, _ = strings.Cut(line, ":")
	}
	signed := strings.Join(names, ";")
	canonical := strings.Join([]string{
		r.Method, r.URL.RawPath, r.URL.RawQuery, strings.Join(lines, "\n") + "\n", signed, "UNSIGNED-PAYLOAD",
	}, "\n")

	scope := day + "/" + Region + "/s3/aws4_request"
	digest := sha256.Sum256([]byte(canonical))
	toSign := "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + hex.EncodeToString(digest[:])
	key := []byte("AWS4" + SecretKey)
	for _, part := range []string{day, Region, "s3", "aws4_request", toSign} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+AccessKey+"/"+scope+
		", SignedHeaders="+signed+", Signature="+hex.EncodeToString(key))
}
