package resolver

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"sd/backends"
	"sd/library"
	"sd/sdpath"
)

// store is a backend that only says whose it is and whether it was closed.
type store struct {
	volume library.Volume
	closed *atomic.Int64
}

func (s *store) Stat(context.Context, string) (backends.Entry, error) {
	return backends.Entry{Kind: backends.Dir}, nil
}
func (s *store) List(context.Context, string, func([]backends.Entry) error) error { return nil }
func (s *store) Get(context.Context, string, string, int64, int64) (io.ReadCloser, backends.Entry, error) {
	return nil, backends.Entry{}, iofs.ErrNotExist
}
func (s *store) Close() error { s.closed.Add(1); return nil }

// shop counts what it opens.
type shop struct {
	opened, closed atomic.Int64

	mu  sync.Mutex
	err error
}

func (s *shop) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *shop) factory(_ context.Context, v library.Volume) (backends.Backend, error) {
	s.opened.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	return &store{volume: v, closed: &s.closed}, nil
}

func openLibrary(t *testing.T, dataDir string) *library.Library {
	t.Helper()
	lib, err := library.Open(t.Context(), dataDir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lib.Close() })
	return lib
}

func newResolver(t *testing.T, lib *library.Library) (*Resolver, *shop) {
	t.Helper()
	s := new(shop)
	r, err := New(lib, map[sdpath.Service]Factory{sdpath.S3: s.factory, sdpath.Wasabi: s.factory})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, s
}

