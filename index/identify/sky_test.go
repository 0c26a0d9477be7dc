//go:build unix

package identify

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/s3"
	"sd/index"
	"sd/internal/netproxy"
	"sd/internal/testserver"
	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

const bucket = "photos"

// sky is a lab whose location is a cloud volume; local files are identified in ground.
type sky struct {
	*lab
	ground library.Location
	volume string
	store  backends.Backend
}

func newSky(t testing.TB, store backends.Backend) *sky {
	t.Helper()
	l := openLab(t, t.TempDir(), t.TempDir(), map[sdpath.Service]resolver.Factory{
		sdpath.S3: func(context.Context, library.Volume) (backends.Backend, error) { return store, nil },
	})
	v, err := l.cfg.Resolver.AddCloud(t.Context(), resolver.CloudVolume{Service: sdpath.S3, Identifier: bucket})
	if err != nil {
		t.Fatal(err)
	}
	s := &sky{l, l.loc, v.Fingerprint, store}
	if l.loc, err = l.lib.AddLocation(t.Context(), library.Location{Name: "sky", Place: catalog.VolumePlace(v.Fingerprint)}); err != nil {
		t.Fatal(err)
	}
	return s
}

// onGround makes local files and has them proven.
func (s *sky) onGround(files map[string][]byte) {
	s.t.Helper()
	for name, data := range files {
		s.write(name, data)
	}
	s.scan()
	if rep, err := Run(s.t.Context(), s.cfg, s.ground, Options{}, index.Control{}); err != nil || rep.Proven != int64(len(files)) {
		s.t.Fatalf("on the ground: %+v, %v", rep, err)
	}
}

// list puts what the volume lists into the catalog.
func (s *sky) list() {
	s.t.Helper()
	err := s.store.(backends.Walker).Walk(s.t.Context(), "", "", func(page []backends.Entry) error {
		s.update(func(tx *catalog.Tx) error {
			for _, e := range page {
				if e.Kind == backends.Dir {
					continue
				}
				dir, name := "", e.Name
				if i := strings.LastIndexByte(e.Name, '/'); i >= 0 {
					dir, name = e.Name[:i], e.Name[i+1:]
				}
				id, err := tx.MakePath(s.loc.Place, dir)
				if err != nil {
					return err
				}
				var sums string
				for _, sum := range e.Sums {
					sums += sum.Algorithm + ":" + sum.Hex + "\n"
				}
				if err := tx.PutFile(id, &catalog.File{Name: name, Size: e.Size, ModTime: e.ModTime.UnixNano(), Version: e.Version, Sums: sums}); err != nil {
					return err
				}
			}
			return nil
		})
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *sky) put(name string, data []byte, m backends.Meta) backends.Entry {
	s.t.Helper()
	e, err := s.store.(backends.Putter).Put(s.t.Context(), name, bytes.NewReader(data), int64(len(data)), m, backends.Cond{})
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

func (s *sky) hint(name string) uint64 {
	_, f := s.find(name)
	return f.Hint
}

// newS3 is a server behind a proxy that counts.
func newS3(t testing.TB) (*sky, *netproxy.Faults) {
	t.Helper()
	server := testserver.Versitygw(t, bucket)
	faults, err := netproxy.NewFaults(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { faults.Close() })
	store, err := s3.New(s3.Config{
		Bucket: bucket, Endpoint: faults.URL(), AccessKeyID: testserver.AccessKey,
		Secret:   func() (string, string, error) { return testserver.SecretKey, "", nil },
		Patience: time.Minute, Stall: time.Minute, ProbeEvery: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return newSky(t, store), faults
}
