package main

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sd/library"
	"sd/library/catalog"
	"sd/sdpath"
)

func (a *app) locationCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "location",
		Short: "choose the folders whose files the library knows",
		Long: `A location is a folder, here or in a volume, that is indexed with all below it: its
files can then be searched, are known by what they hold, and are opened below content/.
Locations may lie inside one another. While the tree is mounted they are kept up to date.`,
	})
	cmd.AddCommand(a.locationAddCommand(), a.locationListCommand(), a.locationRescanCommand(),
		a.locationVerifyCommand(), a.locationProblemsCommand(), a.locationRemoveCommand())
	return cmd
}

// isVolume tells whether the location lies in a cloud volume.
func isVolume(loc library.Location) bool { return strings.HasPrefix(string(loc.Place), "volume:") }

// locationURI is what a location is called by; for one of a device or volume that the library
// has forgotten it is as the library has it.
func (p *places) locationURI(loc library.Location) string { return p.placeURI(loc.Place, loc.Path) }

func (p *places) placeURI(place catalog.Place, name string) string {
	uri, err := p.resolver.URI(place, name)
	if err != nil {
		return string(place) + "/" + name
	}
	return uri.String()
}

// locationByID finds a location; one that was removed is an error that says so.
func (p *places) locationByID(ctx context.Context, id int64) (library.Location, error) {
	list, err := p.library.Locations(ctx)
	if err != nil {
		return library.Location{}, err
	}
	for _, loc := range list {
		if loc.ID == id {
			return loc, nil
		}
	}
	return library.Location{}, errRemoved
}

var errRemoved = errors.New("the location was removed")

// findLocation finds the location that the user calls arg: by name, by the number that
// 'sd location list --json' prints, or by its PATH.
func (p *places) findLocation(ctx context.Context, arg string) (library.Location, error) {
	list, err := p.library.Locations(ctx)
	if err != nil {
		return library.Location{}, err
	}
	for _, loc := range list {
		if loc.Name == arg {
			return loc, nil
		}
	}
	id, notNumber := strconv.ParseInt(arg, 10, 64)
	for _, loc := range list {
		if notNumber == nil && loc.ID == id {
			return loc, nil
		}
	}
	place, name, err := p.placed(ctx, arg)
	if err == nil {
		var around []string
		for _, loc := range list {
			if loc.Place == place && loc.Path == name {
				return loc, nil
			}
			if loc.Holds(place, name) {
				around = append(around, quote(loc.Name))
			}
		}
		if len(around) > 0 {
			return library.Location{}, fmt.Errorf("%s lies in location %s but is none itself: name that one", arg, strings.Join(around, " and "))
		}
	}
	if looksLikePath(arg) {
		if err != nil {
			return library.Location{}, err
		}
		return library.Location{}, fmt.Errorf("%s lies in no location: 'sd location add %s' makes it one", arg, arg)
	}
	return library.Location{}, fmt.Errorf("no location %s (%s): 'sd location add PATH' makes one", quote(arg), known(list))
}

// known lists the names of locations for a message.
func known(list []library.Location) string {
	if len(list) == 0 {
		return "there is none yet"
	}
	names := make([]string, len(list))
	for i, loc := range list {
		names[i] = loc.Name
	}
	return "there are: " + strings.Join(names, ", ")
}

// looksLikePath tells what can be no location's name but by intent.
func looksLikePath(arg string) bool {
	return looksLikeURI.MatchString(arg) || strings.ContainsRune(arg, '/') || strings.HasPrefix(arg, ".") || strings.HasPrefix(arg, "~")
}

// placed is where in the catalog a PATH is. Symbolic links on the way are followed, as a scan
// knows every file by one path only.
func (p *places) placed(ctx context.Context, arg string) (catalog.Place, string, error) {
	t, err := p.target(ctx, arg)
	if err != nil {
		return "", "", err
	}
	return p.placedTarget(t)
}

func (p *places) placedTarget(t target) (catalog.Place, string, error) {
	uri := t.uri
	if t.local != "" {
		if uri == nil {
			return "", "", fmt.Errorf("%s is a folder of the tree above all files: name a folder below it", t)
		}
		real, err := filepath.EvalSymlinks(t.local)
		switch {
		case err == nil:
			uri = sdpath.NewPhysical(p.resolver.ThisDevice().Slug, filepath.ToSlash(real))
		case !errors.Is(err, iofs.ErrNotExist):
			return "", "", t.explain(err)
		}
	}
	return p.resolver.Placed(uri)
}

// defaultName is what a location is called if the user does not say: by its folder.
func (p *places) defaultName(place catalog.Place, name string) string {
	base := path.Base(name)
	if name == "" {
		root, _ := p.resolver.URI(place, "")
		switch root := root.(type) {
		case sdpath.Cloud:
			base = root.Identifier
		case sdpath.Physical:
			base = root.DeviceSlug
		}
	}
	return strings.ToValidUTF8(base, "?")
}

// locationRow is a location as it is printed.
type locationRow struct {
	ID       int64         `json:"id"`
	Name     string        `json:"name"`
	URI      string        `json:"uri"`
	Mode     library.Mode  `json:"mode"`
	Rules    library.Rules `json:"rules"`
	Files    int64         `json:"files"`
	Folders  int64         `json:"folders"`
	Bytes    int64         `json:"bytes"`
	Proven   int64         `json:"identified"`
	Problems int           `json:"problems"`
	Created  time.Time     `json:"created"`
	Scanned  *time.Time    `json:"scanned,omitempty"`
}

func (p *places) locationRow(ctx context.Context, loc library.Location) (locationRow, error) {
	row := locationRow{ID: loc.ID, Name: loc.Name, URI: p.locationURI(loc), Mode: loc.Mode, Rules: loc.Rules, Created: loc.Created}
	if !loc.Scanned.IsZero() {
		row.Scanned = &loc.Scanned
	}
	var err error
	if _, row.Problems, err = p.library.Problems(ctx, loc.ID, 1); err != nil {
		return row, err
	}
	if loc.Folder == 0 {
		return row, nil
	}
	counts, err := p.library.Catalog().Count(ctx, loc.Folder)
	row.Files, row.Folders, row.Bytes, row.Proven = counts.Files, counts.Folders, counts.Bytes, counts.Proven
	return row, err
}

func (a *app) locationListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the locations of the library",
		Args:  args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withPlaces(cmd.Context(), a.listLocations)
		},
	}
}

// withPlaces runs fn with the open library.
func (a *app) withPlaces(ctx context.Context, fn func(context.Context, *places) error) error {
	p, err := a.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(fn(ctx, p), p.Close())
}

func (a *app) listLocations(ctx context.Context, p *places) error {
	list, err := p.library.Locations(ctx)
	if err != nil {
		return err
	}
	rows := make([]locationRow, len(list))
	cells := [][]string{{"NAME", "URI", "MODE", "FILES", "BYTES", "IDENTIFIED", "PROBLEMS", "SCANNED"}}
	for i, loc := range list {
		if rows[i], err = p.locationRow(ctx, loc); err != nil {
			return err
		}
		r := rows[i]
		scanned := "never"
		if r.Scanned != nil {
			scanned = when(*r.Scanned)
		}
		where := r.URI
		if _, err := p.resolver.URI(loc.Place, loc.Path); err != nil && isVolume(loc) {
			where = "(its volume was removed)"
		}
		cells = append(cells, []string{r.Name, where, string(r.Mode), commas(r.Files), size(r.Bytes), commas(r.Proven), commas(int64(r.Problems)), scanned})
	}
	if a.json {
		return a.printJSON(rows)
	}
	return a.table(cells)
}