func mustAdd(t *testing.T, r *Resolver, c CloudVolume) *Volume {
	t.Helper()
	v, err := r.AddCloud(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCloudPaths(t *testing.T) {
	ctx := t.Context()
	r, shop := newResolver(t, openLibrary(t, t.TempDir()))
	path := sdpath.Cloud{Service: sdpath.S3, Identifier: "photos", Path: "a//b/"}
	var missing *VolumeNotFoundError
	if _, _, err := r.Resolve(ctx, path); !errors.As(err, &missing) || !errors.Is(err, iofs.ErrNotExist) ||
		!strings.Contains(err.Error(), "sd volume add-cloud NAME --service s3 --bucket photos") {
		t.Errorf("Resolve: %v, want a VolumeNotFoundError that tells how to add it", err)
	}
	if got := r.Services(); len(got) != 0 {
		t.Errorf("Services = %v, want none", got)
	}

	added := mustAdd(t, r, CloudVolume{Name: "mine", Service: sdpath.S3, Identifier: "photos", Config: map[string]string{"region": "eu-west-1"}})
	mustAdd(t, r, CloudVolume{Service: sdpath.Wasabi, Identifier: "photos"})
	if added.Info.Kind != KindCloud || added.Info.MountPoint != "s3://photos" || added.Info.Name != "mine" {
		t.Errorf("AddCloud = %+v", added)
	}
	listed, err := r.Volumes(ctx, sdpath.S3)
	if err != nil || len(listed) != 1 || listed[0].Identifier != "photos" || listed[0].Backend != nil {
		t.Errorf("Volumes = %v, %v", listed, err)
	}
	if all, err := r.Volumes(ctx, ""); len(all) != 2 || err != nil {
		t.Errorf("all Volumes = %v, %v, want two", all, err)
	}
	if got, want := r.Services(), []sdpath.Service{sdpath.S3, sdpath.Wasabi}; !reflect.DeepEqual(got, want) {
		t.Errorf("Services = %v, want %v", got, want)
	}
	if n := shop.opened.Load(); n != 0 {
		t.Errorf("adding and listing opened %d backends, want none", n)
	}

	v, name, err := r.Resolve(ctx, path)
	if err != nil || name != "a//b/" || v.Fingerprint != added.Fingerprint || v.Backend.(*store).volume.Name != "mine" {
		t.Fatalf("Resolve = %+v, %q, %v", v, name, err)
	}
	if again, _, err := r.Resolve(ctx, path); again != v || err != nil {
		t.Errorf("the second Resolve = %p, %v, want %p", again, err, v)
	}
	if listed, _ := r.Volumes(ctx, sdpath.S3); len(listed) != 1 || listed[0] != v {
		t.Errorf("Volumes = %v, want the opened %p", listed, v)
	}
	if n := shop.opened.Load(); n != 1 {
		t.Errorf("%d backends were opened, want 1", n)
	}

	for _, ref := range []string{"mine", "s3://photos", "s3://photos/", added.Fingerprint} {
		if got, err := r.Find(ctx, ref); got != v || err != nil {
			t.Errorf("Find(%q) = %v, %v", ref, got, err)
		}
	}
	if _, err := r.Find(ctx, "yours"); !errors.As(err, &missing) || !strings.Contains(err.Error(), "there are: mine, photos") {
		t.Errorf("Find of an unknown name: %v", err)
	}
	if got, err := r.Remove(ctx, "mine"); got != v || err != nil {
		t.Errorf("Remove = %v, %v", got, err)
	}
	if _, err := r.Remove(ctx, "mine"); !errors.As(err, &missing) {
		t.Errorf("second Remove: %v", err)
	}
	if _, _, err := r.Resolve(ctx, path); !errors.As(err, &missing) {
		t.Errorf("Resolve after Remove: %v", err)
	}
	if n := shop.closed.Load(); n != 0 {
		t.Errorf("%d backends were closed before the end, want none", n)
	}
	if err := r.Close(); err != nil || shop.closed.Load() != 1 {
		t.Errorf("Close: %v; %d backends were closed, want 1", err, shop.closed.Load())
	}
	if _, _, err := r.Resolve(ctx, path); !errors.Is(err, iofs.ErrClosed) {
		t.Errorf("Resolve after Close: %v, want ErrClosed", err)
	}
	if got := r.Devices(); len(got) != 0 {
		t.Errorf("Devices after Close = %v, want none", got)
	}
}

func TestMountPointsAreUnique(t *testing.T) {
	ctx := t.Context()
	r, _ := newResolver(t, openLibrary(t, t.TempDir()))
	add := func(config ...string) (*Volume, error) {
		c := CloudVolume{Service: sdpath.S3, Identifier: "b", Config: map[string]string{}}
		for i := 0; i < len(config); i += 2 {
			c.Config[config[i]] = config[i+1]
		}
		return r.AddCloud(ctx, c)
	}
	for i, config := range [][]string{
		{"endpoint", "https://S3.example.com:443/"},
		{"endpoint", "https://s3.example.com", "region", "x"},
		{"profile", "p"},
		{"access_key_id", "AK"},
		{"anonymous", "true"},
		{},
	} {
		want := []string{"b", "b-2", "b-3", "b-4", "b-5", "b-6"}[i]
		v, err := add(config...)
		if err != nil || v.Identifier != want || v.Info.MountPoint != "s3://"+want || v.Info.Name != want {
			t.Errorf("volume %d = %+v, %v, want %s", i, v, err, want)
		}
	}
	var conflict *library.VolumeConflictError
	for _, config := range [][]string{{"endpoint", "HTTPS://s3.example.com"}, {"profile", "p"}, {}, {"unrelated", "x"}} {
		if _, err := add(config...); !errors.As(err, &conflict) || conflict.Field != "fingerprint" || !strings.Contains(err.Error(), "sd volume remove-cloud") {
			t.Errorf("adding %v again: %v, want a conflict", config, err)
		}
	}
	if _, err := r.AddCloud(ctx, CloudVolume{Name: "b-2", Service: sdpath.S3, Identifier: "other"}); !errors.As(err, &conflict) || conflict.Field != "name" {
		t.Errorf("adding a taken name: %v, want a conflict", err)
	}
	if _, err := r.Remove(ctx, "b-3"); err != nil {
		t.Error(err)
	}
	if v, err := add("profile", "q"); err != nil || v.Identifier != "b-3" {
		t.Errorf("after b-3 was removed: %+v, %v, want b-3", v, err)
	}
	if v, err := r.AddCloud(ctx, CloudVolume{Service: sdpath.S3, Identifier: "b-2"}); err != nil || v.Identifier != "b-2-2" || v.Info.Identifier != "b-2" {
		t.Errorf("a bucket called b-2: %+v, %v, want b-2-2", v, err)
	}
	if v, err := r.AddCloud(ctx, CloudVolume{Service: sdpath.S3, Identifier: "a/b"}); err != nil || v.Identifier != "a_b" || v.Info.Identifier != "a/b" {
		t.Errorf("a drive called a/b: %+v, %v, want a_b", v, err)
	}
}

func TestAddCloudRefuses(t *testing.T) {
	r, _ := newResolver(t, openLibrary(t, t.TempDir()))
	for _, c := range []CloudVolume{
		{},
		{Service: "ftp", Identifier: "b"},
		{Service: sdpath.GDrive, Identifier: "b"}, // no factory
		{Service: sdpath.S3},
		{Service: sdpath.S3, Identifier: "b", Name: " x"},
		{Service: sdpath.S3, Identifier: "b", Name: "a\nb"},
		{Service: sdpath.S3, Identifier: "b", Name: "s3://x"},
		{Service: sdpath.S3, Identifier: "b", Config: map[string]string{"endpoint": "localhost:9000"}},
		{Service: sdpath.S3, Identifier: "b", Config: map[string]string{"endpoint": "https://ak:hunter2@host"}},
		{Service: sdpath.S3, Identifier: "b", Config: map[string]string{"endpoint": "https://host?secret=hunter2"}},
		{Service: sdpath.S3, Identifier: "b", Config: map[string]string{"endpoint": "://hunter2"}},
		{Service: sdpath.S3, Identifier: "b", Config: map[string]string{"secret_access_key": "hunter2"}},
	} {
		if v, err := r.AddCloud(t.Context(), c); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("AddCloud(%+v) = %+v, %v, want an error without the secret", c, v, err)
		}
	}
}

// Rows from before mount points were stored are found by a scan.
func TestRowsWithoutMountPoint(t *testing.T) {
	ctx := t.Context()
	lib := openLibrary(t, t.TempDir())
	for i, mount := range []string{"", "", "s3://old-2", ""} {
		v := library.Volume{Fingerprint: fmt.Sprint("f", i), Service: sdpath.S3, Identifier: "old", MountPoint: mount, Name: fmt.Sprint(i)}
		if i == 3 {
			v.Identifier = "new"
		}
		if err := lib.AddVolume(ctx, v); err != nil {
			t.Fatal(err)
		}
	}
	r, _ := newResolver(t, lib)
	for identifier, want := range map[string]string{"old": "f0", "old-2": "f2", "old-3": "f1", "new": "f3"} {
		v, _, err := r.Resolve(ctx, sdpath.Cloud{Service: sdpath.S3, Identifier: identifier})
		if err != nil || v.Fingerprint != want || v.Identifier != identifier {
			t.Errorf("Resolve(%s) = %+v, %v, want %s", identifier, v, err, want)
		}
	}
	if _, err := r.FindCloudVolume(sdpath.Wasabi, "old"); err == nil {
		t.Error("a volume of another service was found")
	}
}

func TestFailedOpenIsTriedAgain(t *testing.T) {
	ctx := t.Context()
	lib := openLibrary(t, t.TempDir())
	r, shop := newResolver(t, lib)
	mustAdd(t, r, CloudVolume{Service: sdpath.S3, Identifier: "b"})
	path := sdpath.Cloud{Service: sdpath.S3, Identifier: "b"}
	bad := errors.New("profile x is not there")
	shop.fail(bad)
	if _, _, err := r.Resolve(ctx, path); !errors.Is(err, bad) {
		t.Errorf("Resolve: %v, want %v", err, bad)
	}
	shop.fail(nil)
	if v, _, err := r.Resolve(ctx, path); err != nil || v.Backend == nil {
		t.Errorf("Resolve = %v, %v", v, err)
	}
	if err := lib.AddVolume(ctx, library.Volume{Fingerprint: "g", Service: sdpath.GDrive, Identifier: "My Drive", MountPoint: "gdrive://My Drive", Name: "g"}); err != nil {
		t.Fatal(err)
	}
	var none *NoDriverError
	if _, _, err := r.Resolve(ctx, sdpath.Cloud{Service: sdpath.GDrive, Identifier: "My Drive"}); !errors.As(err, &none) {
		t.Errorf("Resolve without a factory: %v, want a NoDriverError", err)
	}
}

// A volume whose backend takes long to open holds up neither others nor a caller who leaves.
func TestOpenHoldsUpOnlyItsVolume(t *testing.T) {
	ctx := t.Context()
	opening, proceed := make(chan struct{}, 8), make(chan struct{})
	var opened atomic.Int64
	r, err := New(openLibrary(t, t.TempDir()), map[sdpath.Service]Factory{sdpath.S3: func(_ context.Context, v library.Volume) (backends.Backend, error) {
		if v.Identifier == "slow" {
			opening <- struct{}{}
			<-proceed
		}
		opened.Add(1)
		return &store{volume: v, closed: new(atomic.Int64)}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	mustAdd(t, r, CloudVolume{Service: sdpath.S3, Identifier: "slow"})
	mustAdd(t, r, CloudVolume{Service: sdpath.S3, Identifier: "quick"})
	slow, quick := sdpath.Cloud{Service: sdpath.S3, Identifier: "slow"}, sdpath.Cloud{Service: sdpath.S3, Identifier: "quick"}
	results := make(chan *Volume, 8)
	resolve := func() {
		v, _, err := r.Resolve(ctx, slow)
		if err != nil {
			t.Error(err)
		}
		results <- v
	}
	go resolve()
	<-opening
	for range 7 {
		go resolve()
	}
	if _, _, err := r.Resolve(ctx, quick); err != nil {
		t.Error(err)
	}
	if _, err := r.Volumes(ctx, sdpath.S3); err != nil {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := r.Resolve(gone, slow); !errors.Is(err, context.Canceled) {
		t.Errorf("Resolve by one who left: %v, want Canceled", err)
	}
	close(proceed)
	first := <-results
	for range 7 {
		if v := <-results; v != first {
			t.Errorf("got %p, want %p as all others", v, first)
		}
	}
	if n := opened.Load(); n != 2 {
		t.Errorf("%d backends were opened, want 2", n)
	}
}

func TestDevices(t *testing.T) {
	ctx := t.Context()
	lib := openLibrary(t, t.TempDir())
	mac, err := lib.AddDevice(ctx, library.Device{ID: uuid.New(), Name: "Jamie's Mac"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lib.RenameDevice(ctx, lib.ThisDevice().ID, "Home Server"); err != nil {
		t.Fatal(err)
	}
	r, _ := newResolver(t, lib)
	this := lib.ThisDevice()
	for name, want := range map[string]library.Device{
		"local": this, "home-server": this, this.ID.String(): this, strings.ToUpper(mac.ID.String()): mac, "jamies-mac": mac,
	} {
		if got, err := r.Device(name); got != want || err != nil {
			t.Errorf("Device(%q) = %v, %v, want %v", name, got, err, want)
		}
	}
	if got, want := r.Devices(), []library.Device{this, mac}; !reflect.DeepEqual(got, want) {
		t.Errorf("Devices = %v, want %v", got, want)
	}
	var missing *DeviceNotFoundError
	if _, _, err := r.Resolve(ctx, sdpath.NewPhysical("nope", "/x")); !errors.As(err, &missing) || !errors.Is(err, iofs.ErrNotExist) ||
		!strings.Contains(err.Error(), "home-server, jamies-mac") {
		t.Errorf("Resolve on an unknown device: %v", err)
	}
	var offline *DeviceOfflineError
	if _, _, err := r.Resolve(ctx, sdpath.NewPhysical("jamies-mac", "/x")); !errors.As(err, &offline) || !errors.Is(err, backends.ErrOffline) || offline.Device != mac {
		t.Errorf("Resolve on another device: %v", err)
	}
	for path, want := range map[string]string{"/": "/", "/etc/hosts": "/etc/hosts", "C:/x": "/C:/x"} {
		v, name, err := r.Resolve(ctx, sdpath.NewPhysical("local", path))
		if err != nil || name != want || v == nil || v.Fingerprint == "" || !isBelow(name, v.Identifier) || v.Info.DeviceID != this.ID {
			t.Errorf("Resolve(%s) = %+v, %q, %v", path, v, name, err)
		}
	}
	var unknown *NotIndexedError
	if _, _, err := r.Resolve(ctx, sdpath.Content{ID: mac.ID}); !errors.As(err, &unknown) || !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("Resolve of content: %v", err)
	}
	if _, _, err := r.Resolve(ctx, nil); err == nil {
		t.Error("nil was resolved")
	}
}
