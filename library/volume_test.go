package library

import (
	"errors"
	iofs "io/fs"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestVolumes(t *testing.T) {
	ctx, data := t.Context(), t.TempDir()
	l := mustOpen(t, data, "")
	now := time.UnixMilli(time.Now().UnixMilli()).UTC()
	want := []Volume{
		{Fingerprint: "f1", Service: "s3", Identifier: "b", MountPoint: "s3://b", Name: "one", Kind: "cloud", Medium: "network",
			Config: map[string]string{"region": "eu-west-1", "access_key_id": "AK"}, Created: now},
		{Fingerprint: "f2", Service: "s3", Identifier: "old", Name: "two", Kind: "cloud", Config: map[string]string{}, Created: now},
		{Fingerprint: "f3", Service: "s3", Identifier: "old", Name: "three", Kind: "cloud", Config: map[string]string{}, Created: now},
		{Fingerprint: "f4", Identifier: "/", Name: "one", Kind: "system", Medium: "ssd", DeviceID: l.ThisDevice().ID, Config: map[string]string{}, Created: now},
	}
	for _, v := range want {
		if err := l.AddVolume(ctx, v); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		volume Volume
		field  string
	}{
		{Volume{Fingerprint: "f1", Name: "x"}, "fingerprint"},
		{Volume{Fingerprint: "f9", Name: "one"}, "name"},
		{Volume{Fingerprint: "f9", Name: "x", MountPoint: "s3://b"}, "mount point"},
	} {
		var conflict *VolumeConflictError
		if err := l.AddVolume(ctx, tt.volume); !errors.As(err, &conflict) || conflict.Field != tt.field || conflict.Existing.Fingerprint != "f1" {
			t.Errorf("AddVolume(%v): %v, want a conflict of the %s", tt.volume, err, tt.field)
		}
	}
	if err := l.AddVolume(ctx, Volume{Fingerprint: "f9", Name: "x", Config: map[string]string{"Secret_Access_Key": "hunter2"}}); err == nil {
		t.Error("a secret was taken into the config")
	}
	if err := l.AddVolume(ctx, Volume{Fingerprint: "f9", Name: "x", DeviceID: uuid.New()}); err == nil {
		t.Error("a volume of an unknown device was added")
	}
	l.Close()

	l = mustOpen(t, data, "")
	if got, err := l.Volumes(ctx); !reflect.DeepEqual(got, want) || err != nil {
		t.Errorf("Volumes = %v, %v, want %v", got, err, want)
	}
	if err := l.RemoveVolume(ctx, "f1"); err != nil {
		t.Error(err)
	}
	if err := l.RemoveVolume(ctx, "f1"); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("second RemoveVolume: %v, want ErrNotExist", err)
	}
	if err := l.AddVolume(ctx, want[0]); err != nil {
		t.Errorf("adding a removed volume again: %v", err)
	}
}
