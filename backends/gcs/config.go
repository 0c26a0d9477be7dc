package gcs

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Config says which bucket, where, and who asks. Bucket alone is enough where Google's own
// sources tell who asks (application default credentials). It holds no secret.
type Config struct {
	Bucket string
	// Endpoint is a URL; "" is Google's, or what STORAGE_EMULATOR_HOST says, which is then
	// asked without a login unless one is given.
	Endpoint string
	// Anonymous sends requests without a login.
	Anonymous bool
	// CredentialsFile is the path of a JSON file: a service account's key, a user's login or
	// what else Google's tools write.
	CredentialsFile string
	// Credentials, if not nil, returns the text of such a file instead. It is called when a
	// request first needs it, and again after the service refused what it gave, at most once
	// in two seconds. Without either the application default credentials are looked for.
	Credentials func() ([]byte, error)

	// Patience is the longest that an operation lasts without a sign of life from the
	// server, Stall the longest that one request does. 0 is 4.5 s and 3 s.
	Patience, Stall time.Duration
	// ProbeEvery is the first pause of the background probe of an unreachable server. 0
	// is 250 ms.
	ProbeEvery time.Duration
	// PageSize is the number of keys asked for in one LIST; 0 is 1000, the most.
	PageSize int
	// PartSize is the size in bytes of the pieces in which Put sends a file that is larger
	// than four of them, by one resumable upload; 0 is 16 MiB. It is rounded up to a multiple
	// of 256 KiB.
	PartSize int
	// Transport carries the requests, also those for tokens; nil is one that is tuned for
	// parallel transfers.
	Transport http.RoundTripper
}

const (
	googleURL    = "https://storage.googleapis.com"
	defaultPiece = 16 << 20
	pieceUnit    = 256 << 10 // of resumable uploads, by the service's rule
)

// check completes c and tells what is wrong with it.
func (c *Config) check() error {
	if c.Bucket == "" || strings.ContainsAny(c.Bucket, "/?#\x00 ") {
		return fmt.Errorf("%q is no bucket name", c.Bucket)
	}
	given := c.CredentialsFile != "" || c.Credentials != nil
	switch {
	case c.Anonymous && given:
		return errors.New("anonymous access takes no credentials")
	case c.CredentialsFile != "" && c.Credentials != nil:
		return errors.New("credentials come from a file or from the volume's secret, not from both")
	}
	if c.Endpoint == "" {
		if c.Endpoint = os.Getenv("STORAGE_EMULATOR_HOST"); c.Endpoint == "" {
			c.Endpoint = googleURL
		} else {
			c.Anonymous = !given
			if !strings.Contains(c.Endpoint, "://") {
				c.Endpoint = "http://" + c.Endpoint
			}
		}
	}
	if !strings.Contains(c.Endpoint, "://") {
		c.Endpoint = "https://" + c.Endpoint
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("the endpoint is no URL like " + googleURL)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return errors.New("the endpoint must be a scheme and a host, such as " + googleURL)
	}
	c.Endpoint = u.Scheme + "://" + u.Host
	if c.PartSize <= 0 {
		c.PartSize = defaultPiece
	}
	c.PartSize = (c.PartSize + pieceUnit - 1) / pieceUnit * pieceUnit
	return nil
}
