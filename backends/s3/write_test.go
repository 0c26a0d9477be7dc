package s3

import (
	"context"
	"errors"
	iofs "io/fs"
	"strings"
	"syscall"
	"testing"

	"sd/backends"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// TestWriteErrors asks for the right sentinel of each write that is refused.
func TestWriteErrors(t *testing.T) {
	t.Parallel()
	server := testserver.Versitygw(t, bucket)
	server.MustPut(t, bucket, "src", "source", "dst", "present")
	absent, version := backends.Cond{Absent: true}, backends.Cond{Version: "v"}
	do := map[string]func(*lab, backends.Cond) error{
		"PUT": func(l *lab, c backends.Cond) error {
			_, err := l.Put(t.Context(), "dst", strings.NewReader("x"), 1, backends.Meta{}, c)
			return err
		},
		"COPY": func(l *lab, c backends.Cond) error {
			_, err := l.Copy(t.Context(), "dst", "src", backends.CopyOptions{Source: "s", Size: 6, Cond: c})
			return err
		},
		"COMPLETE": func(l *lab, c backends.Cond) error {
			u, err := l.Upload(t.Context(), "dst", "crc32c:mark:id", backends.Meta{})
			if err != nil {
				return err
			}
			_, err = u.Commit(t.Context(), []backends.Part{{Num: 1, Size: 1, Tag: "t"}}, c)
			return err
		},
		"PART": func(l *lab, _ backends.Cond) error {
			u, err := l.Upload(t.Context(), "dst", "crc32c:mark:id", backends.Meta{})
			if err != nil {
				return err
			}
			_, err = u.Part(t.Context(), 1, strings.NewReader("x"), 1)
			return err
		},
		"DELETE": func(l *lab, c backends.Cond) error { return l.Remove(t.Context(), "dst", c) },
	}
	for _, tt := range []struct {
		op     string
		status int
		code   string
		c      backends.Cond
		want   error
	}{
		{"PUT", 412, "", absent, iofs.ErrExist},
		{"PUT", 412, "", version, backends.ErrChanged},
		{"PUT", 409, "", absent, iofs.ErrExist},
		{"PUT", 409, "", version, backends.ErrChanged},
		{"PUT", 404, "", version, backends.ErrChanged},
		{"PUT", 404, "NoSuchBucket", version, iofs.ErrNotExist},
		{"PUT", 400, "KeyTooLongError", absent, backends.ErrNameTooLong},
		{"PUT", 400, "KeyTooLongError", absent, syscall.ENAMETOOLONG},
		{"PUT", 400, "EntityTooLarge", absent, backends.ErrTooLarge},
		{"PUT", 403, "", absent, iofs.ErrPermission},
		{"PUT", 507, "", absent, backends.ErrNoSpace},
		{"COPY", 412, "", version, backends.ErrChanged},
		{"COPY", 409, "", version, backends.ErrChanged},
		{"COMPLETE", 412, "", absent, iofs.ErrExist},
		{"COMPLETE", 412, "", version, backends.ErrChanged},
		{"COMPLETE", 409, "", version, backends.ErrChanged},
		{"COMPLETE", 404, "NoSuchUpload", absent, backends.ErrNoUpload},
		{"COMPLETE", 404, "NoSuchUpload", version, backends.ErrNoUpload},
		{"PART", 404, "NoSuchUpload", absent, backends.ErrNoUpload},
		{"PART", 400, "EntityTooLarge", absent, backends.ErrTooLarge},
		{"DELETE", 412, "", version, backends.ErrChanged},
		{"DELETE", 409, "", version, backends.ErrChanged},
		{"DELETE", 404, "", version, iofs.ErrNotExist},
	} {
		name := tt.op + " " + tt.want.Error()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := labOn(t, server, func(c *Config) { c.Capabilities = &heedful })
			l.faults.Script(netproxy.Rule{Op: tt.op, Fault: netproxy.Fault{Kind: netproxy.Status, Status: tt.status, Code: tt.code}})
			err := do[tt.op](l, tt.c)
			if !errors.Is(err, tt.want) {
				t.Errorf("%d %s: got %v, want %v", tt.status, tt.code, err, tt.want)
			}
			checkError(t, err)
		})
	}
}

// TestLongNames is what servers say about names they cannot hold.
func TestLongNames(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]*testserver.Server{"versitygw": testserver.Versitygw(t, bucket), "gofakes3": testserver.Gofakes3(t, bucket)} {
		b := open(t, server.URL, nil)
		for _, key := range []string{strings.Repeat("n", 300), strings.Repeat("d/", 300) + "x", strings.Repeat("d/", 600) + "x"} {
			_, err := b.Put(t.Context(), key, strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{})
			t.Logf("%s, %d bytes: %v", name, len(key), errText(err))
			if err != nil && !errors.Is(err, backends.ErrNameTooLong) {
				t.Errorf("%s, %d bytes: got %v, want %v", name, len(key), err, backends.ErrNameTooLong)
			}
		}
	}
}

func errText(err error) string {
	var pe *iofs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	if err == nil {
		return "stored"
	}
	return err.Error()
}

// TestStalledUploads are cut off and sent again, each part by itself; the last is not
// waited for beyond patience.
func TestStalledUploads(t *testing.T) {
	t.Parallel()
	l := newLab(t, testserver.Versitygw, func(c *Config) {
		hasty(c)
		c.Capabilities = &heedful
	})
	l.faults.Script(netproxy.Rule{Op: "PART", Times: 2, Fault: netproxy.Fault{Kind: netproxy.StallHead}})
	if err := write(t, l.Backend, "PART", "file", content(100_000)); err != nil {
		t.Fatal(err)
	}
	if got, _, err := read(t.Context(), l, "file", "", 0, -1); got != content(100_000) || err != nil {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	l.faults.Script(netproxy.Rule{Op: "PART", Fault: netproxy.Fault{Kind: netproxy.StallHead}})
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
