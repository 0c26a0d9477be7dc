package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"sd/backends"
	"sd/backends/s3"
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
	"sd/secrets"
)

// factories say which services there are and who opens their volumes. What is learned of
// their servers is kept in lib.
func factories(lib *library.Library, keys secrets.Store) map[sdpath.Service]resolver.Factory {
	openS3 := func(_ context.Context, v library.Volume) (backends.Backend, error) {
		b, err := openS3(v, learned{lib, v.Fingerprint}, func() (*keyPair, error) { return storedKey(keys, v) })
		if err != nil {
			return nil, fmt.Errorf("volume %s: %w", quote(v.Name), err)
		}
		return b, nil
	}
	return map[sdpath.Service]resolver.Factory{
		sdpath.S3:     openS3,
		sdpath.B2:     openS3,
		sdpath.Wasabi: openS3,
		sdpath.Spaces: openS3,
	}
}

// The keys of a volume's Config. None is a secret.
const (
	configRegion    = "region"
	configEndpoint  = "endpoint"
	configProfile   = "profile"
	configAnonymous = "anonymous"
	configAccessKey = "access_key_id"
)

// openS3 opens a bucket. Key is asked for the secret when a request first needs it, if
// the volume has an access key of its own. Memory keeps what is found out about the server;
// nil keeps nothing.
func openS3(v library.Volume, memory s3.Memory, key func() (*keyPair, error)) (*s3.Backend, error) {
	cfg := s3.Config{
		Service:     string(v.Service),
		Bucket:      v.Identifier,
		Region:      v.Config[configRegion],
		Endpoint:    v.Config[configEndpoint],
		Profile:     v.Config[configProfile],
		Anonymous:   v.Config[configAnonymous] == "true",
		AccessKeyID: v.Config[configAccessKey],
		Memory:      memory,
	}
	if cfg.AccessKeyID != "" {
		cfg.Secret = func() (secret, sessionToken string, err error) {
			pair, err := key()
			if err != nil {
				return "", "", err
			}
			return pair.SecretAccessKey, "", nil
		}
	}
	return s3.New(cfg)
}

// secretName is where a volume's key lies in the secrets store.
func secretName(v library.Volume) string { return "volume/" + v.Fingerprint }

// storedKey reads a volume's key from the secrets store.
func storedKey(keys secrets.Store, v library.Volume) (*keyPair, error) {
	text, err := keys.Get(secretName(v))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the key of volume %s is not on this machine: remove the volume and add it again", quote(v.Name))
	}
	if err != nil {
		return nil, err
	}
	pair := new(keyPair)
	if json.Unmarshal(text, pair) != nil || pair.SecretAccessKey == "" {
		return nil, fmt.Errorf("the stored key of volume %s cannot be read: remove the volume and add it again", quote(v.Name))
	}
	return pair, nil
}
