package resolver

import (
	"maps"
	"testing"

	"sd/sdpath"
)

// TestFingerprints stay what they were, and tell apart what came later.
func TestFingerprints(t *testing.T) {
	bucket := CloudVolume{Service: sdpath.S3, Identifier: "photos", Config: map[string]string{
		"endpoint": "HTTPS://NAS:9000/", "region": "us-east-1", "access_key_id": "AKID", "dialect": "minio",
	}}
	if got, want := bucket.Fingerprint(), "f81af7c36c713e35efc6337a889db275"; got != want {
		t.Errorf("got %s, want %s: the volumes that users have would be others", got, want)
	}
	seen := map[string]string{}
	for _, change := range []string{"", "account", "auth", "credentials_file", "drive_id", "root", "folder", "config_file"} {
		c := CloudVolume{Service: sdpath.GDrive, Identifier: "My Drive", Config: map[string]string{"client_id": "i"}}
		if change != "" {
			c.Config = maps.Clone(c.Config)
			c.Config[change] = "x"
		}
		if other, twice := seen[c.Fingerprint()]; twice {
			t.Errorf("%q and %q make the same volume", change, other)
		}
		seen[c.Fingerprint()] = change
	}
}
