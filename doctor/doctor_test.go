package doctor

import (
	"context"
	"errors"
	iofs "io/fs"
	"slices"
	"strings"
	"testing"

	"sd/backends"
	"sd/backends/mem"
	"sd/backends/s3"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

const bucket = "bucket"

// on opens the bucket of a server.
func on(t *testing.T, endpoint string, change func(*s3.Config)) *s3.Backend {
	t.Helper()
	c := s3.Config{
		Bucket: bucket, Endpoint: endpoint, AccessKeyID: testserver.AccessKey,
		Secret: func() (string, string, error) { return testserver.SecretKey, "", nil },
	}
	if change != nil {
		change(&c)
	}
	b, err := s3.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// look looks at a store, and checks that nothing is left in it.
func look(t *testing.T, b backends.Backend, o Options) *Report {
	t.Helper()
	if o.Size == 0 {
		o.Size = 2 << 20
	}
	told := 0
	o.Tell = func(Row) { told++ }
	report, err := Run(t.Context(), b, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range report.Rows {
		t.Logf("%-4s %s: %s -> %s", row.Level, row.What, row.Found, row.Does)
	}
	if told != len(report.Rows) {
		t.Errorf("told of %d rows, want %d", told, len(report.Rows))
	}
	return report
}

func empty(t *testing.T, b backends.Backend) {
	t.Helper()
	err := b.(backends.Walker).Walk(context.Background(), "", "", func(page []backends.Entry) error {
		t.Errorf("left behind: %v", page)
		return nil
	})
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		t.Error(err)
	}
}

// row finds a row by what it is about; there may be none.
func (r *Report) row(what string) Row {
	i := slices.IndexFunc(r.Rows, func(row Row) bool { return row.What == what })
	if i < 0 {
		return Row{}
	}
	return r.Rows[i]
}

// want checks rows given as what they are about, their level, and a part of what was found.
func want(t *testing.T, r *Report, rows ...string) {
	t.Helper()
	for i := 0; i+2 < len(rows); i += 3 {
		if got := r.row(rows[i]); string(got.Level) != rows[i+1] || !strings.Contains(got.Found, rows[i+2]) {
			t.Errorf("%s: got %s %q, want %s %q", rows[i], got.Level, got.Found, rows[i+1], rows[i+2])
		}
	}
}

// TestServers looks at servers of all kinds, and says of each what is true.
func TestServers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		open func(*testing.T) backends.Backend
		rows []string
	}{
		{"mem", func(*testing.T) backends.Backend { return mem.New(mem.Config{}) }, []string{
			"create if absent", "ok", "of 8 writers at once one won", "remove if unchanged", "ok", "one won", "times", "ok", "nanosecond",
			"uploads in parts", "ok", "any order", "throughput down", "ok", "MiB/s", "odd names", "ok", "28 of 28", "tidy up", "ok", "nothing",
		}},
		{"versitygw", func(t *testing.T) backends.Backend { return on(t, testserver.Versitygw(t, bucket).URL, nil) }, []string{
			"reach", "ok", "answers", "create if absent", "ok", "one won", "replace if unchanged", "ok", "", "commit if absent", "ok", "",
			"copy if absent", "warn", "not heeded", "copy if unchanged", "ok", "", "checksums", "ok", "md5", "versions", "ok", "none",
			"modes and the like", "ok", "symbolic links", "copies of parts", "ok", "inside", "clock", "ok", "agree", "tidy up", "ok", "nothing",
		}},
		{"gofakes3", func(t *testing.T) backends.Backend { return on(t, testserver.Gofakes3(t, bucket).URL, nil) }, []string{
			"remove if unchanged", "warn", "not heeded", "copies of parts", "warn", "not possible", "tidy up", "ok", "nothing",
		}},
		{"b2", func(t *testing.T) backends.Backend {
			server := testserver.Versions(t, bucket)
			return on(t, testserver.Habits(t, "b2", server), func(c *s3.Config) { c.Service = "b2" })
		}, []string{
			"create if absent", "warn", "not heeded", "replace if unchanged", "warn", "not heeded", "remove if unchanged", "warn", "not heeded",
			"versions", "ok", "kept of all", "tidy up", "ok", "nothing",
		}},
		{"r2", func(t *testing.T) backends.Backend {
			server := testserver.Versitygw(t, bucket)
			return on(t, testserver.Habits(t, "r2", server), nil) // as a user who names another dialect
		}, []string{"uploads in parts", "ok", "no checksum", "copy if unchanged", "warn", "not heeded", "tidy up", "ok", "nothing"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := tt.open(t)
			report := look(t, b, Options{Size: 5 << 20})
			if report.Failed() {
				t.Error("something failed")
			}
			want(t, report, tt.rows...)
			empty(t, b)
		})
	}
}

// TestLeavesNoVersions removes also what a bucket keeps of removed files.
func TestLeavesNoVersions(t *testing.T) {
	t.Parallel()
	b := on(t, testserver.Versions(t, bucket).URL, nil)
	want(t, look(t, b, Options{Folder: "some/folder"}), "versions", "ok", "kept", "tidy up", "ok", "nothing", "reach", "ok", "no folder some/folder yet")
	empty(t, b)
	for _, name := range []string{"some/folder/", "some/"} {
		if _, err := b.Undelete(t.Context(), name, ""); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("Undelete(%q) = %v, want none", name, err)
		}
	}
}

