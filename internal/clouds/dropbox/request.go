package dropbox

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// maxBody is the most that one request uploads.
const maxBody = 150 << 20

// rpc is a route whose argument and answer are JSON bodies.
func (s *Service) rpc(name string, c call) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if e := s.authorize(r, name, c.scopes); e != nil {
			write(w, e)
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		kind := r.Header.Get("Content-Type")
		switch {
		case err != nil:
			write(w, errText(name, err.Error()))
			return
		case len(body) > 0 && !strings.HasPrefix(kind, "application/json") && !strings.HasPrefix(kind, "text/plain; charset=dropbox-cors-hack"):
			write(w, errText(name, `Bad HTTP "Content-Type" header: "`+kind+`". Expecting one of "application/json", "application/json; charset=utf-8", "text/plain; charset=dropbox-cors-hack".`))
			return
		}
		if e := c.do(&request{w, r, name, body, nil}); e != nil {
			write(w, e)
		}
	}
}

// content is a route whose argument is in a header, with bytes going up or down.
func (s *Service) content(name string, c call, up bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if e := s.authorize(r, name, c.scopes); e != nil {
			write(w, e)
			return
		}
		arg := r.Header.Get("Dropbox-API-Arg")
		if arg == "" {
			arg = r.URL.Query().Get("arg")
		}
		if arg == "" {
			write(w, errText(name, `Must provide HTTP header "Dropbox-API-Arg" or URL parameter "arg".`))
			return
		}
		kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		if up && kind != "application/octet-stream" || !up && kind != "" && kind != "application/octet-stream" && kind != "text/plain" {
			write(w, errText(name, `Bad HTTP "Content-Type" header: "`+kind+`". Expecting one of "application/octet-stream", "text/plain; charset=dropbox-cors-hack".`))
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		if err != nil {
			write(w, errText(name, err.Error()))
			return
		}
		if len(body) > maxBody {
			write(w, fail(413, "payload_too_large"))
			return
		}
		if e := c.do(&request{w, r, name, []byte(arg), body}); e != nil {
			write(w, e)
		}
	}
}

// decode reads the argument into v and refuses fields that v does not have.
func (r *request) decode(v any) *Error {
	d := json.NewDecoder(bytes.NewReader(r.arg))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return errText(r.name, "request body: "+strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

var (
	goodPath = regexp.MustCompile(`^(?s:(/.*)?)$`)
	goodID   = regexp.MustCompile(`^id:.+$`)
	goodRev  = regexp.MustCompile(`^rev:[0-9a-f]{9,}$`)
)

// pathError is the refusal of what is no path at all.
func (r *request) pathError(path string) *Error {
	return errText(r.name, "request body: path: '"+path+`' did not match pattern '(/(.|[\r\n])*)|(ns:[0-9]+(/.*)?)|(id:.*)|(rev:[0-9a-f]{9,})'`)
}

// checkPath refuses what is no path; empty tells whether the root is one here.
func (r *request) checkPath(path string, empty bool) *Error {
	switch {
	case goodID.MatchString(path), goodRev.MatchString(path):
		return nil
	case path == "/":
		return errText(r.name, `request body: path: Specify the root folder as an empty string rather than as "/".`)
	case path == "" && !empty:
		return errText(r.name, "request body: path: The root folder is unsupported.")
	case !goodPath.MatchString(path):
		return r.pathError(path)
	}
	return nil
}
