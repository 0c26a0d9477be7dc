package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sd/resolver"
	"sd/sdpath"
)

// draft asks for what the flags leave open: keys, a login.
func (a *app) draft(ctx context.Context, name string, service sdpath.Service, f addFlags) (draft, error) {
	d := draft{
		CloudVolume: resolver.CloudVolume{Name: name, Service: service, Config: map[string]string{}},
		secrets:     map[string]string{},
	}
	var err error
	switch service {
	case sdpath.GCS:
		err = a.draftGCS(&d, f)
	case sdpath.AzBlob:
		err = a.draftAzBlob(&d, f)
	case sdpath.GDrive, sdpath.OneDrive, sdpath.Dropbox:
		err = a.draftDrive(ctx, &d, f)
	case sdpath.Rclone:
		err = a.draftRemote(&d, f)
	default:
		err = a.draftS3(&d, f)
	}
	return d, err
}

// withScheme completes an endpoint.
func withScheme(endpoint string) string {
	if endpoint != "" && !strings.Contains(endpoint, "://") {
		return "https://" + endpoint
	}
	return endpoint
}

func (a *app) draftS3(d *draft, f addFlags) error {
	d.Identifier = f.bucket
	key, err := a.accessKey(f)
	if err != nil {
		return err
	}
	d.Config[configRegion] = f.region
	d.Config[configEndpoint] = withScheme(f.endpoint)
	d.Config[configProfile] = f.profile
	d.Config[configDialect] = f.dialect
	if f.anonymous {
		d.Config[configAnonymous] = "true"
	}
	d.take(key)
	return nil
}

// take keeps an access key, the public half of it where all can see it.
func (d *draft) take(key *keyPair) {
	if key != nil {
		d.Config[configAccessKey] = key.id
		d.secrets[secretAccessKeyID], d.secrets[secretAccessKey] = key.id, key.secret
	}
}

func (a *app) draftGCS(d *draft, f addFlags) error {
	d.Identifier = f.bucket
	d.Config[configEndpoint] = withScheme(f.endpoint)
	switch {
	case f.accessKeyID != "" && (f.anonymous || f.credentials != ""), f.anonymous && f.credentials != "":
		return usagef("give only one of --credentials, --anonymous and --access-key-id")
	case f.from.stdin && f.accessKeyID == "":
		return usagef("--secret-stdin needs --access-key-id; for a service account there is --credentials -")
	case f.anonymous:
		d.Config[configAnonymous] = "true"
	case f.accessKeyID != "":
		secret, err := a.secret(secretQuestion{prompt: "Secret of the HMAC key " + f.accessKeyID + ": ", stdin: f.from.stdin, flag: "--secret-stdin"})
		if err != nil {
			return err
		}
		d.take(&keyPair{f.accessKeyID, secret})
	case f.credentials == "-":
		return a.readCredentials(d)
	case f.credentials != "":
		path, err := absolutePath(f.credentials)
		if err != nil {
			return err
		}
		if text, err := os.ReadFile(path); err != nil {
			return err
		} else if _, err := whoseCredentials(text); err != nil {
			return fmt.Errorf("%s: %w", f.credentials, err)
		}
		d.Config[configCredentials] = path
	}
	return nil
}

// readCredentials keeps the JSON of an account from standard input.
func (a *app) readCredentials(d *draft) error {
	text, err := io.ReadAll(io.LimitReader(a.input(), 1<<20))
	if err != nil {
		return err
	}
	who, err := whoseCredentials(text)
	if err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	d.Config[configAccount], d.Config[configAuth] = who, authStored
	d.secrets[secretCredentials] = string(text)
	return nil
}

// whoseCredentials names the account of credentials as Google's console and gcloud write
// them, "" if they do not tell.
func whoseCredentials(text []byte) (string, error) {
	var c struct {
		Type        string
		ClientEmail string `json:"client_email"`
		ClientID    string `json:"client_id"`
	}
	if json.Unmarshal(text, &c) != nil || c.Type == "" {
		return "", errors.New("this is no JSON key of an account: the console makes one under IAM, service accounts, keys; or 'gcloud auth application-default login'")
	}
	if c.ClientEmail != "" {
		return c.ClientEmail, nil
	}
	return c.ClientID, nil
}

func (a *app) draftAzBlob(d *draft, f addFlags) error {
	d.Identifier = f.container
	given := 0
	for _, set := range []bool{f.anonymous, f.from.stdin, f.from.sas, f.from.connection, f.auth != "" && f.auth != authKey && f.auth != authSAS} {
		if set {
			given++
		}
	}
	if given > 1 {
		return usagef("give only one of --anonymous, --auth, --secret-stdin, --sas-stdin and --connection-string-stdin")
	}
	account, err := a.azureAccount(f)
	if err != nil {
		return err
	}
	if account.name == "" {
		return usagef("say which --account")
	}
	d.Config[configAccount], d.Config[configAuth], d.Config[configEndpoint] = account.name, account.auth, withScheme(account.endpoint)
	switch account.auth {
	case authKey:
		d.secrets[secretAccountKey] = account.secret
	case authSAS:
		d.secrets[secretSAS] = account.secret
	}
	return nil
}

func (a *app) draftRemote(d *draft, f addFlags) error {
	d.Identifier = strings.TrimSuffix(f.remote, ":")
	path, err := configPath(f.rcloneConfig)
	if err != nil {
		return err
	}
	d.Config[configConfigFile] = path
	password := configPassword(func() (string, error) {
		return a.secret(secretQuestion{prompt: "Password of rclone's configuration: ", variable: passwordVariable})
	})
	_, _, err = findRemote(path, d.Identifier, func() (text string, err error) {
		text, err = password()
		d.secrets[secretConfigPassword] = text // a mount may not have the variable
		return text, err
	})
	return err
}

// absolutePath is what a path means for a mount, which is started elsewhere.
func absolutePath(path string) (string, error) {
	if home, err := os.UserHomeDir(); err == nil && strings.HasPrefix(path, "~/") {
		path = filepath.Join(home, path[2:]) // --flag=~/x is not the shell's
	}
	return filepath.Abs(path)
}
