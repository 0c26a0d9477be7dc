package testserver

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// Habits makes a server behave as the S3 of another service does, for the length of a test,
// and returns the URL at which it then is. The services:
//   - wasabi and spaces check no checksum but that of a signed body
//   - spaces codes the keys that it lists when asked to, and does not say that it did
//   - b2 answers 501 to every conditional write
//   - r2 gives objects made in parts a random tag each time, and answers 501 to a condition
//     on the source of a copy
//
// Signatures are not checked on the way; signed bodies are.
func Habits(t testing.TB, service string, server *Server) string {
	t.Helper()
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	h := &habits{service: service, host: target.Host, client: newClient(), tags: map[string]tag{}, real: map[string]string{}}
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.Close()
		h.client.CloseIdleConnections()
	})
	return s.URL
}

type habits struct {
	service, host string
	client        *http.Client

	mu   sync.Mutex
	tags map[string]tag    // of r2, by path
	real map[string]string // by the tag that we made up
}

type tag struct{ real, made string }

func (h *habits) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	write := r.Method == http.MethodPut || r.Method == http.MethodPost || r.Method == http.MethodDelete
	switch {
	case h.service == "b2" && write && (r.Header.Get("If-Match") != "" || r.Header.Get("If-None-Match") != ""),
		h.service == "r2" && r.Header.Get("X-Amz-Copy-Source-If-Match") != "":
		refuse(w, http.StatusNotImplemented, "NotImplemented", "A header you provided implies functionality that is not implemented.")
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if want := r.Header.Get("X-Amz-Content-Sha256"); len(want) == sha256.Size*2 {
		if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != want {
			refuse(w, http.StatusBadRequest, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
			return
		}
	}
	out, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+h.host, bytes.NewReader(body))
	if err != nil {
		return
	}
	if len(body) == 0 {
		out.Body = http.NoBody
	}
	out.URL.Path, out.URL.RawPath = r.URL.Path, escape(r.URL.Path)
	out.URL.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	for name, values := range r.Header {
		switch name {
		case "Authorization", "Connection", "Expect", "Content-Length":
			continue
		case "If-Match", "If-None-Match":
			values = []string{h.known(values[0])}
		}
		if (h.service == "spaces" || h.service == "wasabi") && strings.Contains(name, "Checksum") {
			continue
		}
		out.Header[name] = values
	}
	sign(out)
	reply, err := h.client.Do(out)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer reply.Body.Close()
	complete := r.Method == http.MethodPost && query.Has("uploadId")
	listing := r.Method == http.MethodGet && strings.Count(strings.Trim(r.URL.Path, "/"), "/") == 0
	if h.service == "r2" {
		if own := reply.Header.Get("Etag"); own != "" {
			reply.Header.Set("Etag", h.shown(r.URL.Path, own))
		}
	}
	if (complete || listing || r.Header.Get("X-Amz-Copy-Source") != "") && reply.StatusCode == http.StatusOK {
		text, err := io.ReadAll(reply.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		text = h.answer(r.URL.Path, complete, query.Get("encoding-type") == "url", text)
		reply.Body = io.NopCloser(bytes.NewReader(text))
		reply.Header.Set("Content-Length", fmt.Sprint(len(text)))
	}
	for name, values := range reply.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(reply.StatusCode)
	if _, err := io.Copy(w, reply.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
}

var (
	tagIn   = regexp.MustCompile(`<ETag>([^<]*)</ETag>`)
	keyIn   = regexp.MustCompile(`<(Key|Prefix|StartAfter|Delimiter|NextKeyMarker)>([^<]*)</`)
	entryIn = regexp.MustCompile(`(?s)<Contents>.*?</Contents>`)
	codedIn = regexp.MustCompile(`<EncodingType>[^<]*</EncodingType>`)
)

// answer changes the XML of a reply.
func (h *habits) answer(path string, complete, coded bool, text []byte) []byte {
	switch h.service {
	case "spaces":
		if coded {
			text = codedIn.ReplaceAll(text, nil)
			text = keyIn.ReplaceAllFunc(text, func(m []byte) []byte {
				part := keyIn.FindSubmatch(m)
				return fmt.Appendf(nil, "<%s>%s</", part[1], escape(html.UnescapeString(string(part[2]))))
			})
		}
	case "r2":
		if m := tagIn.FindSubmatch(text); complete && m != nil {
			h.mu.Lock()
			real := strings.Trim(html.UnescapeString(string(m[1])), `"`)
			made := strings.ToLower(hex.EncodeToString([]byte(rand.Text()[:16]))) + real[strings.IndexByte(real+"-", '-'):]
			h.tags[path], h.real[made] = tag{real, made}, real
			h.mu.Unlock()
		}
		text = entryIn.ReplaceAllFunc(text, func(m []byte) []byte {
			key := keyIn.FindSubmatch(m)
			return h.retag("/"+strings.Trim(path, "/")+"/"+html.UnescapeString(string(key[2])), m)
		})
		text = h.retag(path, text)
	}
	return text
}

func (h *habits) retag(path string, text []byte) []byte {
	return tagIn.ReplaceAllFunc(text, func(m []byte) []byte {
		own := html.UnescapeString(string(tagIn.FindSubmatch(m)[1]))
		return []byte("<ETag>" + html.EscapeString(h.shown(path, own)) + "</ETag>")
	})
}

// shown is the tag that clients see of what the server calls own.
func (h *habits) shown(path, own string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.tags[path]; t.real != "" && t.real == strings.Trim(own, `"`) {
		return `"` + t.made + `"`
	}
	return own
}

// known is the server's own tag for one that clients see.
func (h *habits) known(shown string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if real := h.real[strings.Trim(shown, `"`)]; real != "" {
		return `"` + real + `"`
	}
	return shown
}

// refuse answers with an error as S3 has them.
func refuse(w http.ResponseWriter, status int, code, message string) {
	type body struct {
		XMLName       xml.Name `xml:"Error"`
		Code, Message string
	}
	text, _ := xml.Marshal(body{Code: code, Message: message})
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
