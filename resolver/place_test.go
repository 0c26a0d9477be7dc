package resolver

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"sd/library"
	"sd/library/catalog"
	"sd/sdpath"
)

func TestPlaces(t *testing.T) {
	ctx := t.Context()
	lib := openLibrary(t, t.TempDir())
	r, _ := newResolver(t, lib)
	this := r.ThisDevice()
	other, err := lib.AddDevice(ctx, library.Device{ID: uuid.New(), Name: "Old Laptop"})
	if err != nil {
		t.Fatal(err)
	}
	v := mustAdd(t, r, CloudVolume{Service: sdpath.S3, Identifier: "photos", Config: map[string]string{"endpoint": "http://a"}})
	mustAdd(t, r, CloudVolume{Service: sdpath.S3, Identifier: "photos", Config: map[string]string{"endpoint": "http://b"}})

	here, there, cloud := catalog.DevicePlace(this.ID), catalog.DevicePlace(other.ID), catalog.VolumePlace(v.Fingerprint)
	for _, tt := range []struct {
		place catalog.Place
		path  string
		uri   string
	}{
		{here, "", "local://" + this.Slug},
		{here, "home/ann/a b.pdf", "local://" + this.Slug + "/home/ann/a b.pdf"},
		{here, "C:/x", "local://" + this.Slug + "//C:/x"},
		{here, "bad\xff\nname", "local://" + this.Slug + "/bad\xff\nname"},
		{there, "home", "local://old-laptop/home"},
		{cloud, "", "s3://photos"},
		{cloud, "2024/a.jpg", "s3://photos/2024/a.jpg"},
		{cloud, "/lead//x", "s3://photos//lead//x"},
	} {
		p, err := r.URI(tt.place, tt.path)
		if err != nil || p.String() != tt.uri {
			t.Errorf("URI(%s, %q) = %v, %v, want %s", tt.place, tt.path, p, err, tt.uri)
			continue
		}
		again, err := sdpath.Parse(tt.uri)
		if err != nil || again != p {
			t.Errorf("Parse(%q) = %#v, %v, want %#v", tt.uri, again, err, p)
		}
		place, path, err := r.Placed(p)
		if err != nil || place != tt.place || path != tt.path {
			t.Errorf("Placed(%s) = %s, %q, %v, want %s, %q", p, place, path, err, tt.place, tt.path)
		}
	}

	folder := sdpath.Cloud{Service: sdpath.S3, Identifier: "photos", Path: "2024/"}
	if _, path, err := r.Placed(folder); err != nil || path != "2024" {
		t.Errorf("Placed(%s) = %q, %v, want 2024", folder, path, err)
	}
	if place, _, err := r.Placed(sdpath.Physical{DeviceSlug: "local", Path: "/etc"}); err != nil || place != here {
		t.Errorf("Placed of this device by its general name = %s, %v, want %s", place, err, here)
	}
	if _, _, err := r.Placed(sdpath.Content{ID: uuid.New()}); err == nil {
		t.Error("a Content is at a place")
	}
	var noDevice *DeviceNotFoundError
	if _, err := r.URI(catalog.DevicePlace(uuid.New()), "x"); !errors.As(err, &noDevice) {
		t.Errorf("URI of an unknown device: %v, want a DeviceNotFoundError", err)
	}
	var noVolume *VolumeNotFoundError
	if _, err := r.URI(catalog.VolumePlace("gone"), "x"); !errors.As(err, &noVolume) {
		t.Errorf("URI of an unknown volume: %v, want a VolumeNotFoundError", err)
	}
	if _, err := r.URI("moon:1", "x"); err == nil {
		t.Error("an unknown kind of place has a URI")
	}
}
