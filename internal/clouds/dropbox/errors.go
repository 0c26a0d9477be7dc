package dropbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// An Error is an answer of Dropbox's: plain text with status 400, else a union of tags.
type Error struct {
	status int
	text   string
	tags   []string
	body   map[string]any // of the outermost tag
	retry  int
}

// ServeHTTP answers with the error, so that one can be given to Fault.
func (e *Error) ServeHTTP(w http.ResponseWriter, _ *http.Request) { write(w, e) }

// Refuse is a handler for Fault that answers with an error of these tags, as in
// Refuse(409, "path", "not_found"), Refuse(429, "too_many_requests") or Refuse(500).
func Refuse(status int, tags ...string) http.Handler {
	switch {
	case len(tags) == 0:
		return &Error{status: status, text: "Something went wrong on our side."}
	case status == http.StatusTooManyRequests:
		return &Error{status: status, tags: tags, retry: 1, body: map[string]any{
			"reason": map[string]any{".tag": tags[0]}, "retry_after": 1,
		}}
	}
	return fail(status, tags...)
}

// fail is an error whose tags are nested: fail(409, "path", "conflict", "file").
func fail(status int, tags ...string) *Error {
	var inner map[string]any
	for i := len(tags) - 1; i >= 0; i-- {
		v := map[string]any{".tag": tags[i]}
		if inner != nil {
			v[tags[i]] = inner
		}
		inner = v
	}
	return &Error{status: status, tags: tags, body: inner}
}

// errText is a refusal of the call as such.
func errText(name, message string) *Error {
	return &Error{status: http.StatusBadRequest, text: fmt.Sprintf("Error in call to API function %q: %s", name, message)}
}

func write(w http.ResponseWriter, e *Error) {
	if e.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.retry))
	}
	if e.text != "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(e.status)
		fmt.Fprint(w, e.text)
		return
	}
	answer(w, e.status, map[string]any{"error_summary": strings.Join(e.tags, "/") + "/..", "error": e.body})
}

func answer(w http.ResponseWriter, status int, body any) {
	text, _ := json.Marshal(body)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
