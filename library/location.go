package library

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"strings"
	"time"
	"unicode/utf8"

	"sd/library/catalog"
)

// Mode says how much is learned about the files of a location.
type Mode string

// The modes. Each does what the ones before it do.
const (
	Shallow Mode = "shallow" // names, sizes and times
	Content Mode = "content" // what the files hold, so far as that needs no download
	Deep    Mode = "deep"    // what the files hold, also where each has to be downloaded once
)

// ParseMode is the mode called s, or an error that names the modes.
func ParseMode(s string) (Mode, error) {
	switch m := Mode(s); m {
	case Shallow, Content, Deep:
		return m, nil
	}
	return "", fmt.Errorf("unknown mode %q: choose shallow, content or deep", s)
}

// Rules say which files of a location are indexed. The zero value is the default: hidden
// files, folders that development tools fill, and system files are left out, and .gitignore
// is heeded.
type Rules struct {
	// All takes everything; the other fields but Skip then mean nothing.
	All bool `json:"all,omitempty"`
	// Hidden, Dev and System also index what is left out otherwise.
	Hidden bool `json:"hidden,omitempty"`
	Dev    bool `json:"dev,omitempty"`
	System bool `json:"system,omitempty"`
	// NoGitIgnore also indexes what a .gitignore leaves out.
	NoGitIgnore bool `json:"no_gitignore,omitempty"`
	// Skip are patterns, written as in a .gitignore, of what is left out besides.
	Skip []string `json:"skip,omitempty"`
}

// Location is a folder that is indexed with all below it. Locations may lie inside one
// another.
type Location struct {
	ID   int64  // never used again
	Name string // the user's; unique, valid UTF-8
	// Place and Path say where it is, as in catalog.Copy: no slash at either end of Path,
	// and "" is the place's root.
	Place catalog.Place
	Path  string
	// Folder is its row in the catalog, found anew at every reading; 0 if there is none now.
	Folder  catalog.FolderID
	Mode    Mode
	Rules   Rules
	Created time.Time
	// Scanned is when the last whole scan ended; zero if none has.
	Scanned time.Time
	// Root tells the file system at its root from others, as of the last scan; "" where it is
	// not known, and for a cloud volume.
	Root string
}

// Holds tells whether path of place is the location's root or lies below it. The rules
// have no say in that.
func (loc Location) Holds(place catalog.Place, path string) bool {
	return loc.Place == place && within(path, loc.Path)
}

// within tells whether path is dir or below it.
func within(path, dir string) bool {
	return dir == "" || path == dir || strings.HasPrefix(path, dir) && path[len(dir)] == '/'
}

// LocationConflictError says that a location cannot be kept beside Existing.
type LocationConflictError struct {
	Field    string // what both have: "path" or "name"
	Existing Location
}

func (e *LocationConflictError) Error() string {
	if e.Field == "name" {
		return fmt.Sprintf("there is a location named %q already: choose another name", e.Existing.Name)
	}
	return fmt.Sprintf("this folder is location %q already: \"sd location rescan %s\" looks at it again", e.Existing.Name, e.Existing.Name)
}

const locationColumns = "id, name, place, path, mode, rules, created, scanned, root"

// AddLocation adds a location and its folders in the catalog, and returns it with its ID
// and Folder. A zero Created means now, an empty Mode Content. It is a *LocationConflictError
// if another has its folder or its name.
func (l *Library) AddLocation(ctx context.Context, loc Location) (Location, error) {
	if loc.Mode == "" {
		loc.Mode = Content
	}
	if loc.Created.IsZero() {
		loc.Created = time.UnixMilli(time.Now().UnixMilli()).UTC()
	}
	rules, err := checkLocation(loc)
	if err != nil {
		return Location{}, err
	}
	err = l.write(ctx, "add a location to", func(tx *sql.Tx) error {
		if err := locationConflict(ctx, tx, loc); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, "INSERT INTO locations (name, place, path, mode, rules, created, scanned, root) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			loc.Name, string(loc.Place), []byte(loc.Path), string(loc.Mode), rules, loc.Created.UnixMilli(), milli(loc.Scanned), loc.Root)
		if err != nil {
			return err
		}
		loc.ID, err = res.LastInsertId()
		return err
	})
	if err != nil {
		return Location{}, err
	}
	err = l.catalog.Update(ctx, func(tx *catalog.Tx) error {
		loc.Folder, err = tx.MakePath(loc.Place, loc.Path)
		return err
	})
	return loc, err
}

