package oauth

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Authorize is the page where the user consents: it does so at once and sends the
// browser on with a code, or shows the code when there is nowhere to send it.
func (s *Server) Authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for name, values := range q {
		if !slices.Contains(s.dialect.Parameters, name) {
			page(w, http.StatusBadRequest, "invalid_request: parameter not allowed for this message type: "+name)
			return
		}
		if len(values) > 1 {
			page(w, http.StatusBadRequest, "invalid_request: parameter twice: "+name)
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	app := s.apps[q.Get("client_id")]
	if app == nil {
		page(w, http.StatusUnauthorized, "invalid_client: the app was not found")
		return
	}
	redirect := q.Get("redirect_uri")
	if redirect == "" && !s.dialect.WithoutRedirect {
		page(w, http.StatusBadRequest, "invalid_request: redirect_uri is missing")
		return
	}
	if redirect != "" && !s.dialect.Redirect(app.Redirects, redirect) {
		page(w, http.StatusBadRequest, "redirect_uri_mismatch: "+redirect+" is not registered")
		return
	}
	c, problem := s.consent(app, q)
	if problem != "" {
		answer(w, r, redirect, url.Values{"error": {problem}}, q)
		return
	}
	text := rand.Text()
	s.codes[text] = c
	s.consented[app.ID] = true
	answer(w, r, redirect, url.Values{"code": {text}}, q)
}

// consent checks what the app asks for.
func (s *Server) consent(app *App, q url.Values) (*code, string) {
	if q.Get("response_type") != "code" {
		return nil, "unsupported_response_type"
	}
	if s.decline {
		return nil, "access_denied"
	}
	scopes, ok := s.scopes(q.Get("scope"))
	if !ok {
		return nil, "invalid_scope"
	}
	challenge, method := q.Get("code_challenge"), q.Get("code_challenge_method")
	switch {
	case challenge == "" && (app.Secret == "" || method != ""):
		return nil, "invalid_request"
	case challenge != "" && method != "S256" && method != "plain" && method != "":
		return nil, "invalid_request"
	case challenge != "" && (len(challenge) < 43 || len(challenge) > 128):
		return nil, "invalid_request"
	}
	return &code{
		app: app.ID, redirect: q.Get("redirect_uri"), challenge: challenge, method: method, scopes: scopes,
		offline: s.dialect.Offline(q.Get, scopes, !s.consented[app.ID]),
		ends:    time.Now().Add(10 * time.Minute),
	}, ""
}

func (s *Server) scopes(asked string) ([]string, bool) {
	words := strings.Fields(asked)
	if len(words) == 0 {
		return s.dialect.Granted, s.dialect.Granted != nil
	}
	for _, word := range words {
		if !slices.Contains(s.dialect.Scopes, word) {
			return nil, false
		}
	}
	return words, true
}

// answer sends the browser to the redirect URI, or shows what would be sent.
func answer(w http.ResponseWriter, r *http.Request, redirect string, values, q url.Values) {
	if redirect == "" {
		page(w, http.StatusOK, values.Get("code")+values.Get("error"))
		return
	}
	if state := q.Get("state"); state != "" {
		values.Set("state", state)
	}
	to, _ := url.Parse(redirect)
	if to.RawQuery != "" {
		to.RawQuery += "&"
	}
	to.RawQuery += values.Encode()
	http.Redirect(w, r, to.String(), http.StatusFound)
}

// page shows one line of text in <code>.
func page(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<!doctype html><title>Sign in</title><p><code>%s</code></p>\n", html.EscapeString(text))
}

func reply(w http.ResponseWriter, status int, body any) {
	text, _ := json.Marshal(body)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// Loopback allows every port of the loopback redirects that are registered with the
// same host and path, "http://127.0.0.1" standing for any path.
func Loopback(registered []string, uri string) bool {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" || u.Fragment != "" {
		return false
	}
	return slices.ContainsFunc(registered, func(text string) bool {
		k, err := url.Parse(text)
		return err == nil && k.Hostname() == u.Hostname() && (k.Path == "" || k.Path == u.Path)
	})
}

// SamePath allows the registered loopback redirects with another port but the same
// path, where none and "/" are one.
func SamePath(registered []string, uri string) bool {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" || u.Fragment != "" {
		return slices.Contains(registered, uri)
	}
	return slices.ContainsFunc(registered, func(text string) bool {
		k, err := url.Parse(text)
		return err == nil && k.Hostname() == u.Hostname() && strings.Trim(k.Path, "/") == strings.Trim(u.Path, "/")
	})
}

// Exactly allows the registered redirects as they are written.
func Exactly(registered []string, uri string) bool { return slices.Contains(registered, uri) }
