package clouds

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"sd/internal/clouds/drive"
	"sd/internal/clouds/dropbox"
	"sd/internal/clouds/oauth"
	"sd/internal/clouds/onedrive"

	"golang.org/x/oauth2"
)

// shop is what a login needs to know of one service.
type shop struct {
	name   string
	config oauth2.Config
	params []oauth2.AuthCodeOption
	probe  string // answers 200 to whoever is logged in
	post   bool
	server *oauth.Server
}

func shops(c *Clouds) []shop {
	microsoft := "https://login.microsoftonline.com/common/oauth2/v2.0"
	return []shop{
		{"drive", oauth2.Config{
			ClientID: drive.ClientID, ClientSecret: drive.ClientSecret, Scopes: []string{"https://www.googleapis.com/auth/drive"},
			Endpoint: oauth2.Endpoint{AuthURL: "https://accounts.google.com/o/oauth2/v2/auth", TokenURL: "https://oauth2.googleapis.com/token"},
		}, []oauth2.AuthCodeOption{oauth2.AccessTypeOffline, oauth2.ApprovalForce}, "https://www.googleapis.com/drive/v3/about?fields=user", false, c.Drive.Server},
		{"onedrive", oauth2.Config{
			ClientID: onedrive.ClientID, Scopes: []string{"Files.ReadWrite.All", "offline_access"},
			Endpoint: oauth2.Endpoint{
				AuthURL: microsoft + "/authorize", TokenURL: microsoft + "/token", DeviceAuthURL: microsoft + "/devicecode",
				AuthStyle: oauth2.AuthStyleInParams,
			},
		}, nil, "https://graph.microsoft.com/v1.0/me/drive", false, c.OneDrive.Server},
		{"dropbox", oauth2.Config{
			ClientID: dropbox.ClientID, Scopes: []string{"account_info.read", "files.metadata.read"},
			Endpoint: oauth2.Endpoint{
				AuthURL: "https://www.dropbox.com/oauth2/authorize", TokenURL: "https://api.dropboxapi.com/oauth2/token",
				AuthStyle: oauth2.AuthStyleInParams,
			},
		}, []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("token_access_type", "offline")}, "https://api.dropboxapi.com/2/users/get_current_account", true, c.Dropbox.Server},
	}
}

func (s *shop) ask(ctx context.Context, client *http.Client) (int, error) {
	method := http.MethodGet
	if s.post {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, s.probe, nil)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// browse goes through the consent page and returns what arrives at the redirect address.
func browse(t *testing.T, c *Clouds, config *oauth2.Config, state string, params ...oauth2.AuthCodeOption) (url.Values, error) {
	t.Helper()
	var got url.Values
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.URL.Query() }))
	defer app.Close()
	config.RedirectURL = strings.Replace(app.URL, "127.0.0.1", "localhost", 1) + "/"
	c.Dropbox.Register(oauth.App{ID: dropbox.ClientID, Secret: dropbox.ClientSecret, Redirects: []string{config.RedirectURL}})
	_, err := c.Visit(t.Context(), config.AuthCodeURL(state, params...))
	return got, err
}

func withClient(t *testing.T, c *Clouds) context.Context {
	t.Helper()
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return context.WithValue(t.Context(), oauth2.HTTPClient, client)
}

