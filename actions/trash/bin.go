//go:build unix

package trash

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// bin is one trash folder.
type bin struct {
	dir string
	top string // what the paths in it are relative to; "" is nothing: they are absolute
}

func (b *bin) file(name string) string { return filepath.Join(b.dir, "files", name) }
func (b *bin) info(name string) string { return filepath.Join(b.dir, "info", name+infoEnd) }

// path is what the .trashinfo file says of an absolute path.
func (b *bin) path(path string) string {
	if b.top == "" {
		return path
	}
	return strings.TrimPrefix(strings.TrimPrefix(path, strings.TrimSuffix(b.top, "/")), "/")
}

// contains tells whether path lies in dir, or is it.
func contains(dir, path string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// binFor finds the trash for a path, whose folder is there and reached without links, and makes
// it if need be.
func binFor(path string) (*bin, error) {
	here, err := placeOf(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	if at, err := placeOf(path); err == nil && at != here {
		return nil, ErrMounted
	}
	var refused []error
	for _, find := range []func(place, string) (*bin, error){homeBin, sharedBin, ownBin} {
		b, err := find(here, path)
		if err == nil && b != nil {
			switch {
			case contains(b.dir, path):
				return nil, ErrInTrash
			case contains(path, b.dir):
				return nil, fmt.Errorf("the trash lies in it: %w", ErrNoTrash)
			}
			err = b.prepare()
			if err == nil {
				return b, nil
			}
		}
		if err != nil {
			refused = append(refused, err)
		}
	}
	return nil, fmt.Errorf("%w (%v)", ErrNoTrash, errors.Join(refused...)) // not %w: it is not the file that is missing
}

// homeBin is the trash in the user's home, if that is the same file system.
func homeBin(here place, _ string) (*bin, error) {
	data := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(data) {
		home, err := os.UserHomeDir()
		if err != nil || !filepath.IsAbs(home) {
			return nil, err
		}
		data = filepath.Join(home, ".local", "share")
	}
	near := data
	for {
		real, err := filepath.EvalSymlinks(near)
		if errors.Is(err, fs.ErrNotExist) && near != "/" {
			near = filepath.Dir(near)
			continue
		}
		if err != nil {
			return nil, err
		}
		data = filepath.Join(real, strings.TrimPrefix(data, near))
		near = real
		break
	}
	at, err := placeOf(near)
	if err != nil || at != here {
		return nil, err
	}
	dir := filepath.Join(data, "Trash")
	if is, err := placeOf(dir); err == nil && is != here {
		return nil, nil // it is mounted, or a link that leads elsewhere
	}
	return &bin{dir: dir}, os.MkdirAll(data, 0o700)
}

// sharedBin is the user's part of the trash that an administrator has made for all. As the
// specification asks, .Trash is not believed if it is a link or not sticky.
func sharedBin(here place, path string) (*bin, error) {
	top, err := topOf(here, path)
	if err != nil {
		return nil, err
	}
	all := filepath.Join(top, ".Trash")
	is, err := os.Lstat(all)
	if err != nil || !is.IsDir() || is.Mode()&os.ModeSticky == 0 {
		return nil, nil
	}
	return ownFolder(top, filepath.Join(all, strconv.Itoa(os.Getuid())))
}

// ownBin is the user's trash at the top of the file system.
func ownBin(here place, path string) (*bin, error) {
	top, err := topOf(here, path)
	if err != nil {
		return nil, err
	}
	return ownFolder(top, filepath.Join(top, ".Trash-"+strconv.Itoa(os.Getuid())))
}

// ownFolder makes a trash that is ours alone, or sees that the one which is there is.
func ownFolder(top, dir string) (*bin, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return nil, &fs.PathError{Op: "lstat", Path: dir, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || int(st.Uid) != os.Getuid() {
		return nil, &fs.PathError{Op: "use", Path: dir, Err: fmt.Errorf("it is a link, or somebody else's: %w", fs.ErrPermission)}
	}
	return &bin{dir: dir, top: top}, nil
}

// topOf is the top of the file system that path lies on, as far as it is mounted there.
func topOf(here place, path string) (string, error) {
	top := filepath.Dir(path)
	for top != "/" {
		above := filepath.Dir(top)
		at, err := placeOf(above)
		if err != nil {
			return "", err
		}
		if at != here {
			break
		}
		top = above
	}
	return top, nil
}

// prepare makes the two folders of a trash.
func (b *bin) prepare() error {
	for _, dir := range []string{b.dir, filepath.Join(b.dir, "files"), filepath.Join(b.dir, "info")} {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// renameLooking renames if a look finds nothing of the new name.
func renameLooking(from, to string) error {
	var st unix.Stat_t
	if err := unix.Lstat(to, &st); err == nil {
		return unix.EEXIST
	}
	return unix.Rename(from, to)
}
