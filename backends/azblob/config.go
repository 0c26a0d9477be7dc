package azblob

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// The ways to prove who asks, for Config.Auth.
const (
	AuthKey       = "key"       // the account's key
	AuthSAS       = "sas"       // a shared access signature
	AuthDefault   = "default"   // environment, workload or managed identity, Azure CLI
	AuthAnonymous = "anonymous" // a container that anybody may read
)

// Config says which container, where, and who asks. It holds no secret.
type Config struct {
	// Account is the storage account. It may be left out where the Endpoint names it.
	Account   string
	Container string
	// Endpoint is the URL of the account's blobs; "" is https://ACCOUNT.blob.core.windows.net.
	// "https://" is added if missing. An endpoint on an IP address or localhost has the
	// account in its path; that is added, too.
	Endpoint string
	// Auth is one of the constants; "" is AuthDefault.
	Auth string
	// Secret returns the key of the account (base64) or the shared access signature (the
	// query, with or without "?", or a URL that ends in it). It is called when a request
	// first needs it, and again after the service refused what it returned, but not more
	// often than every two seconds.
	Secret func() (string, error)

	// Patience is the longest that an operation lasts without a sign of life from the
	// server, Stall the longest that one request does. 0 is 4.5 s and 3 s.
	Patience, Stall time.Duration
	// ProbeEvery is the first pause of the background probe of an unreachable server. 0
	// is 250 ms.
	ProbeEvery time.Duration
	// PageSize is the number of blobs asked for in one LIST; 0 is 5000, the most.
	PageSize int
	// MaxCopy is the size above which a copy is made in blocks; 0 is 256 MiB, the most
	// that Azure copies in one request.
	MaxCopy int64
	// Transport carries the requests; nil is one that is tuned for parallel transfers.
	Transport http.RoundTripper
}

var (
	accountPattern   = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	containerPattern = regexp.MustCompile(`^(\$[a-z]+|[a-z0-9]+(-[a-z0-9]+)*)$`)
)

// check completes c and tells what is wrong with it.
func (c *Config) check() error {
	if len(c.Container) < 3 || len(c.Container) > 63 || !containerPattern.MatchString(c.Container) {
		return fmt.Errorf("%q is no name of a container: 3 to 63 small letters, digits and single hyphens", c.Container)
	}
	switch c.Auth {
	case "":
		c.Auth = AuthDefault
	case AuthKey, AuthSAS, AuthDefault, AuthAnonymous:
	default:
		return fmt.Errorf("%q is no way to log in: use key, sas, default or anonymous", c.Auth)
	}
	if needs := c.Auth == AuthKey || c.Auth == AuthSAS; needs != (c.Secret != nil) {
		if needs {
			return fmt.Errorf("to log in by %s takes a secret", c.Auth)
		}
		return fmt.Errorf("a secret is no use with %s: say key or sas", c.Auth)
	}
	if c.MaxCopy <= 0 {
		c.MaxCopy = maxCopy
	}
	if c.Endpoint == "" {
		if !accountPattern.MatchString(c.Account) {
			return fmt.Errorf("%q is no name of a storage account: 3 to 24 small letters and digits", c.Account)
		}
		c.Endpoint = "https://" + c.Account + ".blob.core.windows.net"
	}
	return c.checkEndpoint()
}

func (c *Config) checkEndpoint() error {
	if !strings.Contains(c.Endpoint, "://") {
		c.Endpoint = "https://" + c.Endpoint
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("the endpoint is no URL like https://account.blob.core.windows.net")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("the endpoint must not hold a password or a query: give the key or the signature by itself")
	}
	host, path := u.Hostname(), strings.Trim(u.Path, "/")
	byPath := net.ParseIP(host) != nil || host == "localhost"
	if c.Account == "" {
		if c.Account, _, _ = strings.Cut(host, "."); byPath {
			c.Account = path
		}
	}
	if c.Account == "" {
		return errors.New("the endpoint does not name the storage account: give it by itself")
	}
	if byPath && path == "" {
		path = c.Account
	}
	u.Path, u.RawPath = "", ""
	c.Endpoint = u.String()
	if path != "" {
		c.Endpoint += "/" + path
	}
	return nil
}
