package dropbox

import (
	"net/http"
	"time"

	"sd/internal/clouds/oauth"
)

// Redirects are the addresses that the app has named in Dropbox's console; no other
// port will do.
var Redirects = []string{"http://localhost:53682/", "http://localhost:53683/", "http://localhost:53684/"}

// newOAuth is Dropbox's: a refresh token comes with token_access_type=offline and does
// not rotate; without a redirect address the page shows the code.
func newOAuth() *oauth.Server {
	scopes := []string{readAccount, readMeta, writeMeta, readContent, writeContent}
	return oauth.New(oauth.Dialect{
		Parameters: []string{
			"client_id", "redirect_uri", "response_type", "scope", "state", "token_access_type", "code_challenge",
			"code_challenge_method", "force_reapprove", "include_granted_scopes", "disable_signup", "locale", "force_reauthentication",
		},
		Scopes:  append([]string{"sharing.read", "sharing.write", "account_info.write", "file_requests.read", "file_requests.write"}, scopes...),
		Granted: scopes, Redirect: oauth.Exactly, WithoutRedirect: true,
		Offline: func(q func(string) string, _ []string, _ bool) bool {
			return q("token_access_type") == "offline"
		},
		Lifetime: 4 * time.Hour, TokenType: "bearer", AccessPrefix: "sl.", RefreshPrefix: "",
		Extra: map[string]any{"uid": "1000000001", "account_id": accountID}, Problem: problem, TokenQuery: true,
	}, oauth.App{ID: ClientID, Secret: ClientSecret, Redirects: Redirects}, oauth.Keep)
}

func problem(t oauth.Trouble) (int, map[string]any) {
	say := func(status int, code, text string) (int, map[string]any) {
		return status, map[string]any{"error": code, "error_description": text}
	}
	switch t {
	case oauth.BadClient, oauth.BadSecret:
		return say(400, "invalid_client: Invalid client_id or client_secret", "Invalid client_id or client_secret")
	case oauth.BadCode:
		return say(400, "invalid_grant", "code doesn't exist or has expired")
	case oauth.BadVerifier:
		return say(400, "invalid_grant", "invalid code verifier")
	case oauth.BadRedirect:
		return say(400, "invalid_grant", "redirect_uri mismatch")
	case oauth.DeadRefresh:
		return say(400, "invalid_grant", "refresh token is invalid or revoked")
	case oauth.BadGrantType:
		return say(400, "unsupported_grant_type", "grant_type must be authorization_code or refresh_token")
	case oauth.BadScope:
		return say(400, "invalid_scope", "the scope was not granted")
	}
	return say(400, "invalid_request", "malformed request")
}

func (s *Service) account(r *request) *Error {
	answer(r.w, http.StatusOK, map[string]any{
		"account_id": accountID, "email": UserEmail, "email_verified": true, "disabled": false, "locale": "en", "is_paired": false,
		"referral_link": "https://www.dropbox.com/referrals/x", "country": "US",
		"name": map[string]any{
			"given_name": "Dora", "surname": "Drop", "familiar_name": "Dora", "display_name": UserName, "abbreviated_name": "DD",
		},
		"account_type": map[string]any{".tag": "basic"},
		"root_info":    map[string]any{".tag": "user", "root_namespace_id": nsRoot, "home_namespace_id": nsRoot},
	})
	return nil
}

func (s *Service) spaceUsage(r *request) *Error {
	s.mu.Lock()
	used, limit := s.root.size(), s.limit
	s.mu.Unlock()
	answer(r.w, http.StatusOK, map[string]any{"used": used, "allocation": map[string]any{".tag": "individual", "allocated": limit}})
	return nil
}

// revoke ends the login that asks for it.
func (s *Service) revoke(r *request) *Error {
	grant, err := s.Check(r.http)
	if err != nil {
		return fail(401, "invalid_access_token")
	}
	s.RevokeGrant(grant)
	answer(r.w, http.StatusOK, nil)
	return nil
}

func (s *Service) checkUser(r *request) *Error {
	var arg struct {
		Query string `json:"query"`
	}
	if e := r.decode(&arg); e != nil {
		return e
	}
	answer(r.w, http.StatusOK, map[string]any{"result": arg.Query})
	return nil
}
