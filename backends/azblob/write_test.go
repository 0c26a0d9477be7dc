package azblob

import (
	"context"
	"errors"
	iofs "io/fs"
	"strings"
	"testing"

	"sd/backends"
	"sd/internal/netproxy"
)

// TestWriteErrors asks for the right sentinel of each write that is refused.
func TestWriteErrors(t *testing.T) {
	t.Parallel()
	absent, version := backends.Cond{Absent: true}, backends.Cond{Version: "v"}
	rules := map[string]netproxy.Rule{
		"put":    {Method: "PUT"},
		"copy":   {Method: "PUT"},
		"commit": {Method: "PUT", Query: "comp=blocklist"},
		"part":   {Method: "PUT", Query: "comp=block"},
		"remove": {Method: "DELETE"},
		"mkdir":  {Method: "PUT"},
		"meta":   {Method: "PUT", Query: "comp=metadata"},
	}
	do := map[string]func(*lab, backends.Cond) error{
		"put": func(l *lab, c backends.Cond) error { _, err := l.put(t, "dst", "x", backends.Meta{}, c); return err },
		"copy": func(l *lab, c backends.Cond) error {
			_, err := l.Copy(t.Context(), "dst", "src", backends.CopyOptions{Cond: c})
			return err
		},
		"commit": func(l *lab, c backends.Cond) error {
			u, err := l.Upload(t.Context(), "dst", "mark:e30", backends.Meta{})
			if err != nil {
				return err
			}
			_, err = u.Commit(t.Context(), []backends.Part{{Num: 1, Size: 1, Tag: "t"}}, c)
			return err
		},
		"part": func(l *lab, _ backends.Cond) error {
			u, err := l.Upload(t.Context(), "dst", "mark:e30", backends.Meta{})
			if err != nil {
				return err
			}
			_, err = u.Part(t.Context(), 1, strings.NewReader("x"), 1)
			return err
		},
		"remove": func(l *lab, c backends.Cond) error { return l.Remove(t.Context(), "dst", c) },
		"mkdir":  func(l *lab, _ backends.Cond) error { return l.Mkdir(t.Context(), "dir") },
		"meta": func(l *lab, _ backends.Cond) error {
			_, err := setMeta(t, l.Backend, "dst", "", backends.Meta{Mode: 0o600})
			return err
		},
	}
	for _, tt := range []struct {
		op     string
		status int
		code   string
		c      backends.Cond
		want   error
	}{
		{"put", 409, "BlobAlreadyExists", absent, iofs.ErrExist},
		{"put", 412, "ConditionNotMet", absent, iofs.ErrExist},
		{"put", 412, "ConditionNotMet", version, backends.ErrChanged},
		{"put", 404, "BlobNotFound", version, backends.ErrChanged},
		{"put", 404, "ContainerNotFound", version, iofs.ErrNotExist},
		{"put", 413, "RequestBodyTooLarge", absent, backends.ErrTooLarge},
		{"put", 409, "BlobImmutableDueToPolicy", absent, iofs.ErrPermission},
		{"put", 412, "LeaseIdMissing", version, iofs.ErrPermission},
		{"put", 403, "AuthorizationPermissionMismatch", absent, iofs.ErrPermission},
		{"put", 409, "InvalidBlobType", absent, errors.ErrUnsupported},
		{"put", 507, "", absent, backends.ErrQuota},
		{"copy", 409, "BlobAlreadyExists", absent, iofs.ErrExist},
		{"copy", 412, "SourceConditionNotMet", absent, backends.ErrChanged},
		{"copy", 412, "TargetConditionNotMet", version, backends.ErrChanged},
		{"copy", 404, "CannotVerifyCopySource", backends.Cond{}, iofs.ErrNotExist},
		{"commit", 409, "BlobAlreadyExists", absent, iofs.ErrExist},
		{"commit", 412, "ConditionNotMet", version, backends.ErrChanged},
		{"commit", 400, "InvalidBlockList", backends.Cond{}, backends.ErrNoUpload},
		{"commit", 400, "BlockListTooLong", backends.Cond{}, backends.ErrTooLarge},
		{"part", 413, "RequestBodyTooLarge", absent, backends.ErrTooLarge},
		{"part", 409, "BlockCountExceedsLimit", absent, backends.ErrTooLarge},
		{"remove", 412, "ConditionNotMet", version, backends.ErrChanged},
		{"remove", 404, "BlobNotFound", version, backends.ErrChanged},
		{"remove", 404, "BlobNotFound", backends.Cond{}, iofs.ErrNotExist},
		{"mkdir", 409, "BlobAlreadyExists", backends.Cond{}, iofs.ErrExist},
		{"meta", 412, "ConditionNotMet", backends.Cond{}, backends.ErrChanged},
		{"meta", 400, "MetadataTooLarge", backends.Cond{}, backends.ErrTooLarge},
	} {
		t.Run(tt.op+" "+tt.code, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, nil)
			l.seed(t, "src", "source", "dst", "present")
			rule := rules[tt.op]
			rule.Fault = netproxy.Fault{Kind: netproxy.Status, Status: tt.status, Code: tt.code}
			l.faults.Script(rule)
			err := do[tt.op](l, tt.c)
			if !errors.Is(err, tt.want) {
				t.Errorf("%d %s: got %v, want %v", tt.status, tt.code, err, tt.want)
			}
			checkError(t, err)
			if got, _, err := read(t.Context(), l, "dst", "", 0, -1); got != "present" || err != nil {
				t.Errorf("afterwards: got %q, %v", got, err)
			}
		})
	}
}

// TestStalledUploads are cut off and sent again, each part by itself; the last is not
// waited for beyond patience.
func TestStalledUploads(t *testing.T) {
	t.Parallel()
	l := newLab(t, hasty)
	part := netproxy.Rule{Query: "comp=block", Fault: netproxy.Fault{Kind: netproxy.StallHead}}
	twice := part
	twice.Times = 2
	l.faults.Script(twice)
	if err := write(t, l.Backend, "PART", "file", content(100_000)); err != nil {
		t.Fatal(err)
	}
	patient := open(t, func(c *Config) { c.Container = l.cfg.Container })
	if got, _, err := read(t.Context(), patient, "file", "", 0, -1); got != content(100_000) || err != nil {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	l.faults.Script(part)
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	u, err := l.Upload(ctx, "other", "", backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Part(ctx, 1, strings.NewReader("x"), 1); !errors.Is(err, backends.ErrOffline) {
		t.Errorf("got %v, want %v", err, backends.ErrOffline)
	}
}
