package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"sd/login"
	"sd/sdpath"
)

// What Google's web pages call the two roots that every account has.
const (
	driveMine   = "My Drive"
	driveShared = "Shared with me"
)

// clientSecretVariable holds the secret of the user's own application at Google. No other
// service is told it.
const clientSecretVariable = "SD_CLIENT_SECRET"

// draftDrive lets the user log in, and finds the drive that is meant.
func (a *app) draftDrive(ctx context.Context, d *draft, f addFlags) error {
	folder := strings.Trim(path.Clean("/"+f.folder), "/")
	d.Config[configClientID] = f.clientID
	d.Config[configFolder] = folder
	switch d.Service {
	case sdpath.OneDrive:
		d.Identifier = first(folder, "OneDrive")
		if f.region != "global" {
			d.Config[configRegion] = f.region
		}
	case sdpath.Dropbox:
		d.Identifier = first(folder, "Dropbox")
	}
	secret, err := a.clientSecret(d.Service, f.from, "")
	if err != nil {
		return err
	}
	s, err := a.logIn(ctx, d.Service, f.region, login.Client{ID: f.clientID, Secret: secret}, f.from.headless)
	if err != nil {
		return err
	}
	d.Config[configAccount] = s.account.Name
	d.secrets[secretClientSecret], d.secrets[secretToken] = secret, s.token.Text()
	switch d.Service {
	case sdpath.GDrive:
		return d.chooseDrive(f.drive, s.account.Drives)
	case sdpath.OneDrive:
		own := s.account.Drives[0]
		d.Config[configDriveID], d.Config[configDriveType] = own.ID, own.Type
	}
	return nil
}

// chooseDrive finds Google's drive of that name or id.
func (d *draft) chooseDrive(name string, shared []login.Drive) error {
	switch {
	case name == "", strings.EqualFold(name, driveMine):
		d.Identifier, d.Config[configRoot] = driveMine, rootMine
		return nil
	case strings.EqualFold(name, driveShared):
		d.Identifier, d.Config[configRoot] = driveShared, rootShared
		return nil
	}
	var fit []login.Drive
	known := []string{quote(driveMine), quote(driveShared)}
	for _, one := range shared {
		if one.ID == name {
			fit = []login.Drive{one}
			break
		}
		if one.Name == name {
			fit = append(fit, one)
		}
		known = append(known, quote(one.Name))
	}
	switch len(fit) {
	case 0:
		return fmt.Errorf("the account has no drive %s; it has %s", quote(name), list(known))
	case 1:
		d.Identifier, d.Config[configRoot], d.Config[configDriveID] = fit[0].Name, rootDrive, fit[0].ID
		return nil
	}
	var ids []string
	for _, one := range fit {
		ids = append(ids, one.ID)
	}
	return fmt.Errorf("the account has %d drives of that name: give the id of one of them for it: %s", len(fit), list(ids))
}

// clientSecret is the secret of the user's own application: from a pipe, the environment
// (Google's), what was stored, or a prompt. Google alone gives every application one.
func (a *app) clientSecret(service sdpath.Service, from secretSource, stored string) (string, error) {
	switch {
	case from.stdin:
		return notEmpty(a.readLine())
	case service == sdpath.GDrive && os.Getenv(clientSecretVariable) != "":
		return os.Getenv(clientSecretVariable), nil
	case stored != "" || service != sdpath.GDrive:
		return stored, nil
	}
	return a.secret(secretQuestion{prompt: "Client secret of your application: ", variable: clientSecretVariable, flag: "--secret-stdin"})
}

// session is a login that has just been made.
type session struct {
	account login.Account
	token   login.Token
}

// logIn lets the user log in, in the browser of this machine or of another one, and finds
// out who that was.
func (a *app) logIn(ctx context.Context, service sdpath.Service, region string, client login.Client, headless bool) (session, error) {
	l, err := a.newLogin(service, region, client)
	if err != nil {
		return session{}, err
	}
	var s session
	if headless {
		s.token, err = l.Headless(ctx)
	} else {
		s.token, err = l.Browser(ctx)
	}
	if err == nil {
		s.account, s.token, err = l.Account(ctx, s.token)
	}
	switch {
	case ctx.Err() != nil:
		err = errNothingDone
	case errors.Is(err, login.ErrClient) && client.Secret != "" && client.Secret == os.Getenv(clientSecretVariable):
		err = fmt.Errorf("%w; the secret is what %s holds", err, clientSecretVariable)
	}
	if err != nil {
		return session{}, err
	}
	fmt.Fprintf(a.errOut, "logged in to %s as %s\n", l.Provider.Name, s.account.Name)
	return s, nil
}

// errNobodyPastes says that standard input ended before the login did.
var errNobodyPastes = usagef("nobody is there to paste it: run the command in a terminal, and give a client secret there or by %s, not by a pipe", clientSecretVariable)

// newLogin is a login to a service that talks to the user on the terminal.
func (a *app) newLogin(service sdpath.Service, region string, client login.Client) (*login.Login, error) {
	l := &login.Login{
		Client: client,
		Open:   login.OpenBrowser,
		Say:    func(text string) { fmt.Fprintln(a.errOut, text) },
		Read: func(ctx context.Context, prompt string) (string, error) {
			line, err := a.askLine(ctx, prompt)
			if errors.Is(err, io.EOF) {
				err = errNobodyPastes
			}
			return line, err
		},
	}
	switch service {
	case sdpath.GDrive:
		l.Provider = login.Google()
	case sdpath.Dropbox:
		l.Provider = login.Dropbox()
	default:
		var err error
		if l.Provider, err = login.Microsoft(region); err != nil {
			return nil, usagef("%v", err)
		}
	}
	return l, nil
}
