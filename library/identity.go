package library

import (
	"context"
	"encoding/json"
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
)

// identity is who this device is, in all libraries of a data directory. The name is the
// one it brings to a library that does not know it yet.
type identity struct {
	ID      uuid.UUID `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`

	path string
}

func (id *identity) device() Device {
	slug, _ := deviceSlug(id.Name) // checked when it was read
	return Device{ID: id.ID, Name: id.Name, Slug: slug, Created: id.Created}
}

// loadIdentity reads the identity of dataDir and makes it at first use. Processes that
// come at once all get the same.
func loadIdentity(ctx context.Context, dataDir string) (*identity, error) {
	path := filepath.Join(dataDir, "device.json")
	id, err := readIdentity(path)
	if !errors.Is(err, iofs.ErrNotExist) {
		return id, err
	}
	unlock, err := lock(ctx, dataDir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if id, err := readIdentity(path); !errors.Is(err, iofs.ErrNotExist) {
		return id, err
	}
	host, _ := os.Hostname() // without one the id serves
	id = &identity{ID: uuid.New(), Created: time.UnixMilli(time.Now().UnixMilli()).UTC(), path: path}
	id.Name = nameFromHost(host, id.ID)
	return id, id.save()
}

func readIdentity(path string) (*identity, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, access(path, err)
	}
	id := &identity{path: path}
	if err := json.Unmarshal(data, id); err != nil {
		return nil, &IdentityError{Path: path, Err: err}
	}
	if id.ID == uuid.Nil {
		return nil, &IdentityError{Path: path, Err: errors.New("it has no id")}
	}
	if _, err := deviceSlug(id.Name); err != nil {
		return nil, &IdentityError{Path: path, Err: err}
	}
	return id, nil
}

func (id *identity) save() error {
	data, err := json.MarshalIndent(id, "", "\t")
	if err != nil {
		return err
	}
	return writeFile(id.path, append(data, '\n'))
}

// nameFromHost is the first label of the host's name, or one made of the id where that
// label makes no slug.
func nameFromHost(host string, id uuid.UUID) string {
	label, _, _ := strings.Cut(host, ".")
	if _, err := deviceSlug(label); err != nil {
		return "device-" + id.String()[:8]
	}
	return label
}
