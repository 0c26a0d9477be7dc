package testserver

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
)

func TestAzurite(t *testing.T) {
	a := NewAzurite(t, "one")
	c := a.MustContainer(t, "one")
	if _, err := c.NewBlockBlobClient("a b/ü").UploadBuffer(t.Context(), []byte("text"), nil); err != nil {
		t.Fatal(err)
	}
	got, err := c.NewBlobClient("a b/ü").GetProperties(t.Context(), nil)
	if err != nil || *got.ContentLength != 4 {
		t.Errorf("got %v, %v, want a blob of 4 bytes", got.ContentLength, err)
	}
	_, err = a.MustContainer(t, "none").GetProperties(t.Context(), nil)
	if !bloberror.HasCode(err, bloberror.ContainerNotFound) {
		t.Errorf("a container that was not made: got %v, want ContainerNotFound", err)
	}
}
