package library

import (
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"sd/sdpath"
)

func TestNameFromHost(t *testing.T) {
	id := uuid.MustParse("550e8400-e29b-41d4-a716-446655440000")
	for host, want := range map[string]string{
		"mac": "mac", "mac.example.org": "mac", "DESKTOP-1": "DESKTOP-1", "": "device-550e8400", "...": "device-550e8400", "local": "device-550e8400",
		"--": "device-550e8400", "localhost": "localhost",
	} {
		if got := nameFromHost(host, id); got != want {
			t.Errorf("nameFromHost(%q) = %q, want %q", host, got, want)
		}
	}
}

func TestAddAndRenameDevices(t *testing.T) {
	ctx, data := t.Context(), t.TempDir()
	l := mustOpen(t, data, "")
	mac, err := l.AddDevice(ctx, Device{ID: uuid.New(), Name: "Jamie's MacBook Pro"})
	if err != nil || mac.Slug != "jamies-macbook-pro" || mac.Created.IsZero() {
		t.Fatalf("AddDevice = %v, %v", mac, err)
	}
	if _, err := l.AddDevice(ctx, Device{ID: mac.ID, Name: "x"}); !errors.Is(err, iofs.ErrExist) {
		t.Errorf("adding a device again: %v, want ErrExist", err)
	}
	var taken *SlugTakenError
	if _, err := l.AddDevice(ctx, Device{ID: uuid.New(), Name: "JAMIES macbook pro"}); !errors.As(err, &taken) || taken.Other.ID != mac.ID {
		t.Errorf("adding a device with a taken slug: %v", err)
	}
	if _, err := l.RenameDevice(ctx, l.ThisDevice().ID, "jamies-macbook-pro"); !errors.As(err, &taken) || !strings.Contains(err.Error(), "choose another name") {
		t.Errorf("renaming to a taken slug: %v", err)
	}
	var empty *sdpath.EmptySlugError
	if _, err := l.RenameDevice(ctx, mac.ID, "''"); !errors.As(err, &empty) {
		t.Errorf("renaming to nothing: %v", err)
	}
	for _, name := range []string{"Local", uuid.NewString(), strings.Repeat("x", 256)} {
		var bad *DeviceNameError
		if _, err := l.RenameDevice(ctx, mac.ID, name); !errors.As(err, &bad) {
			t.Errorf("renaming to %q: %v, want a DeviceNameError", name, err)
		}
	}
	if _, err := l.RenameDevice(ctx, uuid.New(), "x"); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("renaming an unknown device: %v, want ErrNotExist", err)
	}
	for _, name := range []string{"Jamie’s Mac", "jamies mac"} { // the second keeps the slug
		if d, err := l.RenameDevice(ctx, mac.ID, name); err != nil || d.Slug != "jamies-mac" || d.Name != name || d.ID != mac.ID {
			t.Errorf("RenameDevice = %v, %v", d, err)
		}
	}
	if d, err := l.RenameDevice(ctx, l.ThisDevice().ID, "Mine"); err != nil || l.ThisDevice() != d || d.Slug != "mine" {
		t.Errorf("RenameDevice = %v, %v; this device is %v", d, err, l.ThisDevice())
	}
	l.Close()
	if d := mustOpen(t, data, "").ThisDevice(); d.Slug != "mine" {
		t.Errorf("after reopening this device is %v", d)
	}
	other, err := Create(ctx, data, "other")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if d := other.ThisDevice(); d.Slug != "mine" {
		t.Errorf("in a new library this device is %v", d)
	}
}

// A library is carried to a second machine that has the same name.
func TestTwoDevicesOfOneName(t *testing.T) {
	for _, renamed := range []string{"this", "other"} {
		ctx, first, second := t.Context(), t.TempDir(), t.TempDir()
		l := mustOpen(t, first, "")
		other := l.ThisDevice()
		l.Close()
		if err := os.CopyFS(filepath.Join(second, "libraries"), os.DirFS(filepath.Join(first, "libraries"))); err != nil {
			t.Fatal(err)
		}
		_, err := Open(ctx, second, "default")
		var taken *SlugTakenError
		if !errors.As(err, &taken) || taken.Other.ID != other.ID || !strings.Contains(err.Error(), "sd device rename local NEW-NAME") ||
			!strings.Contains(err.Error(), "sd device rename "+other.Slug+" NEW-NAME") {
			t.Fatalf("Open: %v, want a SlugTakenError that tells how to rename", err)
		}

		l, err = OpenForRename(ctx, second, "default")
		if err != nil {
			t.Fatal(err)
		}
		id := other.ID
		if renamed == "this" {
			id = l.ThisDevice().ID
		}
		if _, err := l.RenameDevice(ctx, id, "another"); err != nil {
			t.Error(err)
		}
		l.Close()
		l = mustOpen(t, second, "default")
		devices, err := l.Devices(ctx)
		if err != nil || len(devices) != 2 {
			t.Errorf("Devices = %v, %v, want two", devices, err)
		}
		l.Close()
	}
}

func TestDamagedIdentity(t *testing.T) {
	data := t.TempDir()
	mustOpen(t, data, "").Close()
	path := filepath.Join(data, "device.json")
	for _, content := range []string{"", "{", "{}", `{"id":"550e8400-e29b-41d4-a716-446655440000","name":""}`, `{"id":"x","name":"y"}`} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		var damaged *IdentityError
		if _, err := Open(t.Context(), data, ""); !errors.As(err, &damaged) {
			t.Errorf("with %q: %v, want an IdentityError", content, err)
		}
		if got, _ := os.ReadFile(path); string(got) != content {
			t.Errorf("the file with %q was changed to %q", content, got)
		}
	}
}
