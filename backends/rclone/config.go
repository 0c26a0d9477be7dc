package rclone

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/rclone/rclone/fs"
)

// Config says which remote to open, and how patiently. It holds no secret.
type Config struct {
	// Type is rclone's word for the kind of remote: "drive", "onedrive", "dropbox", "sftp", …
	Type string
	// Name is the remote's, for messages.
	Name string
	// Account says whose the remote is (an e-mail address, say). Volumes of one type, client id
	// and account copy among themselves without the bytes passing through here.
	Account string
	// Root is the folder of the remote that is shown, by rclone's rules; "" is all.
	Root string
	// Options are rclone's own, by their keys, without the secret ones.
	Options map[string]string
	// Secrets gives the options that are secret: "client_secret", "token", "pass". Passwords
	// are as rclone keeps them (obscured). For a remote of rclone.conf "token_NAME" stands for
	// the token of the remote called NAME, and "NAME:OPTION" for any other option of it that is
	// not that of Remote any more. It is asked at the first request, and again after the service
	// refused what it gave, at most once in 2 s. nil is no secrets.
	Secrets func() (map[string]string, error)
	// SaveToken keeps a token that the service has renewed, before the request that needs it
	// goes on. nil forgets it. It is called by one goroutine at a time.
	SaveToken func(token string) error
	// SaveTokenOf is called instead where the token is that of another remote that this one
	// stands on, as an encrypted one does. nil forgets it.
	SaveTokenOf func(remote, token string) error
	// Remote is a remote of rclone.conf, instead of Type, Name and Options.
	Remote *Remote
	// Spool is where exported documents are kept while they may be read, "" the system's folder
	// for temporary files. Close removes them.
	Spool string
	// SpoolBytes bounds what Spool holds. 0 is 1 GiB.
	SpoolBytes int64
	// Patience, Stall and ProbeEvery are those of the requests; 0 is 4.5 s, 3 s and 250 ms.
	Patience, Stall, ProbeEvery time.Duration
	// Poll is how often Watch asks what has changed. 0 is 30 s.
	Poll time.Duration
	// HTTPProxy is the URL of a proxy, "" the one of the environment.
	HTTPProxy string
	// CACert is a PEM file of the certificate authorities to trust, "" the system's.
	CACert string
}

// remote checks c and returns the remote that it means.
func (c *Config) remote() (*Remote, error) {
	r := c.Remote
	if r == nil {
		r = &Remote{Name: c.Name, Type: c.Type, Options: c.Options}
	}
	if r.Type == "" {
		return nil, fmt.Errorf("remote %q has no type: say which kind of storage it is", r.Name)
	}
	for at := r; at != nil; at = at.inner() {
		if _, err := fs.Find(at.Type); err != nil {
			return nil, fmt.Errorf("remote %q is of type %q, which this build does not have: use the release build, made with -tags allremotes", at.Name, at.Type)
		}
		if types[at.Type].ours && at.Options["client_id"] == "" && at.Options["service_account_file"] == "" && at.Options["service_account_credentials"] == "" {
			return nil, fmt.Errorf("remote %q has no client_id: make one of your own at the service (docs/services.md tells how), others' are not used", at.Name)
		}
	}
	if c.CACert != "" {
		pem, err := os.ReadFile(c.CACert)
		if err != nil {
			return nil, err
		}
		if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", c.CACert)
		}
	}
	if c.SpoolBytes < 0 {
		return nil, errors.New("the spool cannot hold less than nothing")
	}
	return r, nil
}
