package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"sd/backends/rclone"
	"sd/login"
	"sd/resolver"
	"sd/sdpath"
)

// convert makes a volume of a remote. What no service of ours can do exactly as rclone is
// set up to do it is left to rclone's own code.
func (s *remotes) convert(r *rclone.Remote, path string) (draft, error) {
	d := draft{
		CloudVolume: resolver.CloudVolume{Identifier: path, Config: map[string]string{}},
		secrets:     map[string]string{},
	}
	foreign := unheeded(r)
	if len(foreign) == 0 {
		switch r.Type {
		case "drive", "onedrive", "dropbox":
			return d, d.fromDrive(r, path)
		case "s3":
			return d, d.fromS3(r)
		case "google cloud storage":
			return d, d.fromGCS(r)
		case "azureblob":
			return d, d.fromAzure(r)
		}
	}
	ours := heeded[r.Type] != ""
	switch {
	case path != "" && ours:
		return d, fmt.Errorf("it sets %s, which only rclone's own code heeds: name the remote alone", list(foreign))
	case path != "":
		return d, fmt.Errorf("of a remote of type %q there are no parts: name the remote alone", r.Type)
	}
	d.Service, d.Identifier = sdpath.Rclone, r.Name
	d.Config[configConfigFile] = s.path
	d.secrets[secretConfigPassword] = s.password
	if err := d.mayBeOpened(); err != nil && ours {
		return d, fmt.Errorf("it sets %s, which only rclone's own code heeds: %w", list(foreign), err)
	}
	return d, nil
}

func (d *draft) fromDrive(r *rclone.Remote, path string) error {
	o := r.Options
	if o["client_id"] == "" {
		return errors.New(`it uses rclone's own client id, which is not for other programs: get one of your own (docs/services.md, "Your own client id") and add the volume with 'sd volume add-cloud'`)
	}
	if o["token"] == "" {
		return fmt.Errorf("it was never logged in to: 'rclone config reconnect %s:' does that", r.Name)
	}
	d.Config[configClientID] = o["client_id"]
	d.secrets[secretClientSecret], d.secrets[secretToken] = o["client_secret"], o["token"]
	switch r.Type {
	case "drive":
		d.Service, d.Identifier, d.Config[configRoot] = sdpath.GDrive, driveMine, rootMine
		switch {
		case path != "":
			return errors.New("a volume is a whole drive: name the remote alone")
		case o["team_drive"] != "":
			// Its name is asked for when it is added.
			d.Identifier, d.Config[configRoot], d.Config[configDriveID] = o["team_drive"], rootDrive, o["team_drive"]
		case o["shared_with_me"] == "true":
			d.Identifier, d.Config[configRoot] = driveShared, rootShared
		}
		return nil
	case "onedrive":
		if o["drive_id"] == "" {
			return fmt.Errorf("it has no drive: 'rclone config reconnect %s:' chooses one", r.Name)
		}
		d.Service, d.Identifier = sdpath.OneDrive, first(path, "OneDrive")
		d.Config[configDriveID], d.Config[configDriveType] = o["drive_id"], o["drive_type"]
		if o["region"] != "global" {
			d.Config[configRegion] = o["region"]
		}
	default:
		d.Service, d.Identifier = sdpath.Dropbox, first(path, "Dropbox")
	}
	d.Config[configFolder] = path
	return nil
}

var errNoBucket = errors.New("say which bucket, as in REMOTE:BUCKET")

func (d *draft) fromS3(r *rclone.Remote) error {
	o := r.Options
	if d.Identifier == "" || strings.Contains(d.Identifier, "/") {
		return errNoBucket
	}
	d.Service = sdpath.S3
	d.Config[configRegion], d.Config[configEndpoint] = o["region"], withScheme(o["endpoint"])
	d.Config[configProfile] = o["profile"]
	host := o["endpoint"]
	switch provider := strings.ToLower(o["provider"]); {
	case provider == "wasabi", strings.Contains(host, ".wasabisys.com"):
		d.Service = sdpath.Wasabi
	case provider == "digitalocean", strings.Contains(host, ".digitaloceanspaces.com"):
		d.Service = sdpath.Spaces
	case strings.Contains(host, ".backblazeb2.com"):
		d.Service = sdpath.B2
	case provider == "minio", provider == "ceph":
		d.Config[configDialect] = provider
	case provider == "cloudflare":
		d.Config[configDialect] = "r2"
	}
	if id := o["access_key_id"]; id != "" {
		if o["session_token"] != "" {
			return errors.New("its key is that of a session, which ends soon")
		}
		d.take(&keyPair{id, o["secret_access_key"]})
	} else if o["env_auth"] != "true" && o["profile"] == "" {
		d.Config[configAnonymous] = "true" // so does rclone
	}
	return nil
}

