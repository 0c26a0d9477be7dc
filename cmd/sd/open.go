package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"sd/backends"
	"sd/backends/azblob"
	"sd/backends/gcs"
	"sd/backends/rclone"
	"sd/backends/s3"
	"sd/library"
	"sd/sdpath"
)

func openS3(v library.Volume, n needs) (backends.Backend, error) {
	cfg := s3.Config{
		Service:     string(v.Service),
		Bucket:      v.Identifier,
		Region:      v.Config[configRegion],
		Endpoint:    v.Config[configEndpoint],
		Dialect:     v.Config[configDialect],
		Profile:     v.Config[configProfile],
		Anonymous:   v.Config[configAnonymous] == "true",
		AccessKeyID: v.Config[configAccessKey],
	}
	if n.memory.library != nil {
		cfg.Memory = n.memory
	}
	if cfg.AccessKeyID != "" {
		cfg.Secret = func() (secret, sessionToken string, err error) {
			secret, err = n.vault.get(secretAccessKey)
			return secret, "", err
		}
	}
	return s3.New(cfg)
}

// gcsInterop is where Google's storage speaks the protocol of S3, for HMAC keys.
const gcsInterop = "https://storage.googleapis.com"

func openGCS(v library.Volume, n needs) (backends.Backend, error) {
	if v.Config[configAccessKey] != "" {
		hmac := v
		hmac.Service, hmac.Config = sdpath.S3, map[string]string{configEndpoint: gcsInterop}
		for key, text := range v.Config {
			hmac.Config[key] = text
		}
		return openS3(hmac, n)
	}
	cfg := gcs.Config{
		Bucket:          v.Identifier,
		Endpoint:        v.Config[configEndpoint],
		Anonymous:       v.Config[configAnonymous] == "true",
		CredentialsFile: v.Config[configCredentials],
	}
	if v.Config[configAuth] == authStored {
		cfg.Credentials = func() ([]byte, error) {
			text, err := n.vault.get(secretCredentials)
			return []byte(text), err
		}
	}
	return gcs.New(cfg)
}

// The ways in which a volume's key is given, as its Config tells.
const (
	authKey       = "key"
	authSAS       = "sas"
	authDefault   = "default"
	authAnonymous = "anonymous"
	authStored    = "stored" // gcs: the JSON of an account lies in the secrets store
)

func openAzBlob(v library.Volume, n needs) (backends.Backend, error) {
	cfg := azblob.Config{
		Account:   v.Config[configAccount],
		Container: v.Identifier,
		Endpoint:  v.Config[configEndpoint],
		Auth:      v.Config[configAuth],
	}
	switch cfg.Auth {
	case authKey:
		cfg.Secret = func() (string, error) { return n.vault.get(secretAccountKey) }
	case authSAS:
		cfg.Secret = func() (string, error) { return n.vault.get(secretSAS) }
	}
	return azblob.New(cfg)
}

// openDrive opens a volume whose owner has logged in: gdrive, onedrive or dropbox.
func openDrive(v library.Volume, n needs) (backends.Backend, error) {
	cfg := rclone.Config{
		Name:      v.Name,
		Root:      v.Config[configFolder],
		Options:   map[string]string{"client_id": v.Config[configClientID]},
		Secrets:   n.vault.all,
		SaveToken: func(token string) error { return n.vault.saveToken(secretToken, token) },
		Spool:     spoolDir(),
	}
	if v.Config[configClientID] == "" {
		return nil, errors.New("it has no client id: remove the volume and add it again with --client-id")
	}
	switch v.Service {
	case sdpath.GDrive:
		cfg.Type = "drive"
		switch v.Config[configRoot] {
		case rootShared:
			cfg.Options["shared_with_me"] = "true"
		case rootDrive:
			cfg.Options["team_drive"] = v.Config[configDriveID]
		}
	case sdpath.OneDrive:
		cfg.Type = "onedrive"
		cfg.Options["drive_id"] = v.Config[configDriveID]
		cfg.Options["drive_type"] = v.Config[configDriveType]
		if region := v.Config[configRegion]; region != "" {
			cfg.Options["region"] = region
		}
	default:
		cfg.Type = "dropbox"
	}
	return rclone.New(cfg)
}

// The roots of Google's drive.
const (
	rootMine   = "my"
	rootShared = "shared-with-me"
	rootDrive  = "drive"
)

