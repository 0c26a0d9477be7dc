package testserver

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// NewAzurite starts Azurite with the given containers for the length of a test.
func NewAzurite(t testing.TB, containers ...string) *Azurite {
	t.Helper()
	a, err := StartAzurite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Stop(); err != nil {
			t.Errorf("stop Azurite: %v", err)
		}
	})
	for _, name := range containers {
		if err := a.MakeContainer(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// MustContainer is Container for tests.
func (a *Azurite) MustContainer(t testing.TB, name string) *container.Client {
	t.Helper()
	c, err := a.Container(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
