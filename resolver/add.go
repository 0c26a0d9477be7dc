package resolver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	iofs "io/fs"
	"net/url"
	"strings"
	"unicode"

	"sd/library"
	"sd/sdpath"
)

// CloudVolume is what AddCloud needs to know.
type CloudVolume struct {
	// Name is the user's name for it; "" takes that of the mount point.
	Name    string
	Service sdpath.Service
	// Identifier is the bucket, container, drive or top folder.
	Identifier string
	// Config is kept in the library: endpoint, region, profile, access_key_id, anonymous, …; no
	// secret. These five make the fingerprint, with service, identifier and what of account,
	// auth, credentials_file, drive_id, root, folder and config_file is given.
	Config map[string]string
}

// Fingerprint names the volume for ever. It is the same on every device; another endpoint,
// region or credential makes another volume.
func (c CloudVolume) Fingerprint() string {
	parts := []string{"cloud", string(c.Service), c.Identifier, canonicalEndpoint(c.Config["endpoint"])}
	for _, key := range []string{"region", "profile", "access_key_id", "anonymous"} {
		parts = append(parts, c.Config[key])
	}
	// Those that came later count only where they are given, so that older volumes stay
	// what they are.
	for _, key := range []string{"account", "auth", "credentials_file", "drive_id", "root", "folder", "config_file"} {
		if text := c.Config[key]; text != "" {
			parts = append(parts, key+"="+text)
		}
	}
	return fingerprint(parts...)
}

func fingerprint(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// canonicalEndpoint writes equal endpoints in one way.
func canonicalEndpoint(endpoint string) string {
	if endpoint == "" {
		return ""
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return endpoint
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if port := u.Port(); u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u.String()
}

// AddCloud adds a cloud volume and gives it a mount point of its own: the bucket's name, or
// that with -2, -3, … It asks the service nothing. The same volume again, or a Name that is
// taken, is a *library.VolumeConflictError.
func (r *Resolver) AddCloud(ctx context.Context, c CloudVolume) (*Volume, error) {
	if err := r.check(c); err != nil {
		return nil, err
	}
	row := library.Volume{
		Fingerprint: c.Fingerprint(), Service: c.Service, Identifier: c.Identifier,
		Name: c.Name, Kind: KindCloud, Medium: MediumNetwork, Config: c.Config,
	}
	for n := 1; ; n++ {
		ident := mountName(c.Identifier, n)
		row.MountPoint = string(c.Service) + "://" + ident
		if c.Name == "" {
			row.Name = ident
		}
		err := r.lib.AddVolume(ctx, row)
		var conflict *library.VolumeConflictError
		if errors.As(err, &conflict) && (conflict.Field == "mount point" || conflict.Field == "name" && c.Name == "") {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := r.Reload(ctx); err != nil {
			return nil, err
		}
		return r.FindCloudVolume(c.Service, ident)
	}
}

func (r *Resolver) check(c CloudVolume) error {
	if s, err := sdpath.ParseService(string(c.Service)); err != nil {
		return err
	} else if s != c.Service || r.factories[s] == nil {
		return &NoDriverError{Service: c.Service}
	}
	if c.Identifier == "" {
		return fmt.Errorf("a volume of %s needs the name of its bucket or drive", c.Service)
	}
	if strings.TrimSpace(c.Name) != c.Name || strings.Contains(c.Name, "://") ||
		strings.ContainsFunc(c.Name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("volume name %q cannot be used: choose one without \"://\" and without spaces at its ends", c.Name)
	}
	if endpoint := c.Config["endpoint"]; endpoint != "" {
		u, err := url.Parse(endpoint)
		switch {
		case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
			return errors.New("the endpoint is no URL: write it as in https://s3.example.com") // not shown: it may hold a secret
		case u.User != nil || u.RawQuery != "":
			return errors.New("the endpoint must not hold a user, a password or a query: give the key in another way")
		}
	}
	return nil
}

// Find returns the cloud volume that the user calls ref: by name, by mount point ("s3://b") or
// by fingerprint. It opens nothing.
func (r *Resolver) Find(ctx context.Context, ref string) (*Volume, error) {
	if err := r.Reload(ctx); err != nil {
		return nil, err
	}
	st := r.state.Load()
	if e := st.byFingerprint[ref]; e != nil {
		return e.volume(), nil
	}
	var known []string
	for _, e := range st.volumes {
		if e.info.Name == ref {
			return e.volume(), nil
		}
		known = append(known, e.info.Name)
	}
	p, err := sdpath.Parse(ref)
	if cloud, ok := p.(sdpath.Cloud); err == nil && ok && cloud.Path == "" {
		return r.FindCloudVolume(cloud.Service, cloud.Identifier)
	}
	return nil, &VolumeNotFoundError{Identifier: ref, Known: known}
}

// Remove forgets the cloud volume that Find finds for ref and returns it as it was. Its objects
// stay where they are, and those who hold the *Volume can go on using it.
func (r *Resolver) Remove(ctx context.Context, ref string) (*Volume, error) {
	v, err := r.Find(ctx, ref)
	if err != nil {
		return nil, err
	}
	if err := r.lib.RemoveVolume(ctx, v.Fingerprint); errors.Is(err, iofs.ErrNotExist) {
		return nil, &VolumeNotFoundError{Identifier: ref} // another process was faster
	} else if err != nil {
		return nil, err
	}
	return v, r.Reload(ctx)
}
