package s3

import (
	"strings"
	"testing"
)

func TestEndpoints(t *testing.T) {
	for _, tt := range []struct {
		service, region, endpoint string
		wantEndpoint, wantRegion  string
		wantDialect               string
	}{
		{"", "", "", "", "", "aws"},
		{"s3", "eu-west-1", "", "", "eu-west-1", "aws"},
		{"wasabi", "", "", "https://s3.us-east-1.wasabisys.com", "us-east-1", "wasabi"},
		{"wasabi", "eu-central-1", "", "https://s3.eu-central-1.wasabisys.com", "eu-central-1", "wasabi"},
		{"spaces", "fra1", "", "https://fra1.digitaloceanspaces.com", "fra1", "spaces"},
		{"b2", "us-west-004", "", "https://s3.us-west-004.backblazeb2.com", "us-west-004", "b2"},
		{"b2", "", "https://s3.us-west-004.backblazeb2.com", "https://s3.us-west-004.backblazeb2.com", "us-west-004", "b2"},
		{"spaces", "", "ams3.digitaloceanspaces.com", "https://ams3.digitaloceanspaces.com", "ams3", "spaces"},
		{"s3", "", "https://0123.r2.cloudflarestorage.com", "https://0123.r2.cloudflarestorage.com", "auto", "r2"},
		{"s3", "", "http://127.0.0.1:9000", "http://127.0.0.1:9000", "", "generic"},
		{"s3", "", "https://s3.eu-north-1.amazonaws.com", "https://s3.eu-north-1.amazonaws.com", "eu-north-1", "aws"},
		{"s3", "my-region", "http://[::1]:9000", "http://[::1]:9000", "my-region", "generic"},
		{"s3", "", "https://0123.eu.r2.cloudflarestorage.com", "https://0123.eu.r2.cloudflarestorage.com", "auto", "r2"},
		{"s3", "", "https://s3.dualstack.eu-west-1.amazonaws.com", "https://s3.dualstack.eu-west-1.amazonaws.com", "", "aws"},
		{"s3", "", "https://s3.wasabisys.com", "https://s3.wasabisys.com", "", "wasabi"},
		{"s3", "", "s3.us-east-005.backblazeb2.com", "https://s3.us-east-005.backblazeb2.com", "us-east-005", "b2"},
		{"s3", "", "https://storage.googleapis.com", "https://storage.googleapis.com", "auto", "gcs-interop"},
		{"s3", "", "https://evil-wasabisys.com", "https://evil-wasabisys.com", "", "generic"},
		{"wasabi", "", "http://127.0.0.1:9000", "http://127.0.0.1:9000", "", "wasabi"},
	} {
		c := Config{Service: tt.service, Bucket: bucket, Region: tt.region, Endpoint: tt.endpoint}
		if err := c.check(); err != nil || c.Endpoint != tt.wantEndpoint || c.Region != tt.wantRegion || c.Dialect != tt.wantDialect {
			t.Errorf("%s %q %q: got %q %q %q, %v", tt.service, tt.region, tt.endpoint, c.Endpoint, c.Region, c.Dialect, err)
		}
	}
}

func TestWrongConfigs(t *testing.T) {
	secret := func() (string, string, error) { return "s", "", nil }
	for _, tt := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "no bucket name"},
		{Config{Bucket: "a/b"}, "no bucket name"},
		{Config{Bucket: bucket, Region: "../x"}, "no region"},
		{Config{Bucket: bucket, Service: "ftp"}, "no service"},
		{Config{Bucket: bucket, Dialect: "swift"}, "no dialect"},
		{Config{Bucket: bucket, Dialect: "minio"}, "--endpoint"},
		{Config{Bucket: bucket, Service: "spaces"}, "--region"},
		{Config{Bucket: bucket, Service: "b2"}, "--region"},
		{Config{Bucket: bucket, AccessKeyID: "k"}, "belong together"},
		{Config{Bucket: bucket, Secret: secret}, "belong together"},
		{Config{Bucket: bucket, AccessKeyID: "k", Secret: secret, Anonymous: true}, "anonymous"},
		{Config{Bucket: bucket, Endpoint: "https://"}, "no URL"},
		{Config{Bucket: bucket, Endpoint: "ftp://host"}, "no URL"},
		{Config{Bucket: bucket, Endpoint: "https://me:hunter2@host"}, "user"},
		{Config{Bucket: bucket, Endpoint: "https://host?x=hunter2"}, "query"},
		{Config{Bucket: bucket, Endpoint: "https://h%zz:hunter2"}, "no URL"},
	} {
		_, err := New(tt.cfg)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: got %v, want %q", tt.cfg.Endpoint, err, tt.want)
		}
	}
}

func TestSum(t *testing.T) {
	const md5 = "d41d8cd98f00b204e9800998ecf8427e"
	for version, want := range map[string]string{
		md5: "md5 " + md5, md5 + "-12": "etag-multipart " + md5 + "-12", md5 + "-": "", md5 + "-x": "", "": "", "abc": "",
		strings.ToUpper(md5): "", `W/"` + md5 + `"`: "", "modified=1,size=2": "",
	} {
		s, ok := sum(version)
		if got := strings.TrimSpace(s.Algorithm + " " + s.Hex); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, want %q", version, got, want)
		}
	}
}
