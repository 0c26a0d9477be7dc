package rclone

import (
	"maps"
	"testing"

	"sd/backends"
	"sd/internal/clouds"
)

// TestNamesThatAreNearlyOne has files side by side whose names a full folding of Unicode makes
// one, and the services do not: each is read, written and removed by itself.
func TestNamesThatAreNearlyOne(t *testing.T) {
	c := clouds.Start(t)
	for _, kind := range []string{"onedrive", "dropbox"} {
		t.Run(kind, func(t *testing.T) {
			srv := serviceOf(c, kind)
			seed(c, kind, "d/Masse.txt", "ss")
			seed(c, kind, "d/Maße.txt", "sz")
			seed(c, kind, "e/file", "plain")
			s := open(t, cloudConfig(c, kind))
			names(t, s, "d")
			for name, want := range map[string]string{"d/Masse.txt": "ss", "d/Maße.txt": "sz", "D/MASSE.TXT": "ss", "d/maße.txt": "sz"} {
				if got := read(t, s, name, ""); got != want {
					t.Errorf("%s holds %q, want %q", name, got, want)
				}
			}
			put(t, s, "e/ﬁle", "ligature")
			names(t, s, "d")
			if err := s.Remove(t.Context(), "d/Masse.txt", backends.Cond{}); err != nil {
				t.Error(err)
			}
			want := map[string]string{"d/Maße.txt": "sz", "e/file": "plain", "e/ﬁle": "ligature"}
			if got := files(srv); !maps.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
