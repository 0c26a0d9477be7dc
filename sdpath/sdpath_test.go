package sdpath

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/uuid"
)

var id = uuid.MustParse("550e8400-e29b-41d4-a716-446655440000")

func TestForms(t *testing.T) {
	for _, tt := range []struct {
		uri, mount string
		want       Path
	}{
		{"local://jamies-macbook/Users/james/report.pdf", "local/jamies-macbook/Users/james/report.pdf", Physical{"jamies-macbook", "/Users/james/report.pdf"}},
		{"local://work-desktop/C:/Projects/README.md", "local/work-desktop/C:/Projects/README.md", Physical{"work-desktop", "C:/Projects/README.md"}},
		{"local://work-desktop/C:/", "local/work-desktop/C:/", Physical{"work-desktop", "C:/"}},
		{"local://dev", "local/dev", Physical{"dev", "/"}},
		{"local://dev//C:/x", "local/dev//C:/x", Physical{"dev", "/C:/x"}},
		{"local://dev/C:x", "local/dev/C:x", Physical{"dev", "/C:x"}},
		{"local://dev/1:/x", "local/dev/1:/x", Physical{"dev", "/1:/x"}},
		{"s3://my-bucket/photos/2024/vacation.jpg", "s3/my-bucket/photos/2024/vacation.jpg", Cloud{S3, "my-bucket", "photos/2024/vacation.jpg"}},
		{"s3://bucket", "s3/bucket", Cloud{S3, "bucket", ""}},
		{"s3://bucket//", "s3/bucket/%%%2F", Cloud{S3, "bucket", "/"}},
		{"s3://b/a//b", "s3/b/a/%%/b", Cloud{S3, "b", "a//b"}},
		{"s3://b/./a", "s3/b/%%%2E/a", Cloud{S3, "b", "./a"}},
		{"s3://b/../a", "s3/b/%%%2E%2E/a", Cloud{S3, "b", "../a"}},
		{"s3://b/a/", "s3/b/a/%%", Cloud{S3, "b", "a/"}},
		{"s3://b/a%20b?c#d://e", "s3/b/a%20b?c#d:/%%/e", Cloud{S3, "b", "a%20b?c#d://e"}},
		{"s3://b/\xff\xfe", "s3/b/\xff\xfe", Cloud{S3, "b", "\xff\xfe"}},
		{"gdrive://My Drive/Documents/a b.pdf", "gdrive/My Drive/Documents/a b.pdf", Cloud{GDrive, "My Drive", "Documents/a b.pdf"}},
		{"onedrive://Documents/x", "onedrive/Documents/x", Cloud{OneDrive, "Documents", "x"}},
		{"dropbox://Work/x", "dropbox/Work/x", Cloud{Dropbox, "Work", "x"}},
		{"azblob://c/x", "azblob/c/x", Cloud{AzBlob, "c", "x"}},
		{"gcs://b/x", "gcs/b/x", Cloud{GCS, "b", "x"}},
		{"b2://b/x", "b2/b/x", Cloud{B2, "b", "x"}},
		{"wasabi://b/x", "wasabi/b/x", Cloud{Wasabi, "b", "x"}},
		{"spaces://b/x", "spaces/b/x", Cloud{Spaces, "b", "x"}},
		{"rclone://remote/path", "rclone/remote/path", Cloud{Rclone, "remote", "path"}},
		{"content://550e8400-e29b-41d4-a716-446655440000", "content/550e8400-e29b-41d4-a716-446655440000", Content{id}},
	} {
		if got, err := Parse(tt.uri); got != tt.want || err != nil {
			t.Errorf("Parse(%q) = %#v, %v, want %#v", tt.uri, got, err, tt.want)
		}
		if got, err := ParseMount(tt.mount); got != tt.want || err != nil {
			t.Errorf("ParseMount(%q) = %#v, %v, want %#v", tt.mount, got, err, tt.want)
		}
		if got := tt.want.String(); got != tt.uri {
			t.Errorf("%#v.String() = %q, want %q", tt.want, got, tt.uri)
		}
		if got := Mount(tt.want); got != tt.mount {
			t.Errorf("Mount(%#v) = %q, want %q", tt.want, got, tt.mount)
		}
	}
}

