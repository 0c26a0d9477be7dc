package gcs

import (
	"errors"
	iofs "io/fs"
	"net/http"
	"strings"
	"testing"

	"sd/backends"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// TestWriteErrors asks for the right sentinel of each write that is refused.
func TestWriteErrors(t *testing.T) {
	t.Parallel()
	server := testserver.FakeGCS(t, bucket)
	server.MustPut(t, bucket, "src", "source", "dst", "present")
	absent, version := backends.Cond{Absent: true}, backends.Cond{Version: "9.9"}
	do := map[string]func(*lab, backends.Cond) error{
		"PUT": func(l *lab, c backends.Cond) error {
			_, err := l.Put(t.Context(), "dst", strings.NewReader("x"), 1, backends.Meta{}, c)
			return err
		},
		"COPY": func(l *lab, c backends.Cond) error {
			_, err := l.Copy(t.Context(), "dst", "src", backends.CopyOptions{Cond: c})
			return err
		},
		"PATCH": func(l *lab, c backends.Cond) error {
			_, err := l.Copy(t.Context(), "dst", "dst", backends.CopyOptions{Meta: &backends.Meta{Mode: 0o600}, Cond: c})
			return err
		},
		"COMPOSE": func(l *lab, c backends.Cond) error {
			u, err := l.Upload(t.Context(), "dst", "", backends.Meta{})
			if err != nil {
				return err
			}
			_, err = u.Commit(t.Context(), send(t, u, "part"), c)
			return errors.Join(err, u.Abort(t.Context()))
		},
		"DELETE": func(l *lab, c backends.Cond) error { return l.Remove(t.Context(), "dst", c) },
	}
	for _, tt := range []struct {
		op     string
		status int
		reason string
		c      backends.Cond
		want   error
	}{
		{"PUT", 412, "conditionNotMet", absent, iofs.ErrExist},
		{"PUT", 412, "conditionNotMet", version, backends.ErrChanged},
		{"PUT", 404, "notFound", version, backends.ErrChanged},
		{"PUT", 403, "forbidden", absent, iofs.ErrPermission},
		{"PUT", 403, "retentionPolicyNotMet", absent, iofs.ErrPermission},
		{"PUT", 403, "quotaExceeded", absent, backends.ErrQuota},
		{"PUT", 413, "uploadTooLarge", absent, backends.ErrTooLarge},
		{"COPY", 412, "conditionNotMet", version, backends.ErrChanged},
		{"COPY", 412, "conditionNotMet", absent, iofs.ErrExist},
		{"PATCH", 412, "conditionNotMet", version, backends.ErrChanged},
		{"PATCH", 404, "notFound", backends.Cond{}, iofs.ErrNotExist},
		{"COMPOSE", 412, "conditionNotMet", absent, iofs.ErrExist},
		{"COMPOSE", 412, "conditionNotMet", version, backends.ErrChanged},
		{"COMPOSE", 404, "notFound", version, backends.ErrNoUpload},
		{"DELETE", 412, "conditionNotMet", version, backends.ErrChanged},
		{"DELETE", 404, "notFound", version, iofs.ErrNotExist},
		{"DELETE", 403, "objectUnderActiveHold", version, iofs.ErrPermission},
	} {
		t.Run(tt.op+" "+tt.want.Error(), func(t *testing.T) {
			t.Parallel()
			l := labOn(t, server, nil)
			l.faults.Script(netproxy.Rule{Op: tt.op, Times: 1, Fault: netproxy.Fault{Kind: netproxy.Status, Status: tt.status, Code: tt.reason}})
			err := do[tt.op](l, tt.c)
			if !errors.Is(err, tt.want) {
				t.Errorf("%d %s: got %v, want %v", tt.status, tt.reason, err, tt.want)
			}
			checkError(t, err)
		})
	}
}

// TestVersionsOfOthers are none that an object here can have.
func TestVersionsOfOthers(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	put(t, l.Backend, "file", "text")
	for _, version := range []string{"etag", "1", "1.", "-1.1", "0.1", "1.0", "1.1.1"} {
		if _, err := l.Put(t.Context(), "file", strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{Version: version}); !errors.Is(err, backends.ErrChanged) {
			t.Errorf("put over %q: %v", version, err)
		}
		if err := l.Remove(t.Context(), "file", backends.Cond{Version: version}); !errors.Is(err, backends.ErrChanged) {
			t.Errorf("remove of %q: %v", version, err)
		}
		if _, err := l.Copy(t.Context(), "copy", "file", backends.CopyOptions{Source: version, Size: 4}); !errors.Is(err, backends.ErrChanged) {
			t.Errorf("copy of %q: %v", version, err)
		}
		if _, _, err := read(t.Context(), l, "file", version, 0, -1); !errors.Is(err, backends.ErrChanged) {
			t.Errorf("get of %q: %v", version, err)
		}
	}
}

// TestNoBucket is told by every verb, and is neither a change nor a lost upload.
func TestNoBucket(t *testing.T) {
	t.Parallel()
	b := strange(t, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "The specified bucket does not exist.", http.StatusNotFound)
	})
	u, err := b.Upload(t.Context(), "file", "id", backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	for what, do := range map[string]func() error{
		"stat": func() error { _, err := b.Stat(t.Context(), "file"); return err },
		"list": func() error { return b.List(t.Context(), "", func([]backends.Entry) error { return nil }) },
		"get":  func() error { _, _, err := b.Get(t.Context(), "file", "", 0, -1); return err },
		"put": func() error {
			_, err := b.Put(t.Context(), "file", strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{Version: "1.1"})
			return err
		},
		"part": func() error { _, err := u.Part(t.Context(), 1, strings.NewReader("x"), 1); return err },
	} {
		if err := do(); !errors.Is(err, iofs.ErrNotExist) || !strings.Contains(err.Error(), `there is no bucket "photos"`) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}
