package login

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// pastePort is in the address to which browsers on other machines are sent back, where
// nobody listens: the user copies that address.
const pastePort = "53682"

// Headless logs in with a browser on any machine. Microsoft's users type a code there; those
// of Google and Dropbox copy an address or a code from there, which Read asks for. Errors
// are those of Browser.
func (l *Login) Headless(ctx context.Context) (Token, error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	if l.Provider.deviceURL != "" {
		return l.device(ctx)
	}
	return l.paste(ctx)
}

func (l *Login) device(ctx context.Context) (Token, error) {
	config := l.config("")
	code, err := config.DeviceAuth(ctx)
	if err != nil {
		return Token{}, l.explain(ctx, err)
	}
	l.Say("Open this address in a browser on any machine, log in to " + l.Provider.Name + " and type in the code:\n\n  " +
		clean(code.VerificationURI) + "\n  " + clean(code.UserCode) + "\n")
	t, err := config.DeviceAccessToken(ctx, code)
	return l.received(ctx, t, err)
}

func (l *Login) paste(ctx context.Context) (Token, error) {
	redirect, what := "http://"+l.Provider.host+":"+pastePort+"/", "address"
	if l.Provider.showsCode {
		redirect, what = "", "code"
	}
	a := l.attempt(redirect)
	l.Say("Open this address in a browser on any machine and log in to " + l.Provider.Name + ":\n\n  " + a.url + "\n")
	prompt := "Then paste the code that is shown: "
	if redirect != "" {
		l.Say("At the end the browser shows an error, because nobody is at " + redirect + " on that machine. That is right.")
		prompt = "Then paste the address of that page: "
	}
	for {
		line, err := l.Read(ctx, prompt)
		if ctx.Err() != nil {
			return Token{}, context.Cause(ctx)
		}
		if err != nil {
			return Token{}, err
		}
		code, err := l.pasted(a, line)
		if errors.Is(err, errAgain) {
			l.Say(fmt.Sprintf("%v; copy the whole %s of the login that was begun last", err, what))
			continue
		}
		if err != nil {
			return Token{}, err
		}
		return l.exchange(ctx, a, code)
	}
}

// errAgain says that what was pasted is not what was asked for.
var errAgain = errors.New("that holds no code of this login")

// pasted finds the code in what the user copied: the address, or the code alone.
func (l *Login) pasted(a attempt, line string) (string, error) {
	line = strings.TrimSpace(line)
	if !strings.ContainsAny(line, "?&=") {
		if line == "" || strings.ContainsAny(line, " \t") || strings.Contains(line, "://") {
			return "", errAgain
		}
		return line, nil
	}
	_, query, whole := strings.Cut(line, "?")
	if !whole {
		query = line
	}
	query, _, _ = strings.Cut(query, "#")
	values, err := url.ParseQuery(query)
	switch {
	case err != nil:
		return "", errAgain
	case values.Get("state") != "" && values.Get("state") != a.state:
		return "", errAgain
	case values.Get("error") != "":
		return "", l.refusal(values.Get("error"), values.Get("error_description"))
	case values.Get("code") == "":
		return "", errAgain
	}
	return values.Get("code"), nil
}
