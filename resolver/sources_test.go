package resolver

import (
	"context"
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"sd/backends"
	"sd/identity"
	"sd/library"
	"sd/library/catalog"
	"sd/sdpath"
)

// sick is a store whose server does not answer.
type sick struct{ store }

func (*sick) Close() error { return nil }

func (*sick) Health() backends.Health { return backends.Health{Err: "connection refused"} }

// shelf is a catalog that a test fills.
type shelf struct {
	t   *testing.T
	lib *library.Library
	sum identity.Sum
}

// put notes a file that has the content; a nil proof is one that was Kept.
func (s *shelf) put(place catalog.Place, path string, f catalog.File, proof catalog.Proof) {
	s.t.Helper()
	f.Name = filepath.Base(path)
	err := s.lib.Catalog().Update(s.t.Context(), func(tx *catalog.Tx) error {
		dir := filepath.Dir(path)
		if dir == "." {
			dir = ""
		}
		folder, err := tx.MakePath(place, dir)
		if err != nil {
			return err
		}
		if err := tx.PutFile(folder, &f); err != nil {
			return err
		}
		ok, err := tx.Identify(folder, f.Name, f.FileVersion(), s.sum, 1, proof)
		if err == nil && !ok {
			err = errors.New("not identified")
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// file makes a file and describes it.
func (s *shelf) file(path, content string) catalog.File {
	s.t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return s.describe(path)
}

func (s *shelf) describe(path string) catalog.File {
	s.t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		s.t.Fatal(err)
	}
	return catalog.File{Size: st.Size, ModTime: unix.TimespecToNsec(st.Mtim), Version: identity.LocalVersion(unix.TimespecToNsec(st.Ctim), uint64(st.Ino))}
}

func TestSources(t *testing.T) {
	ctx := t.Context()
	lib := openLibrary(t, t.TempDir())
	r, shop := newResolver(t, lib)
	dir := t.TempDir()
	s := &shelf{t, lib, identity.Sum{1, 2, 3}}
	here := catalog.DevicePlace(r.ThisDevice().ID)
	other, err := lib.AddDevice(ctx, library.Device{ID: uuid.New(), Name: "Old Laptop"})
	if err != nil {
		t.Fatal(err)
	}
	below := func(name string) string { return strings.TrimPrefix(filepath.Join(dir, name), "/") }
	volume := func(name, endpoint string) catalog.Place {
		v := mustAdd(t, r, CloudVolume{Service: sdpath.S3, Identifier: name, Config: map[string]string{"endpoint": endpoint}})
		return catalog.VolumePlace(v.Fingerprint)
	}
	far, near, slow := volume("far", ""), volume("near", "http://192.168.1.5:9000"), volume("slow", "")
	gone := volume("gone", "")

	s.put(here, below("good"), s.file(filepath.Join(dir, "good"), "content"), catalog.Read)
	s.put(here, below("changed"), s.file(filepath.Join(dir, "changed"), "content"), catalog.Read)
	s.put(here, below("removed"), s.file(filepath.Join(dir, "removed"), "content"), catalog.Read)
	s.put(here, below("touched"), s.file(filepath.Join(dir, "touched"), "content"), catalog.Read)
	s.put(catalog.DevicePlace(other.ID), "home/a", catalog.File{Size: 7, Version: "v"}, catalog.Read)
	for _, p := range []catalog.Place{far, near, slow, gone} {
		s.put(p, "dir/object", catalog.File{Size: 7, Version: "etag"}, catalog.Stored)
	}
	s.put(here, below("kept"), s.file(filepath.Join(dir, "kept"), "content"), catalog.Read)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(filepath.Join(dir, "changed"), []byte("others"), 0o644))
	must(os.Remove(filepath.Join(dir, "removed")))
	must(os.Chmod(filepath.Join(dir, "touched"), 0o600))
	must(os.Chmod(filepath.Join(dir, "kept"), 0o600))
	kept := s.describe(filepath.Join(dir, "kept"))
	kept.Name = "kept"
	must(lib.Catalog().Update(ctx, func(tx *catalog.Tx) error {
		folder, err := tx.MakePath(here, strings.TrimPrefix(dir, "/"))
		if err != nil {
			return err
		}
		return tx.PutFile(folder, &kept)
	}))
	_, err = r.Remove(ctx, "s3://gone")
	must(err)
	r.Measured(strings.TrimPrefix(string(far), volumePrefix), 20*time.Millisecond)
	r.Measured(strings.TrimPrefix(string(slow), volumePrefix), 90*time.Millisecond)

	c, list, err := r.Sources(ctx, s.sum.ContentID())
	must(err)
	if c.BLAKE3 != s.sum || c.Size != 7 {
		t.Errorf("the content is %+v", c)
	}
	want := []struct {
		path   string
		usable bool
		why    string
	}{
		{"local://" + r.ThisDevice().Slug + dir + "/good", true, "local "},
		{"s3://near/dir/object", true, "s3 on the local network, proven by the BLAKE3 stored with it"},
		{"s3://far/dir/object", true, "s3 in the cloud (first byte after 20ms), proven"},
		{"s3://slow/dir/object", true, "s3 in the cloud (first byte after 90ms), proven"},
		{"local://" + r.ThisDevice().Slug + dir + "/changed", false, "skipped: changed since it was identified"},
		{"local://" + r.ThisDevice().Slug + dir + "/removed", false, "skipped: not there any more"},
		{"local://" + r.ThisDevice().Slug + dir + "/touched", false, "skipped: changed since it was identified"},
		{"local://old-laptop/home/a", false, "device offline"},
		{"", false, "nobody knows where: no volume"},
		{"local://" + r.ThisDevice().Slug + dir + "/kept", false, "probable only: "},
	}
	for i, w := range want {
		if i >= len(list) {
			t.Errorf("there is no source %d, want %+v", i, w)
			continue
		}
		got, path := list[i], ""
		if got.Path != nil {
			path = got.Path.String()
		}
		if path != w.path || got.Usable != w.usable || !strings.HasPrefix(got.Why, w.why) {
			t.Errorf("source %d is %s, usable %t, %q; want %+v", i, path, got.Usable, got.Why, w)
		}
	}
	if len(list) > len(want) {
		t.Errorf("there are %d sources, want %d", len(list), len(want))
	}
	if !strings.HasSuffix(list[0].Why, ", proven by reading") || !list[0].Here || !list[0].Online || list[0].Name != filepath.Join(dir, "good") {
		t.Errorf("the best source is %+v", list[0])
	}
	if list[1].Volume == nil || list[1].Volume.Backend == nil || list[1].Name != "dir/object" || list[1].Medium != MediumNetwork {
		t.Errorf("the best object is %+v", list[1])
	}

	f, err := list[0].Open(ctx)
	must(err)
	defer f.Close()
	must(list[0].Check(f))
	must(os.Chmod(filepath.Join(dir, "good"), 0o600))
	var changed *ChangedError
	if err := list[0].Check(f); !errors.As(err, &changed) || !changed.Attributes || !errors.Is(err, backends.ErrChanged) {
		t.Errorf("after a chmod: %v, want a ChangedError of attributes", err)
	}
	must(os.WriteFile(filepath.Join(dir, "good"), []byte("other content"), 0o600))
	if err := list[0].Check(f); !errors.As(err, &changed) || changed.Attributes {
		t.Errorf("after a write: %v, want a ChangedError of more than attributes", err)
	}
	if f, err := list[0].Open(ctx); !errors.As(err, &changed) {
		t.Errorf("opening a changed file: %v, %v", f, err)
	}

	shop.fail(errors.New("no key"))
	if _, _, err := r.Sources(ctx, identity.Sum{9}.ContentID()); !errors.As(err, new(*NotIndexedError)) || !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("an unknown id: %v, want a NotIndexedError", err)
	}
}

func TestSourcesOfASickServer(t *testing.T) {
	ctx := t.Context()
	lib := openLibrary(t, t.TempDir())
	r, err := New(lib, map[sdpath.Service]Factory{sdpath.S3: func(_ context.Context, v library.Volume) (backends.Backend, error) {
		if v.Identifier == "locked" {
			return nil, errors.New("the key is wrong")
		}
		return new(sick), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	s := &shelf{t, lib, identity.Sum{1}}
	for _, name := range []string{"sick", "locked"} {
		v := mustAdd(t, r, CloudVolume{Service: sdpath.S3, Identifier: name})
		s.put(catalog.VolumePlace(v.Fingerprint), "o", catalog.File{Size: 7, Version: "etag"}, catalog.Stored)
	}
	_, list, err := r.Sources(ctx, s.sum.ContentID())
	if err != nil || len(list) != 2 {
		t.Fatalf("Sources: %v, %v", list, err)
	}
	whys := list[0].Why + "\n" + list[1].Why
	for _, want := range []string{"volume offline: connection refused", "the key is wrong"} {
		if !strings.Contains(whys, want) {
			t.Errorf("the reasons are %q, want %q among them", whys, want)
		}
	}
	for _, s := range list {
		if s.Usable || s.Online {
			t.Errorf("%s is usable %t, online %t", s.Path, s.Usable, s.Online)
		}
	}
}

func TestPathsTooLongForOneCall(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	seg := strings.Repeat("d", 200)
	at, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	path := dir
	for range 30 {
		if err := unix.Mkdirat(at, seg, 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(at, seg, unix.O_DIRECTORY|unix.O_RDONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(at)
		at, path = next, path+"/"+seg
	}
	defer unix.Close(at)
	fd, err := unix.Openat(at, "f", unix.O_CREAT|unix.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	unix.Write(fd, []byte("deep"))
	var st unix.Stat_t
	unix.Fstat(fd, &st)
	unix.Close(fd)
	s := Source{Here: true, Name: path + "/f", File: catalog.File{
		Size: 4, ModTime: unix.TimespecToNsec(st.Mtim), Version: identity.LocalVersion(unix.TimespecToNsec(st.Ctim), uint64(st.Ino)),
	}}
	if err := s.Look(ctx); err != nil {
		t.Errorf("Look: %v", err)
	}
	f, err := s.Open(ctx)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer f.Close()
	buf := make([]byte, 10)
	if n, _ := f.Read(buf); string(buf[:n]) != "deep" {
		t.Errorf("it holds %q", buf[:n])
	}
}

func TestNearby(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"": false, "https://s3.amazonaws.com": false, "http://127.0.0.1:9000": true, "http://localhost:9000": true,
		"http://nas:9000": true, "http://nas.local": true, "https://10.1.2.3": true, "https://[fe80::1]:9000": true,
		"https://8.8.8.8": false, "https://minio.example.com": false, "::": false,
	} {
		if got := nearby(endpoint); got != want {
			t.Errorf("nearby(%q) = %t, want %t", endpoint, got, want)
		}
	}
}

func TestFilesOfAServerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Source{network: true, Name: "/mnt/nas/a"}
		release := make(chan struct{})
		hang := func() error { <-release; return nil }
		began := time.Now()
		if err := s.patiently(t.Context(), hang); !errors.Is(err, backends.ErrOffline) || time.Since(began) != unanswered {
			t.Errorf("a server that hangs: %v after %v, want ErrOffline after %v", err, time.Since(began), unanswered)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.patiently(ctx, hang); !errors.Is(err, context.Canceled) {
			t.Errorf("an interrupted caller: %v", err)
		}
		close(release)
		if err := s.patiently(t.Context(), hang); err != nil {
			t.Errorf("a server that answers: %v", err)
		}
	})
}