// What somebody has removed from a folder that is no more can be brought back after a look at it.
func TestKeepsVersionsOfOthers(t *testing.T) {
	t.Parallel()
	b := on(t, testserver.Versions(t, bucket).URL, nil)
	const name = "some/folder/file"
	e, err := b.Put(t.Context(), name, strings.NewReader("text"), 4, backends.Meta{}, backends.Cond{})
	if err == nil {
		err = b.Remove(t.Context(), name, backends.Cond{})
	}
	if err != nil {
		t.Fatal(err)
	}
	want(t, look(t, b, Options{Folder: "some/folder"}), "reach", "ok", "no folder some/folder yet", "tidy up", "ok", "nothing")
	if _, err := b.Undelete(t.Context(), name, e.Version); err != nil {
		t.Errorf("after a look: %v", err)
	}
}

// TestReadOnly writes nothing.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	store := mem.New(mem.Config{Before: func(_ context.Context, op, name string) error {
		if !slices.Contains([]string{"LIST", "HEAD", "STAT", "GET", "VERSIONING", "USAGE"}, op) {
			t.Errorf("%s of %q", op, name)
		}
		return nil
	}})
	report := look(t, store, Options{ReadOnly: true})
	want(t, report, "reach", "ok", "", "list", "ok", "0 entries", "read", "warn", "no file")
	if report.row("write") != (Row{}) || report.row("tidy up") != (Row{}) {
		t.Error("there are rows about writing")
	}
	server := testserver.Versitygw(t, bucket)
	server.MustPut(t, bucket, "folder/file", strings.Repeat("x", 9000))
	b := on(t, server.URL, nil)
	want(t, look(t, b, Options{ReadOnly: true, Folder: "folder/"}), "read", "ok", "4096 B of folder/file", "list", "ok", "1 entry")
	want(t, look(t, b, Options{ReadOnly: true, Folder: "folder/file"}), "reach", "fail", "a file")
	want(t, look(t, b, Options{ReadOnly: true, Folder: "nothing"}), "reach", "fail", "not exist")
	if n := b.Stats().Requests["PUT"]; n > 0 {
		t.Errorf("%d files were written", n)
	}
}

// TestRights tells what an account may not do, and does not write what it cannot remove.
func TestRights(t *testing.T) {
	t.Parallel()
	deny := func(ops ...string) *mem.Store {
		return mem.New(mem.Config{Before: func(_ context.Context, op, _ string) error {
			if slices.Contains(ops, op) {
				return iofs.ErrPermission
			}
			return nil
		}})
	}
	store := deny("PUT")
	report := look(t, store, Options{})
	want(t, report, "list", "ok", "", "write", "fail", "permission")
	if !report.Failed() || report.row("create if absent") != (Row{}) {
		t.Error("a refused write is no failure, or more was tried")
	}
	empty(t, store)
	for _, ops := range [][]string{{"MKDIR", "RMDIR", "DELETE", "LIST"}, {"PUT", "DELETE", "LIST"}} {
		if report = look(t, deny(ops...), Options{}); len(report.Left) > 0 {
			t.Errorf("%q refused: %q is said to be left", ops, report.Left)
		}
	}
	report = look(t, deny("DELETE"), Options{})
	want(t, report, "write", "ok", "", "remove", "fail", "permission", "tidy up", "fail", "permission")
	if len(report.Left) != 1 || !strings.HasPrefix(report.Left[0], ScratchPrefix) {
		t.Errorf("left %q, want the folder", report.Left)
	}
	want(t, look(t, deny("LIST"), Options{}), "list", "fail", "permission", "write", "ok", "", "create if absent", "ok", "", "tidy up", "ok", "")
	want(t, look(t, deny("GET"), Options{}), "read", "fail", "permission", "tidy up", "ok", "")
}

// TestGone stops when there is nobody to ask.
func TestGone(t *testing.T) {
	t.Parallel()
	faults, err := netproxy.NewFaults(testserver.Versitygw(t, bucket).URL)
	if err != nil {
		t.Fatal(err)
	}
	defer faults.Close()
	if err := faults.Refuse(); err != nil {
		t.Fatal(err)
	}
	report := look(t, on(t, faults.URL(), nil), Options{})
	if len(report.Rows) != 1 {
		t.Errorf("got %d rows, want 1", len(report.Rows))
	}
	want(t, report, "reach", "fail", "unreachable")
	none := on(t, testserver.Versitygw(t).URL, nil)
	want(t, look(t, none, Options{}), "reach", "fail", `no bucket "bucket"`)
}

// TestInterrupted tidies up wherever it is stopped.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for stop := 1; stop < 400; stop += 23 {
		ctx, cancel := context.WithCancel(t.Context())
		asked := make(chan struct{}, stop)
		store := mem.New(mem.Config{After: func(context.Context, string, string) error {
			select {
			case asked <- struct{}{}:
			default:
				cancel()
			}
			return nil
		}})
		report, err := Run(ctx, store, Options{Size: -1})
		if ended := ctx.Err() != nil; ended != errors.Is(err, context.Canceled) {
			t.Errorf("stopped at %d: got %v", stop, err)
		}
		if len(report.Left) > 0 {
			t.Errorf("stopped at %d: %q is left", stop, report.Left)
		}
		cancel()
		empty(t, store)
	}
}

// TestEarlierLooks tells of what one that was killed has left.
func TestEarlierLooks(t *testing.T) {
	t.Parallel()
	store := mem.New(mem.Config{})
	if _, err := store.Put(t.Context(), ScratchPrefix+"abc/file", strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	want(t, look(t, store, Options{Size: -1}), "earlier looks", "warn", ScratchPrefix+"abc")
}
