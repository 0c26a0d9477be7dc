package onedrive

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// An Error is an answer of Graph's: HTTP status, error.code and error.message.
type Error struct {
	Status  int
	Code    string
	Message string
}

// ServeHTTP answers with the error, so that one can be given to Fault.
func (e *Error) ServeHTTP(w http.ResponseWriter, _ *http.Request) { write(w, e) }

// Refuse is a handler for Fault that answers with an error, as in
// Refuse(429, "activityLimitReached") or Refuse(503, "serviceNotAvailable").
func Refuse(status int, code string) http.Handler {
	return &Error{Status: status, Code: code, Message: code}
}

var (
	errMethod   = &Error{http.StatusMethodNotAllowed, "invalidRequest", "The HTTP method is not allowed for this resource"}
	errMissing  = &Error{http.StatusNotFound, "itemNotFound", "Item does not exist"}
	errExists   = &Error{http.StatusConflict, "nameAlreadyExists", "The specified item name already exists."}
	errETag     = &Error{http.StatusPreconditionFailed, "resourceModified", "ETag does not match current item's value"}
	errFull     = &Error{http.StatusInsufficientStorage, "quotaLimitReached", "Insufficient space available"}
	errName     = &Error{http.StatusBadRequest, "invalidRequest", "The provided name cannot contain a character or word that OneDrive does not allow."}
	errFolder   = &Error{http.StatusBadRequest, "invalidRequest", "The item is not of the kind that the call is for."}
	errSelfMove = &Error{http.StatusBadRequest, "invalidRequest", "An item cannot be moved below itself."}
)

func errInvalid(message string) *Error {
	return &Error{http.StatusBadRequest, "invalidRequest", message}
}

func write(w http.ResponseWriter, e *Error) {
	now := time.Now().UTC().Format("2006-01-02T15:04:05")
	if e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	answer(w, e.Status, map[string]any{"error": map[string]any{
		"code": e.Code, "message": e.Message,
		"innerError": map[string]any{"date": now, "request-id": strings.Repeat("0", 8), "client-request-id": strings.Repeat("0", 8)},
	}})
}

func answer(w http.ResponseWriter, status int, body any) {
	text, _ := json.Marshal(body)
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
