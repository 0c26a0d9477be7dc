package services

import (
	"fmt"
	"maps"
	"sync"

	"sd/backends"
	"sd/backends/rclone"
	"sd/sdpath"
)

// openDrive opens gdrive, onedrive or dropbox. Renewed tokens are kept in memory.
func openDrive(v Volume, l Limits) (backends.Backend, error) {
	kept := &tokens{secret: maps.Clone(v.Secret)}
	c := rclone.Config{
		Name: v.Identifier, Root: v.Config["folder"], Options: map[string]string{"client_id": v.Config["client_id"]},
		Secrets: kept.all, SaveToken: kept.save, HTTPProxy: v.Proxy, CACert: v.CACert,
		Patience: l.Patience, Stall: l.Stall, ProbeEvery: l.ProbeEvery, Poll: l.Poll,
	}
	switch v.Service {
	case sdpath.GDrive:
		c.Type = "drive"
		c.Options["pacer_min_sleep"] = "1ms" // a fake has no quota
		switch v.Config["root"] {
		case "shared-with-me":
			c.Options["shared_with_me"] = "true"
		case "drive":
			c.Options["team_drive"] = v.Config["drive_id"]
		}
	case sdpath.OneDrive:
		c.Type = "onedrive"
		c.Options["drive_id"], c.Options["drive_type"] = v.Config["drive_id"], v.Config["drive_type"]
	default:
		c.Type = "dropbox"
	}
	return rclone.New(c)
}

// openRemote opens a remote of a configuration file of rclone's.
func openRemote(v Volume, l Limits) (backends.Backend, error) {
	list, err := rclone.ReadConfig(v.Config["config_file"], func() (string, error) { return v.Secret["config_password"], nil })
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Name == v.Identifier {
			kept := &tokens{secret: maps.Clone(v.Secret)}
			return rclone.New(rclone.Config{
				Name: v.Identifier, Remote: &list[i], Secrets: kept.all, SaveToken: kept.save, HTTPProxy: v.Proxy, CACert: v.CACert,
				Patience: l.Patience, Stall: l.Stall, ProbeEvery: l.ProbeEvery, Poll: l.Poll,
			})
		}
	}
	return nil, fmt.Errorf("%s has no remote %q", v.Config["config_file"], v.Identifier)
}

// tokens are the secrets of an open volume.
type tokens struct {
	mu     sync.Mutex
	secret map[string]string
}

func (t *tokens) all() (map[string]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.secret), nil
}

func (t *tokens) save(token string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.secret == nil {
		t.secret = map[string]string{}
	}
	t.secret["token"] = token
	return nil
}
