package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Trouble is what the token endpoint refuses.
type Trouble uint8

// The troubles.
const (
	BadRequest    Trouble = iota // a parameter is missing or twice
	BadClient                    // no such app
	BadSecret                    // the wrong secret, or one where none may be, or none
	BadCode                      // unknown, used, or too old
	BadVerifier                  // PKCE does not fit
	BadRedirect                  // not the redirect URI of the consent
	DeadRefresh                  // revoked, used up, or never issued
	BadGrantType                 // no such flow here
	BadScope                     // not granted, or not for this flow
	Pending                      // the user has not said yes yet (device code)
	TooFast                      // asked again before the interval (device code)
	Declined                     // the user said no (device code)
	DeviceExpired                // the device code is too old or unknown
)

// TokenEndpoint gives tokens for codes, refresh tokens and device codes.
func (s *Server) TokenEndpoint(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || r.URL.RawQuery != "" && !s.dialect.TokenQuery {
		s.problem(w, BadRequest)
		return
	}
	form := r.Form
	for _, values := range form {
		if len(values) > 1 {
			s.problem(w, BadRequest)
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	app, trouble, ok := s.authenticate(r, form)
	if !ok {
		s.problem(w, trouble)
		return
	}
	switch form.Get("grant_type") {
	case "authorization_code":
		s.redeem(w, app, form)
	case "refresh_token":
		s.renew(w, app, form)
	case "urn:ietf:params:oauth:grant-type:device_code", "device_code":
		if s.dialect.Device {
			s.pollDevice(w, app, form)
			return
		}
		fallthrough
	default:
		s.problem(w, BadGrantType)
	}
}

func (s *Server) problem(w http.ResponseWriter, t Trouble) {
	status, body := s.dialect.Problem(t)
	reply(w, status, body)
}

// authenticate finds the app and checks its secret, from the header or the form.
func (s *Server) authenticate(r *http.Request, form url.Values) (*App, Trouble, bool) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, pass, ok := r.BasicAuth(); ok {
		if id != "" && id != user {
			return nil, BadClient, false
		}
		id, _ = url.QueryUnescape(user)
		secret, _ = url.QueryUnescape(pass)
	}
	app := s.apps[id]
	if app == nil {
		return nil, BadClient, false
	}
	if secret == app.Secret {
		return app, 0, true
	}
	// A code or token that was got with PKCE by an app that has a secret still needs the
	// secret, but Dropbox lets the verifier stand for it.
	if secret == "" && s.dialect.WithoutRedirect {
		return app, 0, true
	}
	return nil, BadSecret, false
}

func (s *Server) redeem(w http.ResponseWriter, app *App, form url.Values) {
	c := s.codes[form.Get("code")]
	if c == nil || c.app != app.ID || !time.Now().Before(c.ends) {
		s.problem(w, BadCode)
		return
	}
	delete(s.codes, form.Get("code")) // one use, also a wrong one
	if c.redirect != form.Get("redirect_uri") {
		s.problem(w, BadRedirect)
		return
	}
	if !verify(c, form.Get("code_verifier")) {
		s.problem(w, BadVerifier)
		return
	}
	s.issue(w, Grant{App: app.ID, Scopes: c.scopes}, c.offline)
}

// verify checks PKCE. Whoever began with a challenge must end with the verifier.
func verify(c *code, verifier string) bool {
	switch {
	case c.challenge == "":
		return verifier == ""
	case c.method == "S256":
		sum := sha256.Sum256([]byte(verifier))
		return base64.RawURLEncoding.EncodeToString(sum[:]) == c.challenge
	}
	return verifier == c.challenge
}

// issue answers with a new login.
func (s *Server) issue(w http.ResponseWriter, g Grant, offline bool) {
	body := s.answer(g)
	if offline {
		body["refresh_token"] = s.newRefresh(g)
	}
	reply(w, http.StatusOK, body)
}

func (s *Server) answer(g Grant) map[string]any {
	body := map[string]any{
		"access_token": s.newAccess(g), "token_type": s.dialect.TokenType,
		"expires_in": int(s.lifetime / time.Second), "scope": strings.Join(g.Scopes, " "),
	}
	for k, v := range s.dialect.Extra {
		body[k] = v
	}
	return body
}

func (s *Server) renew(w http.ResponseWriter, app *App, form url.Values) {
	token := form.Get("refresh_token")
	old := s.refresh[token]
	if old == nil || old.dead || old.App != app.ID {
		s.problem(w, DeadRefresh)
		return
	}
	grant := old.Grant
	if asked := strings.Fields(form.Get("scope")); len(asked) > 0 {
		for _, scope := range asked {
			if !slices.Contains(old.Scopes, scope) {
				s.problem(w, BadScope)
				return
			}
		}
		grant.Scopes = asked
	}
	s.refreshes++
	body := s.answer(grant)
	if s.rotation != Keep {
		body["refresh_token"] = s.newRefresh(old.Grant)
		old.dead = s.rotation == OneTime
	}
	reply(w, http.StatusOK, body)
}

// RevokeEndpoint ends the token in the form or the query, and with a refresh token
// all that came from the same app.
func (s *Server) RevokeEndpoint(w http.ResponseWriter, r *http.Request) {
	token := r.FormValue("token")
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.refresh[token] != nil && !s.refresh[token].dead:
		s.endApp(s.refresh[token].App)
	case s.access[token] != nil && time.Now().Before(s.access[token].ends):
		s.endApp(s.access[token].App)
	default:
		reply(w, http.StatusBadRequest, map[string]any{"error": "invalid_token", "error_description": "Token expired or revoked"})
		return
	}
	reply(w, http.StatusOK, map[string]any{})
}

// RevokeGrant ends all tokens of the app that g was given to.
func (s *Server) RevokeGrant(g Grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endApp(g.App)
}

func (s *Server) endApp(app string) {
	for _, a := range s.access {
		if a.App == app {
			a.ends = time.Time{}
		}
	}
	for _, r := range s.refresh {
		if r.App == app {
			r.dead = true
		}
	}
	delete(s.consented, app)
}
