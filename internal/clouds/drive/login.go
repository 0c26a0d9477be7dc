package drive

import (
	"net/http"
	"slices"
	"time"

	"sd/internal/clouds/oauth"
)

const (
	scopeAll  = "https://www.googleapis.com/auth/drive"
	scopeRead = "https://www.googleapis.com/auth/drive.readonly"
	scopeFile = "https://www.googleapis.com/auth/drive.file"
)

// newOAuth is Google's: a refresh token comes with access_type=offline, and only at the
// first consent or with prompt=consent; it does not rotate; the device flow refuses the
// scopes of the whole Drive.
func newOAuth() *oauth.Server {
	return oauth.New(oauth.Dialect{
		Parameters: []string{
			"client_id", "redirect_uri", "response_type", "scope", "state", "access_type", "prompt", "approval_prompt",
			"include_granted_scopes", "login_hint", "code_challenge", "code_challenge_method", "hd", "hl", "nonce",
		},
		Scopes: []string{
			scopeAll, scopeRead, scopeFile, "https://www.googleapis.com/auth/drive.metadata.readonly",
			"https://www.googleapis.com/auth/drive.appdata", "openid", "email", "profile",
			"https://www.googleapis.com/auth/userinfo.email", "https://www.googleapis.com/auth/userinfo.profile",
		},
		Granted:  []string{scopeAll},
		Redirect: oauth.Loopback,
		Offline: func(q func(string) string, _ []string, first bool) bool {
			return q("access_type") == "offline" && (first || q("prompt") == "consent" || q("approval_prompt") == "force")
		},
		Lifetime: 3599 * time.Second, TokenType: "Bearer", AccessPrefix: "ya29.", RefreshPrefix: "1//0",
		Problem: problem, Device: true, DeviceRefuses: []string{scopeAll, scopeRead}, DevicePage: "https://www.google.com/device",
	}, oauth.App{
		ID: ClientID, Secret: ClientSecret, Redirects: []string{"http://127.0.0.1", "http://localhost", "http://[::1]"},
	}, oauth.Keep)
}

func problem(t oauth.Trouble) (int, map[string]any) {
	say := func(status int, code, text string) (int, map[string]any) {
		return status, map[string]any{"error": code, "error_description": text}
	}
	switch t {
	case oauth.BadClient:
		return say(401, "invalid_client", "The OAuth client was not found.")
	case oauth.BadSecret:
		return say(401, "invalid_client", "Unauthorized")
	case oauth.BadCode:
		return say(400, "invalid_grant", "Bad Request")
	case oauth.BadVerifier:
		return say(400, "invalid_grant", "Invalid code verifier.")
	case oauth.BadRedirect:
		return say(400, "redirect_uri_mismatch", "Bad Request")
	case oauth.DeadRefresh:
		return say(400, "invalid_grant", "Token has been expired or revoked.")
	case oauth.BadGrantType:
		return say(400, "unsupported_grant_type", "Invalid grant_type: ")
	case oauth.BadScope:
		return say(400, "invalid_scope", "Invalid device flow scope.")
	case oauth.Pending:
		return say(428, "authorization_pending", "Precondition Required")
	case oauth.TooFast:
		return say(403, "slow_down", "Forbidden")
	case oauth.Declined:
		return say(403, "access_denied", "Forbidden")
	case oauth.DeviceExpired:
		return say(400, "expired_token", "Bad Request")
	}
	return say(400, "invalid_request", "Bad Request")
}

func (s *Service) userinfo(w http.ResponseWriter, r *http.Request) *Error {
	body := map[string]any{"sub": "100000000000000000001"}
	if g, _ := s.Check(r); slices.Contains(g.Scopes, "email") || slices.Contains(g.Scopes, "https://www.googleapis.com/auth/userinfo.email") {
		body["email"], body["email_verified"] = UserEmail, true
	}
	answer(w, http.StatusOK, body)
	return nil
}
