package s3

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"sd/backends"
)

// Config says which bucket, where, and who asks. Bucket alone is enough for a bucket
// on AWS whose credentials the SDK finds by itself. It holds no secret.
type Config struct {
	// Service is "s3" (also if ""), "wasabi", "spaces" or "b2". The latter three need no
	// Endpoint: it is derived from the Region.
	Service string
	// Dialect is one of Dialects; "" is found out from Service and Endpoint.
	Dialect string
	Bucket  string
	// Region "" is found out: from the endpoint, from the profile or the environment,
	// else by asking AWS where the bucket is.
	Region string
	// Endpoint is a URL, for servers that are not AWS; "https://" is added if missing.
	Endpoint string
	// PathStyle puts the bucket into the path, not into the host. nil: with an Endpoint
	// yes, on AWS no.
	PathStyle *bool

	// Profile names a profile of the AWS configuration files.
	Profile string
	// Anonymous sends unsigned requests.
	Anonymous bool
	// AccessKeyID and Secret, if given, are used instead of the SDK's own sources
	// (environment, shared files, SSO, process, web identity, container, instance role).
	// Secret is called when a request first needs signing, and again after the server
	// refused what it returned. The session token is "" for lasting keys.
	AccessKeyID string
	Secret      func() (secret, sessionToken string, err error)

	// Patience is the longest that an operation lasts without a sign of life from the
	// server, Stall the longest that one request does. 0 is 4.5 s and 3 s.
	Patience, Stall time.Duration
	// ProbeEvery is the first pause of the background probe of an unreachable server. 0
	// is 250 ms.
	ProbeEvery time.Duration
	// PageSize is the number of keys asked for in one LIST; 0 is 1000, the most.
	PageSize int
	// MaxCopy is the size above which a copy is made in parts; 0 is 5 GiB, the most that S3
	// copies in one request, and without end where parts cannot be copied.
	MaxCopy int64
	// Capabilities are what the server is known to heed; nil has it found out after the
	// first write that needs to know, or remembered.
	Capabilities *backends.Capabilities
	// Memory keeps what was found out for later processes; nil is none. Buckets must not
	// share one.
	Memory Memory
	// Transport carries the requests; nil is one that is tuned for parallel transfers.
	Transport http.RoundTripper
}

var regionPattern = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// check completes c and tells what is wrong with it.
func (c *Config) check() error {
	if c.Bucket == "" || strings.ContainsAny(c.Bucket, "/?#\x00") {
		return fmt.Errorf("%q is no bucket name", c.Bucket)
	}
	if c.Region != "" && !regionPattern.MatchString(c.Region) {
		return fmt.Errorf("%q is no region", c.Region)
	}
	if (c.AccessKeyID != "") != (c.Secret != nil) {
		return errors.New("an access key id and its secret belong together")
	}
	if c.Anonymous && c.AccessKeyID != "" {
		return errors.New("anonymous access takes no access key")
	}
	return c.place()
}

// place completes the endpoint, the region and the dialect from each other.
func (c *Config) place() error {
	if c.Endpoint == "" {
		d, err := dialectOf(c, "")
		if err != nil {
			return err
		}
		c.Dialect = d.name
		c.Region = cmp.Or(c.Region, d.region)
		if c.Endpoint, err = d.endpointIn(c.Region); err != nil || c.Endpoint == "" {
			return err
		}
	}
	if !strings.Contains(c.Endpoint, "://") {
		c.Endpoint = "https://" + c.Endpoint
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("the endpoint is no URL like https://s3.example.com")
	}
	if u.User != nil {
		return errors.New("the endpoint must not hold a user or password: give the access key by itself")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return errors.New("the endpoint must not hold a query")
	}
	d, err := dialectOf(c, u.Hostname())
	if err != nil {
		return err
	}
	c.Dialect, c.Region = d.name, cmp.Or(c.Region, d.regionOf(u.Hostname()))
	return nil
}
