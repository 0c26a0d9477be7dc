package drive

import (
	"encoding/json"
	"net/http"
)

// An Error is an answer of Google's: HTTP status, errors[].reason, message and the
// parameter that it is about.
type Error struct {
	Status            int
	Reason            string
	Message, Location string
}

// ServeHTTP answers with the error, so that one can be given to Fault.
func (e *Error) ServeHTTP(w http.ResponseWriter, _ *http.Request) { write(w, e) }

// Refuse is a handler for Fault that answers with an error, as in
// Refuse(403, "userRateLimitExceeded") or Refuse(500, "internalError").
func Refuse(status int, reason string) http.Handler {
	return &Error{Status: status, Reason: reason, Message: reason}
}

func errNotFound(id string) *Error {
	return &Error{http.StatusNotFound, "notFound", "File not found: " + id + ".", "fileId"}
}

func errInvalid(parameter string) *Error {
	return &Error{http.StatusBadRequest, "invalid", "Invalid Value", parameter}
}

func errParameter(parameter, message string) *Error {
	return &Error{http.StatusBadRequest, "invalidParameter", message, parameter}
}

func errBad(message string) *Error {
	return &Error{http.StatusBadRequest, "badRequest", message, ""}
}

func errForbidden(reason, message string) *Error {
	return &Error{http.StatusForbidden, reason, message, ""}
}

func errLogin(message, reason string) *Error {
	return &Error{http.StatusUnauthorized, reason, message, "Authorization"}
}

func write(w http.ResponseWriter, e *Error) {
	domain := "global"
	switch e.Reason {
	case "userRateLimitExceeded", "rateLimitExceeded", "dailyLimitExceeded", "quotaExceeded":
		domain = "usageLimits"
	}
	one := map[string]any{"message": e.Message, "domain": domain, "reason": e.Reason}
	if e.Location != "" {
		one["location"], one["locationType"] = e.Location, "parameter"
		if e.Location == "Authorization" {
			one["locationType"] = "header"
		}
	}
	answer(w, e.Status, map[string]any{"error": map[string]any{
		"code": e.Status, "message": e.Message, "errors": []any{one},
	}})
}

func answer(w http.ResponseWriter, status int, body any) {
	text, _ := json.MarshalIndent(body, "", " ")
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
