package guardian

import (
	"context"
	"net/url"
	"strings"

	"sd/library/catalog"
	"sd/resolver"
)

// Media besides those of package resolver.
const (
	mediumRAM   = resolver.MediumRAM
	mediumCloud = "cloud" // a cloud volume's; a file server's is resolver.MediumNetwork
)

// An atlas tells where the catalog's places and paths lie, as of one moment. It answers
// from memory. It is not safe for concurrent use.
type atlas struct {
	here  catalog.Place                      // this device
	local func(path string) *resolver.Volume // of an absolute path here; nil: not known
	names map[catalog.Place]string           // devices by slug, volumes by root URI
	cloud map[catalog.Place]*Site            // volumes on one bucket share a Site
	sites map[*resolver.Volume]*Site         // file systems here
	away  map[catalog.Place]*Site            // other devices
	dir   string                             // whose Site is at, since most come in runs
	at    *Site
}

// atlas reads what there is now.
func (g *Guardian) atlas(ctx context.Context) (*atlas, error) {
	locals, err := g.resolver.Locals()
	if err != nil {
		return nil, err
	}
	volumes, err := g.resolver.Volumes(ctx, "")
	if err != nil {
		return nil, err
	}
	a := newAtlas(catalog.DevicePlace(g.resolver.ThisDevice().ID), func(path string) *resolver.Volume {
		v, _ := locals.At(path)
		return v
	})
	for _, d := range g.resolver.Devices() {
		a.names[catalog.DevicePlace(d.ID)] = d.Slug
	}
	for _, v := range volumes {
		a.addCloud(v)
	}
	return a, nil
}

func newAtlas(here catalog.Place, local func(string) *resolver.Volume) *atlas {
	return &atlas{
		here: here, local: local,
		names: map[catalog.Place]string{}, cloud: map[catalog.Place]*Site{},
		sites: map[*resolver.Volume]*Site{}, away: map[catalog.Place]*Site{},
	}
}

// addCloud adds a volume. One that is another way to the same bucket, with another key
// perhaps, is the same Site: its objects are no copies of one another.
func (a *atlas) addCloud(v *resolver.Volume) {
	place := catalog.VolumePlace(v.Fingerprint)
	a.names[place] = string(v.Service) + "://" + v.Identifier
	bucket := strings.Join([]string{string(v.Service), endpoint(v.Info.Config["endpoint"]), v.Info.Identifier}, " ")
	for _, s := range a.cloud {
		if s.Volume == bucket {
			a.cloud[place] = s
			return
		}
	}
	a.cloud[place] = &Site{Device: a.names[place], Medium: mediumCloud, Volume: bucket}
}

// endpoint is what of an endpoint's URL tells one server from another.
func endpoint(text string) string {
	u, err := url.Parse(strings.ToLower(text))
	if err != nil || u.Host == "" {
		return strings.ToLower(text)
	}
	port := u.Port()
	if port == "443" || port == "80" {
		port = ""
	}
	return u.Hostname() + ":" + port + strings.TrimRight(u.Path, "/")
}

// site is where path of place lies. Equal Sites are the same pointer.
func (a *atlas) site(place catalog.Place, path string) *Site {
	if s := a.cloud[place]; s != nil {
		return s
	}
	if place != a.here || a.local == nil {
		return a.elsewhere(place)
	}
	dir := ""
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir = path[:i]
	}
	if a.at == nil || dir != a.dir {
		a.dir, a.at = dir, a.onThis(dir)
	}
	return a.at
}

// onThis is the Site of a folder of this device. A file server's is the server.
func (a *atlas) onThis(dir string) *Site {
	v := a.local("/" + dir)
	if v == nil {
		return a.elsewhere(a.here)
	}
	s := a.sites[v]
	if s == nil {
		s = &Site{Device: a.names[a.here], Medium: v.Info.Medium, Volume: v.Fingerprint}
		if v.Info.Kind == resolver.KindNetwork || v.Info.Kind == resolver.KindCloud {
			s.Device = server(v.Info.Config["source"])
		}
		a.sites[v] = s
	}
	return s
}

// elsewhere is the Site of all that lies on a device of whose disks nothing is known. What
// is no longer in the library has no Device: nobody can get at it.
func (a *atlas) elsewhere(place catalog.Place) *Site {
	s := a.away[place]
	if s == nil {
		s = &Site{Device: a.names[place], Volume: string(place)}
		a.away[place] = s
	}
	return s
}

// server is the machine in the source of a network file system: "nas" of "nas:/photos",
// "//nas/photos" or "ann@nas:/photos".
func server(source string) string {
	s := source
	if rest, ok := strings.CutPrefix(s, "//"); ok {
		s, _, _ = strings.Cut(rest, "/")
	} else if i := strings.Index(s, ":/"); i >= 0 {
		s = s[:i]
	}
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = s[i+1:]
	}
	return "server " + strings.ToLower(strings.Trim(s, "[]"))
}