func TestLoginExpiryAndRevocation(t *testing.T) {
	c := Start(t)
	ctx := withClient(t, c)
	for _, s := range shops(c) {
		t.Run(s.name, func(t *testing.T) {
			verifier := oauth2.GenerateVerifier()
			got, err := browse(t, c, &s.config, "a state", append(s.params, oauth2.S256ChallengeOption(verifier))...)
			if err != nil || got.Get("state") != "a state" {
				t.Fatalf("the redirect carries %v, %v", got, err)
			}
			if _, err := s.config.Exchange(ctx, "guessed", oauth2.VerifierOption(verifier)); !refused(err, "invalid_grant") {
				t.Errorf("a guessed code: got %v, want invalid_grant", err)
			}
			token, err := s.config.Exchange(ctx, got.Get("code"), oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			if token.RefreshToken == "" {
				t.Fatal("there is no refresh token")
			}
			if _, err := s.config.Exchange(ctx, got.Get("code"), oauth2.VerifierOption(verifier)); !refused(err, "invalid_grant") {
				t.Errorf("a code used twice: got %v, want invalid_grant", err)
			}
			if status, err := s.ask(ctx, oauth2.NewClient(ctx, oauth2.StaticTokenSource(token))); status != 200 {
				t.Errorf("a call with the token: got %d, %v", status, err)
			}
			s.server.Expire()
			if status, err := s.ask(ctx, oauth2.NewClient(ctx, oauth2.StaticTokenSource(token))); status != 401 {
				t.Errorf("a call with an old token: got %d, %v, want 401", status, err)
			}
			old := &oauth2.Token{RefreshToken: token.RefreshToken}
			if status, err := s.ask(ctx, s.config.Client(ctx, old)); status != 200 {
				t.Errorf("a call after a refresh: got %d, %v", status, err)
			}
			s.server.Revoke()
			if _, err := s.config.TokenSource(ctx, old).Token(); !refused(err, "invalid_grant") {
				t.Errorf("a refresh after the end: got %v, want invalid_grant", err)
			}
		})
	}
}

// refused tells whether the token endpoint said so.
func refused(err error, code string) bool {
	var e *oauth2.RetrieveError
	return errors.As(err, &e) && strings.HasPrefix(e.ErrorCode, code)
}

func TestLoginStrictness(t *testing.T) {
	c := Start(t)
	ctx := withClient(t, c)
	for _, s := range shops(c) {
		t.Run(s.name, func(t *testing.T) {
			verifier := oauth2.GenerateVerifier()
			params := append(s.params, oauth2.S256ChallengeOption(verifier))
			got, err := browse(t, c, &s.config, "", params...)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.config.Exchange(ctx, got.Get("code"), oauth2.VerifierOption(oauth2.GenerateVerifier())); !refused(err, "invalid_grant") {
				t.Errorf("another verifier: got %v, want invalid_grant", err)
			}
			if _, err := browse(t, c, &s.config, "", append(params, oauth2.SetAuthURLParam("nonsense", "1"))...); err == nil {
				t.Error("an unknown parameter went through")
			}
			if got, _ := browse(t, c, &s.config, "", append(params, oauth2.SetAuthURLParam("scope", "nonsense"))...); got.Get("error") != "invalid_scope" {
				t.Errorf("an unknown scope: got %v, want invalid_scope", got)
			}
			other := s.config
			other.ClientID = "somebody"
			if _, err := browse(t, c, &other, "", params...); err == nil {
				t.Error("an unknown app went through")
			}
			other.ClientID, other.RedirectURL = s.config.ClientID, "https://elsewhere.example/"
			if _, err := c.Visit(t.Context(), other.AuthCodeURL("", params...)); err == nil {
				t.Error("another redirect address went through")
			}
			s.server.Decline(true)
			defer s.server.Decline(false)
			if got, _ := browse(t, c, &s.config, "", params...); got.Get("error") != "access_denied" {
				t.Errorf("no consent: got %v, want access_denied", got)
			}
		})
	}
}

// What each service does with refresh tokens, and what it does when a test says so.
func TestRotation(t *testing.T) {
	c := Start(t)
	ctx := withClient(t, c)
	for _, s := range shops(c) {
		t.Run(s.name, func(t *testing.T) {
			login := func() string {
				verifier := oauth2.GenerateVerifier()
				got, err := browse(t, c, &s.config, "", append(s.params, oauth2.S256ChallengeOption(verifier))...)
				if err != nil {
					t.Fatal(err)
				}
				token, err := s.config.Exchange(ctx, got.Get("code"), oauth2.VerifierOption(verifier))
				if err != nil {
					t.Fatal(err)
				}
				return token.RefreshToken
			}
			refresh := func(with string) (string, error) {
				token, err := s.config.TokenSource(ctx, &oauth2.Token{RefreshToken: with}).Token()
				if err != nil {
					return "", err
				}
				return token.RefreshToken, nil
			}
			first := login()
			second, err := refresh(first)
			if err != nil || (second != first) != (s.name == "onedrive") {
				t.Errorf("a refresh of %q gives %q, %v", first, second, err)
			}
			if _, err := refresh(first); err != nil {
				t.Errorf("the first token again: %v", err)
			}
			s.server.SetRotation(oauth.OneTime)
			third, err := refresh(second)
			if err != nil || third == second {
				t.Errorf("a refresh with rotation gives %q, %v", third, err)
			}
			if _, err := refresh(second); !refused(err, "invalid_grant") {
				t.Errorf("a used token: got %v, want invalid_grant", err)
			}
		})
	}
}

func TestDeviceLogin(t *testing.T) {
	c := Start(t)
	ctx := withClient(t, c)
	s := shops(c)[1]
	device, err := s.config.DeviceAuth(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		token, err := s.config.DeviceAccessToken(ctx, device)
		if err == nil && token.RefreshToken == "" {
			err = errors.New("no refresh token")
		}
		ended <- err
	}()
	if c.OneDrive.Approve("nobody") {
		t.Error("a wrong user code was approved")
	}
	if err := c.OneDrive.Await(ctx, "oauth.token", 1); err != nil {
		t.Fatal(err)
	}
	if !c.OneDrive.Approve(device.UserCode) {
		t.Error("the user code is unknown")
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	google := shops(c)[0].config
	google.Endpoint.DeviceAuthURL = "https://oauth2.googleapis.com/device/code"
	if _, err := google.DeviceAuth(ctx); !refused(err, "invalid_scope") {
		t.Errorf("Google's device flow for all of Drive: got %v, want invalid_scope", err)
	}
}

func TestDropboxShowsACode(t *testing.T) {
	c := Start(t)
	ctx := withClient(t, c)
	s := shops(c)[2]
	verifier := oauth2.GenerateVerifier()
	code, err := c.Visit(ctx, s.config.AuthCodeURL("", append(s.params, oauth2.S256ChallengeOption(verifier))...))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.config.Exchange(ctx, code, oauth2.VerifierOption(verifier)); err != nil {
		t.Error(err)
	}
}
