package onedrive

import (
	"slices"
	"time"

	"sd/internal/clouds/oauth"
)

// newOAuth is Microsoft's: a refresh token comes with the scope offline_access, and
// each refresh brings a new one while the old ones live on.
func newOAuth() *oauth.Server {
	redirects := []string{"http://localhost"}
	s := oauth.New(oauth.Dialect{
		Parameters: []string{
			"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "prompt", "login_hint", "domain_hint",
			"code_challenge", "code_challenge_method", "nonce", "access_type",
		},
		Scopes: []string{
			"Files.Read", "Files.ReadWrite", "Files.Read.All", "Files.ReadWrite.All", "Sites.Read.All", "User.Read",
			"offline_access", "openid", "email", "profile",
		},
		Granted:  []string{"Files.Read", "Files.ReadWrite", "Files.Read.All", "Files.ReadWrite.All", "User.Read", "offline_access"},
		Redirect: oauth.SamePath,
		Offline: func(_ func(string) string, scopes []string, _ bool) bool {
			return slices.Contains(scopes, "offline_access")
		},
		Lifetime: 3599 * time.Second, TokenType: "Bearer", AccessPrefix: "EwB4A8l6BAAU", RefreshPrefix: "M.C5_BAY.",
		Extra: map[string]any{"ext_expires_in": 3599}, Problem: problem, Device: true, DevicePage: "https://microsoft.com/devicelogin",
	}, oauth.App{ID: ClientID, Redirects: redirects}, oauth.Renew)
	s.Register(oauth.App{ID: ConfidentialID, Secret: ConfidentialSecret, Redirects: redirects})
	return s
}

func problem(t oauth.Trouble) (int, map[string]any) {
	say := func(status int, code, text string, number int) (int, map[string]any) {
		return status, map[string]any{
			"error": code, "error_description": text, "error_codes": []int{number}, "timestamp": time.Now().UTC().Format("2006-01-02 15:04:05Z"),
			"trace_id": "00000000-0000-0000-0000-000000000000", "correlation_id": "00000000-0000-0000-0000-000000000000",
		}
	}
	switch t {
	case oauth.BadClient:
		return say(400, "unauthorized_client", "AADSTS700016: Application with identifier was not found in the directory.", 700016)
	case oauth.BadSecret:
		return say(401, "invalid_client", "AADSTS7000215: Invalid client secret provided, or one by a public client.", 7000215)
	case oauth.BadCode:
		return say(400, "invalid_grant", "AADSTS70008: The provided authorization code or refresh token has expired.", 70008)
	case oauth.BadVerifier:
		return say(400, "invalid_grant", "AADSTS50148: The code_verifier does not match the code_challenge supplied in the authorization request.", 50148)
	case oauth.BadRedirect:
		return say(400, "invalid_request", "AADSTS50011: The redirect URI specified in the request does not match.", 50011)
	case oauth.DeadRefresh:
		return say(400, "invalid_grant", "AADSTS70000: The user could not be authenticated or the grant is expired. The user must first sign in.", 70000)
	case oauth.BadGrantType:
		return say(400, "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.", 70003)
	case oauth.BadScope:
		return say(400, "invalid_scope", "AADSTS70011: The provided value for the input parameter 'scope' is not valid.", 70011)
	case oauth.Pending:
		return say(400, "authorization_pending", "AADSTS70016: Application polling for authentication but user has not authenticated yet.", 70016)
	case oauth.TooFast:
		return say(400, "slow_down", "AADSTS70017: polling too fast.", 70017)
	case oauth.Declined:
		return say(400, "authorization_declined", "AADSTS70018: The end user declined.", 70018)
	case oauth.DeviceExpired:
		return say(400, "expired_token", "AADSTS70019: Verification code expired.", 70019)
	}
	return say(400, "invalid_request", "AADSTS900144: The request body must contain the parameter.", 900144)
}
