package actions_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/actions"
	"sd/actions/steps"
	"sd/actions/syncs"
	"sd/backends"
	"sd/internal/services"
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
)

// sky is a library with a volume of each of some services.
type sky struct {
	testing.TB
	lib      *library.Library
	resolver *resolver.Resolver
	volumes  map[string]*services.Running // by the service's name
	stores   map[string]backends.Backend
}

func newSky(t testing.TB, names ...string) *sky {
	t.Helper()
	s := &sky{TB: t, volumes: map[string]*services.Running{}, stores: map[string]backends.Backend{}}
	open := func(_ context.Context, v library.Volume) (backends.Backend, error) {
		for name, r := range s.volumes {
			if r.Service == v.Service && r.Identifier == v.Identifier {
				return s.stores[name], nil
			}
		}
		return nil, fmt.Errorf("no volume %s", v.MountPoint)
	}
	factories := map[sdpath.Service]resolver.Factory{}
	for _, service := range sdpath.Services() {
		factories[service] = open
	}
	var err error
	s.lib, err = library.Open(context.Background(), t.TempDir(), "")
	s.must(err)
	t.Cleanup(func() { s.must(s.lib.Close()) })
	s.resolver, err = resolver.New(s.lib, factories)
	s.must(err)
	t.Cleanup(func() { s.must(s.resolver.Close()) })
	for _, service := range services.Named(names...) {
		r := service.Start(t)
		b, err := r.Direct.Open(services.Patient)
		s.must(err)
		s.volumes[service.Name], s.stores[service.Name] = r, b
		_, err = s.resolver.AddCloud(context.Background(), resolver.CloudVolume{
			Name: service.Name, Service: r.Service, Identifier: r.Identifier, Config: r.Direct.Config,
		})
		s.must(err)
	}
	return s
}

func (s *sky) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// uri names something in a service's volume.
func (s *sky) uri(service, name string) string {
	v := s.volumes[service]
	return fmt.Sprintf("%s://%s/%s", v.Service, v.Identifier, name)
}

func (s *sky) put(service, name, content string) {
	s.Helper()
	_, err := s.stores[service].(backends.Putter).Put(context.Background(), name, strings.NewReader(content), int64(len(content)),
		backends.Meta{ModTime: time.Unix(1_600_000_000, 123_456_789)}, backends.Cond{})
	s.must(err)
}

func (s *sky) read(service, name string) []byte {
	s.Helper()
	r, _, err := s.stores[service].Get(context.Background(), name, "", 0, -1)
	s.must(err)
	defer r.Close()
	data, err := io.ReadAll(r)
	s.must(err)
	return data
}

// run plans and does, and gives what was planned.
func (s *sky) run(t *testing.T, spec steps.Spec) steps.Summary {
	t.Helper()
	e := actions.New(actions.Config{Library: s.lib, Resolver: s.resolver})
	defer e.Close()
	if spec.Action == steps.Sync {
		spec.Options.Found = syncs.NewFound()
	}
	d, err := e.Plan(t.Context(), spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Discard()
	sum := d.Summary()
	if sum.Steps == 0 {
		return sum
	}
	job, err := d.Commit(context.Background(), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Run(t.Context(), job, nil); err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestSyncBetweenServices mirrors a folder from each service to each other and to itself: the
// bytes are equal, and the second time there is nothing to do.
func TestSyncBetweenServices(t *testing.T) {
	list := []string{"s3", "gcs", "azblob", "gdrive", "onedrive", "dropbox", "webdav"}
	s := newSky(t, list...)
	files := map[string]string{
		"small": "a small one", "empty": "", "sub/Größe – 1 + 1.txt": "ü", "sub/deep/middle": strings.Repeat("0123456789abcdef", 10_000),
	}
	large := bytes.Repeat([]byte("0123456789abcdeF"), (9<<20)/16)
	for _, name := range list {
		for file, content := range files {
			s.put(name, "src/"+file, content)
		}
	}
	s.put("s3", "large/file", string(large))
	for _, from := range list {
		for _, to := range list {
			t.Run(from+" to "+to, func(t *testing.T) {
				mirror := steps.Spec{
					Action: steps.Sync, Sources: []steps.Source{{URI: s.uri(from, "src")}}, Target: steps.Source{URI: s.uri(to, "from-"+from)},
					Options: steps.Options{Mode: steps.Mirror},
				}
				sum := s.run(t, mirror)
				for _, file := range slices.Sorted(maps.Keys(files)) {
					if got := s.read(to, "from-"+from+"/"+file); string(got) != files[file] {
						t.Errorf("%s has %d other bytes, want %d", file, len(got), len(files[file]))
					}
				}
				if from == to && sum.Through > 0 {
					t.Errorf("%d bytes pass through this process, want none", sum.Through)
				}
				if again := s.run(t, mirror); again.Steps != 0 {
					t.Errorf("the second time there are %d steps, want none", again.Steps)
				}
			})
		}
	}
	for _, to := range list {
		t.Run("a large file to "+to, func(t *testing.T) {
			for _, hop := range []struct{ from, file, to, name string }{
				{"s3", "large/file", to, "large/to " + to}, {to, "large/to " + to, "s3", "large/back from " + to},
			} {
				s.run(t, steps.Spec{
					Action: steps.Copy, Sources: []steps.Source{{URI: s.uri(hop.from, hop.file)}}, Target: steps.Source{URI: s.uri(hop.to, hop.name)},
				})
				if got := s.read(hop.to, hop.name); !bytes.Equal(got, large) {
					t.Errorf("%s in %s has %d other bytes", hop.name, hop.to, len(got))
				}
			}
		})
	}
}
