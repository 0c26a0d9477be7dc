package main

import (
	"context"
	"fmt"
	"slices"

	"sd/backends"
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
	"sd/secrets"
)

// needs is what opening a volume takes besides its row. What is missing is nil.
type needs struct {
	vault  vault
	memory learned // of its server; the zero value keeps nothing
}

// opener opens the backend of a volume. It asks nobody, and reads no secret before a
// request needs one.
type opener func(v library.Volume, n needs) (backends.Backend, error)

// openers say which services there are and who opens their volumes.
var openers = map[sdpath.Service]opener{
	sdpath.S3:       openS3,
	sdpath.B2:       openS3,
	sdpath.Wasabi:   openS3,
	sdpath.Spaces:   openS3,
	sdpath.GCS:      openGCS,
	sdpath.AzBlob:   openAzBlob,
	sdpath.GDrive:   openDrive,
	sdpath.OneDrive: openDrive,
	sdpath.Dropbox:  openDrive,
	sdpath.Rclone:   openRemote,
}

// factories are the openers with the secrets in keys. What is learned of servers is kept
// in lib.
func factories(lib *library.Library, keys secrets.Store) map[sdpath.Service]resolver.Factory {
	table := make(map[sdpath.Service]resolver.Factory, len(openers))
	for service, open := range openers {
		table[service] = func(_ context.Context, v library.Volume) (backends.Backend, error) {
			held := newVault(keys, v)
			held.forgotten = func() bool { return removed(lib, v.Fingerprint) }
			b, err := open(v, needs{vault: held, memory: learned{lib, v.Fingerprint}})
			if err != nil {
				return nil, fmt.Errorf("volume %s: %w", quote(v.Name), err)
			}
			return b, nil
		}
	}
	return table
}

// removed tells whether a library has a volume no more. What it cannot say it has.
func removed(lib *library.Library, fingerprint string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), learnedTimeout)
	defer cancel()
	rows, err := lib.Volumes(ctx)
	return err == nil && !slices.ContainsFunc(rows, func(v library.Volume) bool { return v.Fingerprint == fingerprint })
}

// The keys of a volume's Config. None is a secret.
const (
	configRegion      = "region"
	configEndpoint    = "endpoint"
	configProfile     = "profile"
	configAnonymous   = "anonymous"        // "true"
	configAccessKey   = "access_key_id"    // of an S3 key, also where the service is gcs
	configDialect     = "dialect"          // of the S3 protocol, where the endpoint does not tell
	configCredentials = "credentials_file" // gcs: where the JSON of an account lies
	configAccount     = "account"          // azblob: of the storage; else the e-mail of who logged in
	configAuth        = "auth"             // azblob: key, sas, default or anonymous
	configClientID    = "client_id"        // of the user's own application
	configDriveID     = "drive_id"         // gdrive: of a shared drive; onedrive: always
	configDriveType   = "drive_type"       // onedrive: personal, business or documentLibrary
	configRoot        = "root"             // gdrive: my, shared-with-me or drive
	configFolder      = "folder"           // onedrive, dropbox: "" is all
	configConfigFile  = "config_file"      // rclone: "" is its usual place
)

// The keys of a volume's secrets, which are one JSON object of texts.
const (
	secretAccessKeyID    = "access_key_id" // beside its secret, for whoever looks into the store
	secretAccessKey      = "secret_access_key"
	secretCredentials    = "credentials" // gcs: the JSON of an account
	secretAccountKey     = "account_key"
	secretSAS            = "sas"
	secretClientSecret   = "client_secret"
	secretToken          = "token" // as rclone keeps it
	secretConfigPassword = "config_password"
	secretTokenOf        = "token_" // and the remote's name: what an rclone remote's became
)
