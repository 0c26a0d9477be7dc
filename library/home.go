package library

import (
	"context"
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DefaultName is the name of the library that is made at first use.
const DefaultName = "default"

const suffix = ".sdlibrary"

// Entry is a library of a data directory.
type Entry struct {
	Name    string
	Path    string // the directory
	Current bool
}

// List returns the libraries below dataDir by name, without opening them.
func List(dataDir string) ([]Entry, error) {
	current, err := Current(dataDir)
	if err != nil && !errors.As(err, new(*NameError)) {
		return nil, err
	}
	files, err := os.ReadDir(librariesDir(dataDir))
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return nil, access(librariesDir(dataDir), err)
	}
	var list []Entry
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), suffix)
		if ok && f.IsDir() && checkName(name) == nil {
			list = append(list, Entry{Name: name, Path: libraryDir(dataDir, name), Current: name == current})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list, nil
}

// Current returns the name of the library that Open takes for "", or "" where none
// was made yet.
func Current(dataDir string) (string, error) {
	data, err := os.ReadFile(currentPath(dataDir))
	if errors.Is(err, iofs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", access(currentPath(dataDir), err)
	}
	name := strings.TrimSuffix(string(data), "\n")
	return name, checkName(name)
}

// Switch makes the library called name the current one. It must exist.
func Switch(ctx context.Context, dataDir, name string) error {
	if _, err := find(dataDir, name); err != nil {
		return err
	}
	unlock, err := lock(ctx, dataDir)
	if err != nil {
		return err
	}
	defer unlock()
	return writeFile(currentPath(dataDir), []byte(name+"\n"))
}

// find returns the directory of the library called name.
func find(dataDir, name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	dir := libraryDir(dataDir, name)
	fi, err := os.Stat(dir)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		list, _ := List(dataDir) // only for the message
		known := make([]string, len(list))
		for i, e := range list {
			known[i] = e.Name
		}
		return "", &NotFoundError{Name: name, Known: known}
	case err != nil:
		return "", access(dir, err)
	case !fi.IsDir():
		return "", &DamagedError{Path: dir, Err: errors.New("it is not a directory")}
	}
	return dir, nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return &NameError{name, "it is empty"}
	case len(name) > 100:
		return &NameError{name, "it is longer than 100 bytes"}
	case !utf8.ValidString(name):
		return &NameError{name, "it is not valid UTF-8"}
	case strings.ContainsAny(name, `/\:`):
		return &NameError{name, "it has a slash, a backslash or a colon"}
	case strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-"):
		return &NameError{name, "it starts with a dot or a dash"}
	case strings.TrimSpace(name) != name:
		return &NameError{name, "it starts or ends with a space"}
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return &NameError{name, "it has characters that cannot be printed"}
	}
	return nil
}

func librariesDir(dataDir string) string { return filepath.Join(dataDir, "libraries") }
func libraryDir(dataDir, name string) string {
	return filepath.Join(librariesDir(dataDir), name+suffix)
}
func databasePath(dir string) string    { return filepath.Join(dir, "library.db") }
func currentPath(dataDir string) string { return filepath.Join(dataDir, "current") }