// openRemote opens a remote of rclone.conf, which is read and never written.
func openRemote(v library.Volume, n needs) (backends.Backend, error) {
	read := func() ([]rclone.Remote, *rclone.Remote, error) {
		return findRemote(v.Config[configConfigFile], v.Identifier, configPassword(func() (string, error) {
			return n.vault.get(secretConfigPassword)
		}))
	}
	remotes, remote, err := read()
	if err != nil {
		return nil, err
	}
	save := func(remote, token string) error { return n.vault.saveToken(secretTokenOf+remote, token) }
	return rclone.New(rclone.Config{
		Name:   v.Name,
		Remote: remote,
		Secrets: func() (map[string]string, error) {
			all, err := n.vault.some()
			if err != nil {
				return nil, err
			}
			now, _, err := read() // the user may have changed it since
			if err != nil {
				now = remotes // what cannot be read now is as it was
			}
			return remoteSecrets(all, remotes, now), nil
		},
		SaveToken:   func(token string) error { return save(remote.Name, token) },
		SaveTokenOf: save,
		Spool:       spoolDir(),
	})
}

// remoteSecrets are the secrets of a remote that was opened when rclone's configuration held
// the remotes was, and now holds those of now: those that are kept here, newer tokens of the
// configuration, as "rclone config reconnect" leaves them, and whatever else is another there.
func remoteSecrets(kept map[string]string, was, now []rclone.Remote) map[string]string {
	all := maps.Clone(kept)
	delete(all, secretConfigPassword)
	before := map[string]map[string]string{}
	for _, r := range was {
		before[r.Name] = r.Options
	}
	for _, r := range now {
		token, name := r.Options[secretToken], secretTokenOf+r.Name
		if token != "" && (all[name] == "" || expiry(token).After(expiry(all[name]))) {
			all[name] = token
		}
		for key, value := range r.Options {
			if key != secretToken && value != before[r.Name][key] {
				all[r.Name+":"+key] = value
			}
		}
	}
	return all
}

// spoolDir is where documents lie that services make when they are asked for; "" leaves it
// to the system.
func spoolDir() string {
	dir, err := cacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "documents")
}

// passwordVariable is where rclone looks for the password of its configuration.
const passwordVariable = "RCLONE_CONFIG_PASS"

// configPassword asks the environment, and then ask, for the password of rclone's
// configuration.
func configPassword(ask func() (string, error)) func() (string, error) {
	return func() (string, error) {
		if text := os.Getenv(passwordVariable); text != "" {
			return text, nil
		}
		return ask()
	}
}

// configVariable is where rclone looks for the place of its configuration.
const configVariable = "RCLONE_CONFIG"

// configPath is where rclone's configuration lies, as a volume keeps it: by the flag, or the
// environment, which whoever opens the volume need not have. "" is rclone's usual place.
func configPath(flag string) (string, error) {
	if path := first(flag, os.Getenv(configVariable)); path != "" {
		return absolutePath(path)
	}
	return "", nil
}

// readConfig is rclone.ReadConfig, and says what to do where there is no configuration.
func readConfig(path string, password func() (string, error)) ([]rclone.Remote, error) {
	all, err := rclone.ReadConfig(path, password)
	if missing := (*fs.PathError)(nil); errors.As(err, &missing) && missing.Op == "open" && errors.Is(err, fs.ErrNotExist) {
		return nil, &noConfigError{missing.Path}
	}
	return all, err
}

// noConfigError says that there is no configuration of rclone's.
type noConfigError struct{ path string }

func (e *noConfigError) Error() string {
	return fmt.Sprintf("rclone's configuration %s is not there: 'rclone config' makes it, or --rclone-config names another", e.path)
}

func (*noConfigError) Unwrap() error { return fs.ErrNotExist }

// findRemote reads all remotes and finds one of rclone's configuration file; path "" is its usual place.
// Password is asked if the file is encrypted.
func findRemote(path, name string, password func() (string, error)) (all []rclone.Remote, one *rclone.Remote, err error) {
	if all, err = readConfig(path, password); err != nil {
		return nil, nil, err
	}
	var known []string
	for i := range all {
		if all[i].Name == name {
			return all, &all[i], nil
		}
		known = append(known, all[i].Name)
	}
	return nil, nil, &noRemoteError{name, known}
}

// noRemoteError says that rclone's configuration has no remote of that name.
type noRemoteError struct {
	name  string
	known []string
}

func (e *noRemoteError) Error() string {
	text := "rclone's configuration has no remote " + quote(e.name)
	if len(e.known) == 0 {
		return text + ": 'rclone config' makes one"
	}
	return text + "; it has " + list(e.known)
}

func (*noRemoteError) Unwrap() error { return fs.ErrNotExist }
