package s3

import (
	"context"
	"fmt"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// dialect is how one service speaks the protocol of S3. Which conditions it heeds is not
// here: that is found out, and none are relied on before.
type dialect struct {
	name string
	// endpoint is the URL of a region of a service that has several; domain is the end of
	// its hosts' names. Both are empty for servers that stand anywhere.
	endpoint, domain string
	// region is that of an endpoint which does not tell it; "" has AWS asked, or is
	// fallbackRegion elsewhere. Where an endpoint cannot be made without one, needs is an example.
	region, needs string

	signs          bool // bodies are signed: it is not known to check their CRC-32C
	plainListings  bool // encodes what it lists if asked to, and does not say so
	randomTags     bool // the tags of objects made in parts are no checksums
	noConditions   bool // answers 501 to conditional writes
	noSourceTags   bool // takes no condition on the source of a copy
	wholeCopies    bool // copies no parts, but an object of any size in one request
	noVersions     bool // does not list versions as S3 does
	keepsVersions  bool // every bucket keeps what is removed, hidden
	looseEncodings bool // changes Accept-Encoding on the way, so that it cannot be signed
	noNames        bool // takes no x-id in the query
	encoding       string
}

var dialects = []dialect{
	{name: "aws", domain: "amazonaws.com", endpoint: "https://s3.{region}.amazonaws.com"},
	{name: "minio"},
	{name: "ceph", signs: true, looseEncodings: true, encoding: "identity"},
	{name: "r2", domain: "r2.cloudflarestorage.com", region: "auto", randomTags: true, noSourceTags: true},
	{name: "wasabi", domain: "wasabisys.com", endpoint: "https://s3.{region}.wasabisys.com", region: "us-east-1", signs: true},
	{
		name: "spaces", domain: "digitaloceanspaces.com", endpoint: "https://{region}.digitaloceanspaces.com", needs: "such as fra1",
		signs: true, plainListings: true,
	},
	{
		name: "b2", domain: "backblazeb2.com", endpoint: "https://s3.{region}.backblazeb2.com",
		needs: "such as us-west-004 (the bucket's page shows it)", noConditions: true, keepsVersions: true,
	},
	{
		name: "gcs-interop", domain: "storage.googleapis.com", region: "auto", signs: true, wholeCopies: true, noVersions: true,
		looseEncodings: true, noNames: true, encoding: "gzip", // so that what is stored packed comes as it is stored
	},
	{name: "generic"},
}

// Dialects are the names that Config.Dialect takes.
func Dialects() []string {
	names := make([]string, len(dialects))
	for i := range dialects {
		names[i] = dialects[i].name
	}
	return names
}

// dialectNamed finds a dialect by its name.
func dialectNamed(name string) (*dialect, error) {
	for i := range dialects {
		if dialects[i].name == name {
			return &dialects[i], nil
		}
	}
	return nil, fmt.Errorf("%q is no dialect of S3: use one of %s", name, strings.Join(Dialects(), ", "))
}

// dialectAt finds the dialect of a host; that of any other server is generic.
func dialectAt(host string) *dialect {
	for i := range dialects {
		if d := &dialects[i]; d.domain != "" && (host == d.domain || strings.HasSuffix(host, "."+d.domain)) {
			return d
		}
	}
	return &dialects[len(dialects)-1]
}

// dialectOf is the one that cfg names, by itself or by its service or endpoint.
func dialectOf(cfg *Config, host string) (*dialect, error) {
	switch {
	case cfg.Dialect != "":
		return dialectNamed(cfg.Dialect)
	case cfg.Service == "wasabi", cfg.Service == "spaces", cfg.Service == "b2":
		return dialectNamed(cfg.Service)
	case cfg.Service != "" && cfg.Service != "s3":
		return nil, fmt.Errorf("%q is no service of the S3 family", cfg.Service)
	case cfg.Endpoint == "":
		return dialectNamed("aws")
	}
	return dialectAt(host), nil
}

// endpointIn is the URL of a region, "" where the SDK knows it.
func (d *dialect) endpointIn(region string) (string, error) {
	switch {
	case d.name == "aws":
		return "", nil
	case d.endpoint == "" && d.name == "gcs-interop":
		return "https://" + d.domain, nil
	case d.endpoint == "":
		return "", fmt.Errorf("a server of the dialect %s can be anywhere: add --endpoint", d.name)
	case region == "" && d.needs != "":
		return "", fmt.Errorf("%s needs a region, %s: add --region", d.name, d.needs)
	}
	return strings.Replace(d.endpoint, "{region}", region, 1), nil
}

// regionOf reads the region out of the name of a host.
func (d *dialect) regionOf(host string) string {
	before, after, ok := strings.Cut(strings.TrimPrefix(d.endpoint, "https://"), "{region}")
	if ok && len(host) > len(before)+len(after) && strings.HasPrefix(host, before) && strings.HasSuffix(host, after) {
		if region := host[len(before) : len(host)-len(after)]; regionPattern.MatchString(region) {
			return region
		}
	}
	if d.endpoint == "" && (host == d.domain || strings.HasSuffix(host, "."+d.domain)) {
		return d.region
	}
	return ""
}

// adapt has the SDK's requests be as the service takes them.
func (d *dialect) adapt(o *sdk.Options) {
	if !d.looseEncodings && !d.noNames {
		return
	}
	strip := middleware.FinalizeMiddlewareFunc("stripUnsigned", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		if r, ok := in.Request.(*smithyhttp.Request); ok {
			if d.looseEncodings {
				r.Header.Del("Accept-Encoding")
			}
			if query := r.URL.Query(); d.noNames && query.Has("x-id") {
				query.Del("x-id")
				r.URL.RawQuery = query.Encode()
			}
		}
		return next.HandleFinalize(ctx, in)
	})
	restore := middleware.FinalizeMiddlewareFunc("addUnsigned", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		if r, ok := in.Request.(*smithyhttp.Request); ok && d.encoding != "" {
			r.Header.Set("Accept-Encoding", d.encoding)
		}
		return next.HandleFinalize(ctx, in)
	})
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		if err := stack.Finalize.Insert(strip, "Signing", middleware.Before); err != nil {
			return err
		}
		return stack.Finalize.Insert(restore, "Signing", middleware.After)
	})
}