// SetLocation changes the name, mode and rules of the location with loc.ID. An unknown ID
// is fs.ErrNotExist, a name that another has a *LocationConflictError.
func (l *Library) SetLocation(ctx context.Context, loc Location) error {
	rules, err := checkLocation(loc)
	if err != nil {
		return err
	}
	return l.write(ctx, "change a location of", func(tx *sql.Tx) error {
		if err := locationConflict(ctx, tx, loc); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, "UPDATE locations SET name = ?, mode = ?, rules = ? WHERE id = ?", loc.Name, string(loc.Mode), rules, loc.ID)
		return one(res, err, "location", loc.ID)
	})
}

// SetScanned notes that a whole scan of the location ended at when, and what root it had.
func (l *Library) SetScanned(ctx context.Context, id int64, when time.Time, root string) error {
	return l.write(ctx, "note a scan in", func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "UPDATE locations SET scanned = ?, root = ? WHERE id = ?", milli(when), root, id)
		return one(res, err, "location", id)
	})
}

// Locations returns the locations in the order in which they were added. The slice is the
// caller's.
func (l *Library) Locations(ctx context.Context) ([]Location, error) {
	all, err := readAll(ctx, l, "locations", scanLocation, "SELECT "+locationColumns+" FROM locations ORDER BY id")
	if err != nil {
		return nil, err
	}
	for i, loc := range all {
		folder, err := l.catalog.FindFolder(ctx, loc.Place, loc.Path)
		if err != nil && !errors.Is(err, iofs.ErrNotExist) {
			return nil, err
		}
		all[i].Folder = folder.ID
	}
	return all, nil
}

func checkLocation(loc Location) (rules string, err error) {
	if loc.Name == "" || !utf8.ValidString(loc.Name) {
		return "", fmt.Errorf("a location cannot be called %q: choose another name", loc.Name)
	}
	if _, err := ParseMode(string(loc.Mode)); err != nil {
		return "", err
	}
	for _, pattern := range loc.Rules.Skip {
		if !utf8.ValidString(pattern) {
			return "", fmt.Errorf("pattern %q is not valid UTF-8: write ? for each odd byte", pattern)
		}
	}
	text, err := json.Marshal(loc.Rules)
	return string(text), err
}

// locationConflict looks for another location with loc's folder or name.
func locationConflict(ctx context.Context, tx *sql.Tx, loc Location) error {
	for _, c := range []struct {
		field, where string
		values       []any
	}{
		{"path", "place = ? AND path = ?", []any{string(loc.Place), []byte(loc.Path)}},
		{"name", "name = ?", []any{loc.Name}},
	} {
		other, err := scanLocation(tx.QueryRowContext(ctx, "SELECT "+locationColumns+" FROM locations WHERE "+c.where, c.values...))
		if err == nil && other.ID != loc.ID {
			return &LocationConflictError{Field: c.field, Existing: other}
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	return nil
}

func scanLocation(row scanner) (Location, error) {
	var (
		loc              Location
		place, mode      string
		path             []byte
		rules            string
		created, scanned int64
	)
	if err := row.Scan(&loc.ID, &loc.Name, &place, &path, &mode, &rules, &created, &scanned, &loc.Root); err != nil {
		return Location{}, err
	}
	if err := json.Unmarshal([]byte(rules), &loc.Rules); err != nil {
		return Location{}, &corruptError{fmt.Sprintf("location %q has invalid rules: %v", loc.Name, err)}
	}
	loc.Place, loc.Path, loc.Mode = catalog.Place(place), string(path), Mode(mode)
	loc.Created, loc.Scanned = fromMilli(created), fromMilli(scanned)
	return loc, nil
}

// one makes an error of a change that found no row.
func one(res sql.Result, err error, what string, id int64) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return fmt.Errorf("%s %d: %w", what, id, iofs.ErrNotExist)
}

// milli is t as it is kept; the zero time is 0.
func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
