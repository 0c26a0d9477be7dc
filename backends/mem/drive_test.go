package mem_test

import (
	"testing"

	"sd/backends"
	"sd/backends/backendtest"
	"sd/backends/mem"
)

// options are those of the stores here that keep documents, one page of a few entries each.
func options(of func(backends.Backend) *mem.Store) backendtest.Options {
	return backendtest.Options{
		PageSize: 3,
		Documents: func(t testing.TB, b backends.Backend, files map[string]string) {
			for name, content := range files {
				if err := of(b).Document(name, content); err != nil {
					t.Fatal(err)
				}
			}
		},
		Others: func(_ testing.TB, b backends.Backend) backends.Backend { return of(b) },
	}
}

func TestFolding(t *testing.T) {
	t.Parallel()
	backendtest.Run(t, func(*testing.T) backends.Backend {
		return mem.NewFolding(mem.Config{PageSize: 3, Limits: backends.UploadLimits{MinPart: 100_000}})
	}, options(func(b backends.Backend) *mem.Store { return b.(mem.Folding).Store }))
}

func TestFoldingDrive(t *testing.T) {
	t.Parallel()
	backendtest.Run(t, func(*testing.T) backends.Backend {
		return mem.NewFoldingDrive(mem.Config{PageSize: 3})
	}, options(func(b backends.Backend) *mem.Store { return b.(mem.FoldingDrive).Store() }))
}

// A drive offers nothing that makes it an object store.
func TestDriveLacks(t *testing.T) {
	b := backends.Backend(mem.NewFoldingDrive(mem.Config{}))
	for what, offered := range map[string]bool{
		"Copier": is[backends.Copier](b), "Uploader": is[backends.Uploader](b),
		"Walker": is[backends.Walker](b), "Undeleter": is[backends.Undeleter](b),
	} {
		if offered {
			t.Errorf("it offers %s", what)
		}
	}
}

func is[Verb any](b backends.Backend) bool {
	_, ok := b.(Verb)
	return ok
}
