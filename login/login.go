// Package login gets a token from a cloud service for the user who sits before a browser, on
// this machine or on another one. The application that asks is the user's own: there is no
// client id in here.
package login

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/oauth2"
)

// Client is the user's own application, as it is registered with the service.
type Client struct {
	ID string
	// Secret is "" where the service asks applications on desktops for none.
	Secret string
}

// Login is one attempt to get a token. It must not be changed while a method runs.
type Login struct {
	Provider Provider
	Client   Client
	// Open shows a page in the user's browser. Where it cannot, the user opens the address
	// that Say has shown. nil opens nothing.
	Open func(url string) error
	// Say tells the user what to do. It is never given a secret.
	Say func(text string)
	// Read asks the user for one line, which Headless needs. It ends with ctx.
	Read func(ctx context.Context, prompt string) (string, error)
	// Patience is how long the user may take; 0 is ten minutes.
	Patience time.Duration
	// HTTP carries the requests; nil is a client that heeds the environment's proxies.
	HTTP *http.Client
}

// Token is what a service gives to whoever logged in. Its printed form is no secret.
type Token struct{ token *oauth2.Token }

// ParseToken reads what Text has written, or rclone.
func ParseToken(text string) (Token, error) {
	t := new(oauth2.Token)
	if json.Unmarshal([]byte(text), t) != nil || t.AccessToken == "" && t.RefreshToken == "" {
		return Token{}, errNoToken // not the error, which may quote it
	}
	return Token{t}, nil
}

var errNoToken = errors.New("there is no token to log in with: log in anew")

// Text returns the token as JSON, in the form in which rclone keeps it too. It is a secret.
func (t Token) Text() string {
	text, err := json.Marshal(t.token)
	if err != nil {
		return ""
	}
	return string(text)
}

// String hides the token.
func (t Token) String() string { return "(a token)" }

// GoString hides the token.
func (t Token) GoString() string { return "(a token)" }

// ErrDenied says that the user, or the service, said no.
var ErrDenied = errors.New("access was not granted")

// ErrClient says that the service does not know the Client, or not by that secret.
var ErrClient = errors.New("the client id or its secret is wrong")

// ErrEnded says that the service takes a token no more, nor gives another one for it.
var ErrEnded = errors.New("the login has ended")

// ErrTimeout says that nobody logged in in time.
var ErrTimeout = errors.New("nobody logged in in time: run the command again")

const (
	defaultPatience = 10 * time.Minute
	requestTimeout  = 30 * time.Second
)

// begin bounds a login by its Patience and lets oauth2 use the client of l.
func (l *Login) begin(ctx context.Context) (context.Context, context.CancelFunc) {
	patience := l.Patience
	if patience == 0 {
		patience = defaultPatience
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, ErrTimeout)
	return context.WithValue(ctx, oauth2.HTTPClient, l.http()), cancel
}

func (l *Login) http() *http.Client {
	if l.HTTP != nil {
		return l.HTTP
	}
	return &http.Client{Timeout: requestTimeout}
}

// config is l in the words of oauth2.
func (l *Login) config(redirect string) *oauth2.Config {
	p := l.Provider
	return &oauth2.Config{
		ClientID: l.Client.ID, ClientSecret: l.Client.Secret, RedirectURL: redirect, Scopes: p.scopes,
		Endpoint: oauth2.Endpoint{AuthURL: p.authURL, TokenURL: p.tokenURL, DeviceAuthURL: p.deviceURL, AuthStyle: oauth2.AuthStyleInParams},
	}
}

// attempt is one page that the user is sent to.
type attempt struct {
	config   *oauth2.Config
	verifier string // of PKCE
	state    string
	url      string
}

func (l *Login) attempt(redirect string) attempt {
	a := attempt{config: l.config(redirect), verifier: oauth2.GenerateVerifier(), state: rand.Text()}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(a.verifier)}
	for key, text := range l.Provider.extra {
		options = append(options, oauth2.SetAuthURLParam(key, text))
	}
	a.url = a.config.AuthCodeURL(a.state, options...)
	return a
}

// exchange trades the code that the user's browser was given for a token.
func (l *Login) exchange(ctx context.Context, a attempt, code string) (Token, error) {
	t, err := a.config.Exchange(ctx, code, oauth2.VerifierOption(a.verifier))
	return l.received(ctx, t, err)
}

// received checks what the service gave.
func (l *Login) received(ctx context.Context, t *oauth2.Token, err error) (Token, error) {
	if err != nil {
		return Token{}, l.explain(ctx, err)
	}
	if t.RefreshToken == "" {
		return Token{}, fmt.Errorf("%s gave a token that ends soon and cannot be renewed: remove the access of your application in the settings of your account, and log in again", l.Provider.Name)
	}
	return Token{t}, nil
}

// explain says in words why there is no token. What the service answered in full is not
// shown: it could quote a secret.
func (l *Login) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return fmt.Errorf("%s could not be asked for a token: %w", l.Provider.Name, err)
	}
	return l.refusal(refused.ErrorCode, refused.ErrorDescription)
}

// refusal is the error for what OAuth calls code.
func (l *Login) refusal(code, description string) error {
	text := map[string]string{
		"unauthorized_client":    "the client id may not be used in this way",
		"invalid_grant":          "the code is used up or too old: run the command again",
		"expired_token":          "the code was not typed in in time: run the command again",
		"access_denied":          "you or your administrator said no",
		"authorization_declined": "you or your administrator said no",
		"redirect_uri_mismatch":  "your application does not allow the address to which the browser is sent back",
	}[code]
	switch {
	case text == "" && code == "":
		text = "it gave no reason"
	case text == "":
		text = clean(code)
	}
	if description = clean(description); description != "" {
		text += " (" + description + ")"
	}
	if code == "invalid_client" {
		if description != "" {
			return fmt.Errorf("%s refuses the login: %w (%s)", l.Provider.Name, ErrClient, description)
		}
		return fmt.Errorf("%s refuses the login: %w", l.Provider.Name, ErrClient)
	}
	if code == "access_denied" || code == "authorization_declined" {
		return fmt.Errorf("%s: %w: %s", l.Provider.Name, ErrDenied, text)
	}
	return fmt.Errorf("%s refuses the login: %s", l.Provider.Name, text)
}
