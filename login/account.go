package login

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
)

// Account is who logged in.
type Account struct {
	// Name tells accounts of one service apart, also for people: an e-mail address where the
	// service tells one.
	Name string
	// Drives are what the account holds besides its own files: Google's shared drives. Of
	// Microsoft it is the account's own drive, alone.
	Drives []Drive
}

// Drive is one drive of an account.
type Drive struct {
	ID, Name string
	Type     string // of Microsoft: personal, business or documentLibrary
}

// Account asks the service whose token it is, and for its drives. A token that has ended is
// renewed first; the one to keep from now on is returned. A token that the service does not
// take is ErrEnded.
func (l *Login) Account(ctx context.Context, t Token) (Account, Token, error) {
	if t.token == nil {
		return Account{}, t, errNoToken
	}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, l.http()), requestTimeout)
	defer cancel()
	source := l.config("").TokenSource(ctx, t.token)
	now, err := source.Token()
	if err != nil {
		if refused := (*oauth2.RetrieveError)(nil); errors.As(err, &refused) && refused.ErrorCode == "invalid_grant" {
			return Account{}, t, fmt.Errorf("%s: %w", l.Provider.Name, ErrEnded)
		}
		return Account{}, t, l.explain(ctx, err)
	}
	t = Token{now}
	a, err := l.Provider.account(l.Provider)(ctx, oauth2.NewClient(ctx, source))
	if errors.Is(err, ErrEnded) {
		return Account{}, t, fmt.Errorf("%s: %w", l.Provider.Name, err)
	}
	if err != nil {
		return Account{}, t, fmt.Errorf("%s does not say whose login that is: %w", l.Provider.Name, err)
	}
	a.Name = clean(a.Name)
	if a.Name == "" {
		return Account{}, t, fmt.Errorf("%s does not say whose login that is", l.Provider.Name)
	}
	return a, t, nil
}

type accountFinder func(context.Context, *http.Client) (Account, error)

func googleAccount(p Provider) accountFinder {
	return func(ctx context.Context, c *http.Client) (Account, error) {
		var about struct {
			User struct{ EmailAddress, PermissionID string }
		}
		if err := ask(ctx, c, http.MethodGet, p.api+"/about?fields=user(emailAddress,permissionId)", &about); err != nil {
			return Account{}, err
		}
		a := Account{Name: first(about.User.EmailAddress, about.User.PermissionID)}
		for page := ""; ; {
			var list struct {
				Drives        []Drive
				NextPageToken string
			}
			query := url.Values{"pageSize": {"100"}, "fields": {"nextPageToken,drives(id,name)"}}
			if page != "" {
				query.Set("pageToken", page)
			}
			if err := ask(ctx, c, http.MethodGet, p.api+"/drives?"+query.Encode(), &list); err != nil {
				return Account{}, err
			}
			a.Drives = append(a.Drives, list.Drives...)
			if page = list.NextPageToken; page == "" {
				return a, nil
			}
		}
	}
}

func microsoftAccount(p Provider) accountFinder {
	return func(ctx context.Context, c *http.Client) (Account, error) {
		var drive struct {
			ID, DriveType, Name string
			Owner               struct {
				User struct{ Email, DisplayName, ID string }
			}
		}
		if err := ask(ctx, c, http.MethodGet, p.api+"/me/drive", &drive); err != nil {
			return Account{}, err
		}
		user := drive.Owner.User
		return Account{
			Name:   first(user.Email, user.DisplayName, user.ID, drive.ID),
			Drives: []Drive{{ID: drive.ID, Name: drive.Name, Type: drive.DriveType}},
		}, nil
	}
}

func dropboxAccount(p Provider) accountFinder {
	return func(ctx context.Context, c *http.Client) (Account, error) {
		var account struct {
			Email     string
			AccountID string `json:"account_id"`
		}
		err := ask(ctx, c, http.MethodPost, p.api+"/users/get_current_account", &account)
		return Account{Name: first(account.Email, account.AccountID)}, err
	}
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// ask makes one request and decodes the JSON that comes back.
func ask(ctx context.Context, c *http.Client, method, address string, into any) error {
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader("null") // Dropbox's word for no arguments
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	reply, err := c.Do(r)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	said, err := io.ReadAll(io.LimitReader(reply.Body, 4<<20))
	if err != nil {
		return err
	}
	if reply.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("%w (%s)", ErrEnded, clean(reason(said)))
	}
	if reply.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d: %s", reply.StatusCode, clean(reason(said)))
	}
	return json.Unmarshal(said, into)
}

// reason finds what a service says about an error, in any of their forms.
func reason(body []byte) string {
	var said struct {
		Error        json.RawMessage
		ErrorSummary string `json:"error_summary"`
	}
	if json.Unmarshal(body, &said) == nil {
		var inner struct{ Message string }
		if json.Unmarshal(said.Error, &inner) == nil && inner.Message != "" {
			return inner.Message
		}
		if said.ErrorSummary != "" {
			return said.ErrorSummary
		}
	}
	return string(bytes.TrimSpace(body))
}