func (d *draft) fromGCS(r *rclone.Remote) error {
	o := r.Options
	if d.Identifier == "" || strings.Contains(d.Identifier, "/") {
		return errNoBucket
	}
	d.Service = sdpath.GCS
	d.Config[configEndpoint] = withScheme(o["endpoint"])
	text := o["service_account_credentials"]
	switch {
	case o["anonymous"] == "true":
		d.Config[configAnonymous] = "true"
		return nil
	case o["service_account_file"] != "":
		// As rclone reads it.
		path, err := absolutePath(os.ExpandEnv(o["service_account_file"]))
		d.Config[configCredentials] = path
		return err
	case o["env_auth"] == "true":
		return nil
	case text == "" && o["token"] != "" && o["client_id"] != "":
		var token struct {
			RefreshToken string `json:"refresh_token"`
		}
		if json.Unmarshal([]byte(o["token"]), &token) != nil || token.RefreshToken == "" {
			return fmt.Errorf("its login cannot be renewed: 'rclone config reconnect %s:' makes a new one", r.Name)
		}
		user, err := json.Marshal(map[string]string{
			"type": "authorized_user", "client_id": o["client_id"], "client_secret": o["client_secret"], "refresh_token": token.RefreshToken,
		})
		if err != nil {
			return err
		}
		text = string(user)
	case text == "":
		return errors.New("it uses rclone's own client id, which is not for other programs: add the volume with 'sd volume add-cloud --service gcs', which takes service accounts and the login of gcloud")
	}
	who, err := whoseCredentials([]byte(text))
	d.Config[configAccount], d.Config[configAuth] = who, authStored
	d.secrets[secretCredentials] = text
	return err
}

func (d *draft) fromAzure(r *rclone.Remote) error {
	o := r.Options
	if d.Identifier == "" || strings.Contains(d.Identifier, "/") {
		return errors.New("say which container, as in REMOTE:CONTAINER")
	}
	d.Service = sdpath.AzBlob
	account := azureAccount{name: o["account"], endpoint: o["endpoint"], auth: authDefault}
	switch {
	case o["connection_string"] != "":
		var err error
		if account, err = parseConnection(o["connection_string"], addFlags{account: o["account"], endpoint: o["endpoint"]}); err != nil {
			return err
		}
	case o["key"] != "":
		account.auth, account.secret = authKey, o["key"]
	case o["sas_url"] != "":
		var err error
		if account, err = parseSASURL(o["sas_url"], o["account"], d.Identifier); err != nil {
			return err
		}
	case o["service_principal_file"] != "" || o["client_secret"] != "" || o["client_certificate_path"] != "":
		return errors.New("it logs in as an application: set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, and add the volume with --auth default")
	}
	if account.name == "" {
		return errors.New("it does not name its account")
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

// parseSASURL reads the address of an account, or of a container of it, with its SAS. The
// address is kept wherever it leads, for nobody else may see the SAS. No error quotes it.
func parseSASURL(text, name, container string) (azureAccount, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.RawQuery == "" || u.Scheme != "https" && u.Scheme != "http" {
		return azureAccount{}, errors.New("its sas_url is no URL with a SAS, like https://ACCOUNT.blob.core.windows.net/CONTAINER?sv=…")
	}
	account := azureAccount{endpoint: u.Scheme + "://" + u.Host, auth: authSAS, secret: u.RawQuery}
	label, _, _ := strings.Cut(u.Hostname(), ".")
	inside := strings.Trim(u.Path, "/")
	if net.ParseIP(u.Hostname()) != nil || u.Hostname() == "localhost" {
		// There the account is in the path.
		if label, inside, _ = strings.Cut(inside, "/"); label == "" {
			return azureAccount{}, errors.New("its sas_url does not name the account: behind such a host it is the beginning of the path")
		}
		account.endpoint += "/" + label
	}
	if account.name = first(name, label); u.Scheme == "https" && u.Host == account.name+".blob.core.windows.net" {
		account.endpoint = ""
	}
	if inside != "" && inside != container {
		return azureAccount{}, fmt.Errorf("its sas_url is that of the container %s, and lets nobody into another one", inside)
	}
	return account, nil
}

// findAccount asks whose the login of a draft is, so that two accounts are two volumes, and
// what a shared drive is called.
func (a *app) findAccount(ctx context.Context, d *draft, skip bool) error {
	if d.secrets[secretToken] == "" || skip {
		return nil
	}
	l, err := a.newLogin(d.Service, d.Config[configRegion], login.Client{ID: d.Config[configClientID], Secret: d.secrets[secretClientSecret]})
	if err != nil {
		return err
	}
	token, err := login.ParseToken(d.secrets[secretToken])
	if err != nil {
		return err
	}
	who, token, err := l.Account(ctx, token)
	if err != nil {
		return err
	}
	d.Config[configAccount], d.secrets[secretToken] = who.Name, token.Text()
	if d.Config[configRoot] == rootDrive {
		return d.chooseDrive(d.Config[configDriveID], who.Drives)
	}
	return nil
}
