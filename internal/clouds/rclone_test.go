package clouds

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config/configmap"
	"github.com/rclone/rclone/fs/object"
)

// remote opens one of rclone's backends with options given as key and value in turn.
func remote(t *testing.T, c *Clouds, kind, root string, options ...string) fs.Fs {
	t.Helper()
	f, err := openRemote(t.Context(), c, kind, root, configmap.Simple{}, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if shut := f.Features().Shutdown; shut != nil {
			_ = shut(context.Background())
		}
	})
	return f
}

func openRemote(ctx context.Context, c *Clouds, kind, root string, kept configmap.Simple, options ...string) (fs.Fs, error) {
	info, err := fs.Find(kind)
	if err != nil {
		return nil, err
	}
	ctx, ci := fs.AddConfig(ctx)
	ci.HTTPProxy, ci.CaCert, ci.LowLevelRetries = c.ProxyURL, []string{c.CAFile}, 2
	for i := 0; i+1 < len(options); i += 2 {
		kept[options[i]] = options[i+1]
	}
	m := configmap.New()
	m.AddGetter(kept, configmap.PriorityConfig)
	defaults := configmap.Simple{}
	for _, o := range info.Options {
		if _, ok := kept[o.Name]; !ok {
			defaults[o.Name] = o.String()
		}
	}
	m.AddGetter(defaults, configmap.PriorityDefault)
	m.AddSetter(kept)
	return info.NewFs(ctx, "judge", root, m)
}

// judge drives a remote through all that a mount does and compares it with the tree
// that the fake keeps.
func judge(t *testing.T, f fs.Fs, tree func() map[string]string) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{"docs/": "/", "docs/deep/": "/"}
	same := func(step string) {
		t.Helper()
		if got := tree(); !maps.Equal(got, want) {
			t.Fatalf("after %s the tree is %.300v, want %.300v", step, got, want)
		}
		if got := listAll(ctx, t, f, ""); !maps.Equal(got, want) {
			t.Fatalf("after %s the client lists %.300v, want %.300v", step, got, want)
		}
	}
	put := func(name string, content []byte) fs.Object {
		t.Helper()
		when := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
		src := object.NewStaticObjectInfo(name, when, int64(len(content)), true, nil, nil)
		o, err := f.Put(ctx, bytes.NewReader(content), src)
		must(err)
		if !o.ModTime(ctx).Equal(when) {
			t.Errorf("%s has the time %v, want %v", name, o.ModTime(ctx), when)
		}
		want[name] = string(content)
		return o
	}
	must(f.Mkdir(ctx, "docs/deep"))
	for i := range 7 {
		put(fmt.Sprintf("docs/file %d ü.txt", i), []byte(strings.Repeat("x", i+1)))
	}
	big := make([]byte, 3<<20+17)
	for i := range big {
		big[i] = byte(i * i >> 8)
	}
	large := put("docs/deep/big.bin", big)
	same("uploads")

	r, err := large.Open(ctx, &fs.RangeOption{Start: 1 << 20, End: 1<<20 + 99})
	must(err)
	part, err := io.ReadAll(r)
	must(err)
	must(r.Close())
	if !bytes.Equal(part, big[1<<20:1<<20+100]) {
		t.Errorf("range read: got %d other bytes", len(part))
	}

	o, err := f.NewObject(ctx, "docs/file 3 ü.txt")
	must(err)
	now := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	must(o.Update(ctx, strings.NewReader("changed"), object.NewStaticObjectInfo(o.Remote(), now, 7, true, nil, nil)))
	want["docs/file 3 ü.txt"] = "changed"
	same("update")

	moved, err := f.Features().Move(ctx, o, "docs/deep/moved.txt")
	must(err)
	want["docs/deep/moved.txt"] = want["docs/file 3 ü.txt"]
	delete(want, "docs/file 3 ü.txt")
	same("move")

	_, err = f.Features().Copy(ctx, moved, "docs/copied.txt")
	must(err)
	want["docs/copied.txt"] = want["docs/deep/moved.txt"]
	same("copy")

	must(f.Features().DirMove(ctx, f, "docs/deep", "deeper"))
	want["deeper/"] = "/"
	for _, name := range slices.Collect(maps.Keys(want)) {
		if rest, ok := strings.CutPrefix(name, "docs/deep/"); ok {
			if rest != "" {
				want[path.Join("deeper", rest)] = want[name]
			}
			delete(want, name)
		}
	}
	same("moving a folder")

	gone, err := f.NewObject(ctx, "docs/copied.txt")
	must(err)
	later := now.Add(time.Hour)
	if err := gone.SetModTime(ctx, later); err != fs.ErrorCantSetModTimeWithoutDelete {
		must(err)
		again, err := f.NewObject(ctx, "docs/copied.txt")
		must(err)
		if !again.ModTime(ctx).Equal(later) {
			t.Errorf("the time was set to %v, want %v", again.ModTime(ctx), later)
		}
	}
	must(gone.Remove(ctx))
	delete(want, "docs/copied.txt")
	same("remove")

	if err := f.Rmdir(ctx, "docs"); err == nil {
		t.Error("a folder that is not empty was removed")
	}
	if _, err := f.NewObject(ctx, "docs/nothing"); err != fs.ErrorObjectNotFound {
		t.Errorf("a file that is not there: got %v, want %v", err, fs.ErrorObjectNotFound)
	}
	usage, err := f.Features().About(ctx)
	must(err)
	if usage.Used == nil || *usage.Used <= int64(len(big)) {
		t.Errorf("About says %v used, want more than %d", usage.Used, len(big))
	}
}

// listAll reads everything below dir, as the fakes' Tree gives it.
func listAll(ctx context.Context, t *testing.T, f fs.Fs, dir string) map[string]string {
	t.Helper()
	tree := make(map[string]string)
	entries, err := f.List(ctx, dir)
	if err != nil {
		t.Fatalf("list %q: %v", dir, err)
	}
	for _, e := range entries {
		switch e := e.(type) {
		case fs.Directory:
			tree[e.Remote()+"/"] = "/"
			maps.Copy(tree, listAll(ctx, t, f, e.Remote()))
		case fs.Object:
			r, err := e.Open(ctx)
			if err != nil {
				t.Fatalf("open %s: %v", e.Remote(), err)
			}
			content, err := io.ReadAll(r)
			r.Close()
			if err != nil {
				t.Fatalf("read %s: %v", e.Remote(), err)
			}
			tree[e.Remote()] = string(content)
		}
	}
	return tree
}
