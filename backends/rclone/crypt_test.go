package rclone

import (
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/clouds"

	"github.com/rclone/rclone/fs/config/obscure"
)

// cryptConfig is how a remote is opened that encrypts a service of c.
func cryptConfig(c *clouds.Clouds, kind string) Config {
	cfg := cloudConfig(c, kind)
	options := maps.Clone(cfg.Options)
	secrets, _ := cfg.Secrets()
	maps.Copy(options, secrets)
	below := &Remote{Name: "below", Type: kind, Options: options}
	crypt := &Remote{Name: "secret", Type: "crypt", Options: map[string]string{"remote": "below:", "password": obscure.MustObscure("hidden")}}
	others := map[string]*Remote{"below": below, "secret": crypt}
	below.others, crypt.others = others, others
	return Config{Remote: crypt, HTTPProxy: cfg.HTTPProxy, CACert: cfg.CACert}
}

var errDisk = errors.New("the disk is broken")

// broken can be read up to a place.
type broken struct {
	*strings.Reader
	end int64
}

func (b *broken) Read(p []byte) (int, error) {
	at, _ := b.Seek(0, io.SeekCurrent)
	if at >= b.end {
		return 0, errDisk
	}
	return b.Reader.Read(p[:min(int64(len(p)), b.end-at)])
}

// TestSourceFails has what is to be sent fail in the middle: the old file stays as it was, also
// below a remote that encrypts.
func TestSourceFails(t *testing.T) {
	c := clouds.Start(t)
	old := strings.Repeat("0123456789abcdef", 1<<16)
	for _, kind := range kinds {
		for how, cfg := range map[string]Config{"plain": cloudConfig(c, kind), "crypt": cryptConfig(c, kind)} {
			t.Run(kind+"/"+how, func(t *testing.T) {
				serviceOf(c, kind).Clean()
				cfg.Patience, cfg.Stall = time.Minute, time.Minute // the machine may be busy
				s := open(t, cfg)
				put(t, s, "file", old)
				source := &broken{strings.NewReader(strings.ToUpper(old)), 600_000}
				if _, err := s.Put(t.Context(), "file", source, int64(len(old)), backends.Meta{}, backends.Cond{}); !errors.Is(err, errDisk) {
					t.Errorf("got %v, want %v", err, errDisk)
				}
				if got := read(t, open(t, cfg), "file", ""); got != old {
					t.Errorf("%d bytes are there, want the old ones", len(got))
				}
			})
		}
	}
}

// TestMayEndInDrive asks of remotes that stand on others whether their bytes may come to Google.
func TestMayEndInDrive(t *testing.T) {
	remotes := map[string]*Remote{}
	for _, r := range []Remote{
		{Name: "gd", Type: "drive"}, {Name: "nas", Type: "webdav"},
		{Name: "over gd", Type: "crypt", Options: map[string]string{"remote": "gd:folder"}},
		{Name: "twice", Type: "chunker", Options: map[string]string{"remote": "over gd:"}},
		{Name: "over nas", Type: "crypt", Options: map[string]string{"remote": "nas:"}},
		{Name: "union", Type: "union", Options: map[string]string{"upstreams": "nas: gd:"}},
		{Name: "over union", Type: "crypt", Options: map[string]string{"remote": "union:"}},
		{Name: "by options", Type: "alias", Options: map[string]string{"remote": ":drive,scope=drive:"}},
		{Name: "changed", Type: "crypt", Options: map[string]string{"remote": "gd,scope=drive:"}},
	} {
		r.others = remotes
		remotes[r.Name] = &r
	}
	for name, want := range map[string]bool{
		"gd": true, "nas": false, "over gd": true, "twice": true, "over nas": false, "union": true, "over union": true, "by options": true, "changed": true,
	} {
		if got := remotes[name].mayEndInDrive(); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}