// Other ways to write a path, which are displayed in one.
func TestParseVariants(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want string
	}{
		{"s3://bucket/", "s3://bucket"},
		{"gs://b/x", "gcs://b/x"},
		{"GS://b/x", "gcs://b/x"},
		{"S3://Bucket/X", "s3://Bucket/X"},
		{"LOCAL://dev/x", "local://dev/x"},
		{"local://dev/", "local://dev"},
		{"local://dev/a/../b/./c//d/", "local://dev/b/c/d"},
		{"local://dev/../../etc", "local://dev/etc"},
		{"local://dev/C:", "local://dev/C:/"},
		{"local://dev/c:/a/../../b", "local://dev/c:/b"},
		{"Content://550E8400-E29B-41D4-A716-446655440000", "content://550e8400-e29b-41d4-a716-446655440000"},
		{"content://550e8400-e29b-41d4-a716-446655440000.tar.gz", "content://550e8400-e29b-41d4-a716-446655440000"},
	} {
		got, err := Parse(tt.in)
		if err != nil || got.String() != tt.want {
			t.Errorf("Parse(%q) = %v, %v, want %v", tt.in, got, err, tt.want)
		}
	}
}

// Paths that no mount shows, which are read as the key that they look like.
func TestParseMountVariants(t *testing.T) {
	for in, want := range map[string]string{
		"s3/b/":             "s3://b",
		"gs/b/x":            "gcs://b/x",
		"s3/bucket//":       "s3://bucket//",
		"s3/b/a//b":         "s3://b/a//b",
		"s3/b/./a":          "s3://b/./a",
		"s3/b/../a":         "s3://b/../a",
		"s3/b/a/":           "s3://b/a/",
		"s3/b/a//%%":        "s3://b/a//",
		"s3/b/d/%%x%file":   "s3://b/d/x",
		"s3/b/%%%2Fx%file":  "s3://b//x",
		"local/dev/%%/x":    "local://dev/%%/x",
		"s3/b/a%%/50%/%2F":  "s3://b/a%%/50%/%2F",
		"s3/b/%%%25%25":     "s3://b/%%",
		"s3/%%/%%%25%25":    "s3://%%/%%",
		"dropbox/b/x/%%%00": "dropbox://b/x/\x00",
	} {
		got, err := ParseMount(in)
		if err != nil || got.String() != want {
			t.Errorf("ParseMount(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
}

func TestNewPhysical(t *testing.T) {
	for in, want := range map[string]string{
		"/a/../b": "/b", "/": "/", "": "/", "a": "/a", "C:/a/..": "C:/", "/C:/a": "/C:/a", "//a": "/a",
	} {
		if got := NewPhysical("d", in).Path; got != want {
			t.Errorf("NewPhysical(%q).Path = %q, want %q", in, got, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	var (
		scheme  *UnknownSchemeError
		empty   *EmptyIdentifierError
		content *InvalidContentIDError
	)
	for in, target := range map[string]any{
		"":             &scheme,
		"/etc/hosts":   &scheme,
		"./a://b":      &scheme,
		"ftp://host/x": &scheme,
		"://x":         &scheme,
		"s3:/b/k":      &scheme,
		"s3://":        &empty,
		"s3:///key":    &empty,
		"local://":     &empty,
		"local:///etc": &empty,
		"content://":   &content,
		"content://x":  &content,
		"content:///":  &content,
		"content://550e8400e29b41d4a716446655440000":         &content,
		"content://{550e8400-e29b-41d4-a716-446655440000}":   &content,
		"content://550e8400-e29b-41d4-a716-446655440000/":    &content,
		"content://550e8400-e29b-41d4-a716-446655440000.a/b": &content,
	} {
		if p, err := Parse(in); p != nil || !errors.As(err, target) {
			t.Errorf("Parse(%q) = %v, %v (%T), want %T", in, p, err, err, target)
		}
	}
	for in, want := range map[string]error{
		"s3/b/%%":              ErrEscape, // "" in the root is the root
		"s3/b/%%/x":            ErrEscape,
		"s3/b/a/%%x":           ErrEscape, // which needs no escape
		"s3/b/a/%%%2e":         ErrEscape,
		"s3/b/a/%%%2Fx":        ErrEscape, // a slash anywhere but in the root
		"s3/b/%%%2Fx%2Fy":      ErrEscape,
		"s3/b/%%x%file/y":      ErrEscape,
		"s3/b/" + Escape(long): ErrLong,
	} {
		var name *NameError
		if p, err := ParseMount(in); p != nil || !errors.Is(err, want) || !errors.As(err, &name) {
			t.Errorf("ParseMount(%q) = %v, %v, want %v", in, p, err, want)
		}
	}
	for in, target := range map[string]any{
		"": &scheme, "/": &scheme, "nfs/x": &scheme, "s3": &empty, "s3/": &empty, "local": &empty, "content": &content,
	} {
		if p, err := ParseMount(in); p != nil || !errors.As(err, target) {
			t.Errorf("ParseMount(%q) = %v, %v (%T), want %T", in, p, err, err, target)
		}
	}
}

func TestSlug(t *testing.T) {
	for in, want := range map[string]string{
		"Jamie's MacBook Pro": "jamies-macbook-pro",
		"Jamie’s MacBook Pro": "jamies-macbook-pro",
		"Home Server 2024":    "home-server-2024",
		"DESKTOP-ABC123":      "desktop-abc123",
		"  --x--  ":           "x",
		"a  b":                "a--b",
		"ÄRGER_Größe":         "ärger-größe",
		"サーバー 1":              "サーバー-1",
		"\xff1":               "1",
	} {
		if got, err := Slug(in); got != want || err != nil {
			t.Errorf("Slug(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "'", "’’", "---", " . ", "\xff"} {
		var empty *EmptySlugError
		if got, err := Slug(in); !errors.As(err, &empty) {
			t.Errorf("Slug(%q) = %q, %v, want an EmptySlugError", in, got, err)
		}
	}
}

func TestJSON(t *testing.T) {
	for _, tt := range []struct {
		path Path
		want string
	}{
		{Physical{"mac", "/Users/a"}, `{"Physical":{"device_slug":"mac","path":"/Users/a"}}`},
		{Cloud{S3, "b", "a//b/"}, `{"Cloud":{"service":"s3","identifier":"b","path":"a//b/"}}`},
		{Content{id}, `{"Content":{"content_id":"550e8400-e29b-41d4-a716-446655440000"}}`},
	} {
		got, err := json.Marshal(tt.path)
		if err != nil || string(got) != tt.want {
			t.Errorf("Marshal(%v) = %s, %v, want %s", tt.path, got, err, tt.want)
		}
		if back, err := UnmarshalJSON(got); back != tt.path || err != nil {
			t.Errorf("UnmarshalJSON(%s) = %v, %v, want %v", got, back, err, tt.path)
		}
	}
	for _, in := range []string{
		``, `null`, `{}`, `[]`, `{"Physical":{}}`, `{"Cloud":{"service":"ftp","identifier":"b"}}`, `{"Cloud":{"service":"s3","path":"k"}}`,
		`{"Cloud":{"service":"s3","identifier":"a/b"}}`, `{"Content":{"content_id":"x"}}`,
		`{"Content":{"content_id":"550e8400-e29b-41d4-a716-446655440000"},"Physical":{"device_slug":"a","path":"/"}}`,
	} {
		if p, err := UnmarshalJSON([]byte(in)); err == nil {
			t.Errorf("UnmarshalJSON(%s) = %v, want an error", in, p)
		}
	}
	if b, err := json.Marshal(Physical{"\xff", "/"}); err == nil {
		t.Errorf("Marshal of a slug that is not UTF-8 = %s, want an error", b)
	}
}
