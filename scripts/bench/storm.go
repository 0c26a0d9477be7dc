//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// storm is a tree of folders with files of 1 KiB, below "storm".
type storm struct{ dirs, files int }

func (s storm) make(ctx context.Context, root string) error {
	content := make([]byte, 1024)
	for d := range s.dirs {
		dir := filepath.Join(root, fmt.Sprintf("d%03d", d))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for f := range s.files {
			if err := os.WriteFile(filepath.Join(dir, stormFile(f)), content, 0o644); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

func stormFile(i int) string { return fmt.Sprintf("file-%05d.txt", i) }

// walk lists every folder and stats every file, as find -ls does.
func (s storm) walk(ctx context.Context, dir string) error {
	buf := make([]byte, 32<<10)
	names := make([]string, 0, s.files)
	total := 0
	for d := range s.dirs {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		name := filepath.Join(dir, "storm", fmt.Sprintf("d%03d", d))
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return &os.PathError{Op: "open", Path: name, Err: err}
		}
		n, err := statFolder(fd, buf, names)
		unix.Close(fd)
		if err != nil {
			return &os.PathError{Op: "stat the files of", Path: name, Err: err}
		}
		total += n
	}
	if total != s.dirs*s.files {
		return fmt.Errorf("found %d files, want %d", total, s.dirs*s.files)
	}
	return nil
}

func statFolder(fd int, buf []byte, names []string) (found int, err error) {
	var st unix.Stat_t
	for {
		n, err := unix.ReadDirent(fd, buf)
		if n <= 0 || err != nil {
			return found, err
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names[:0])
		for _, name := range names {
			if err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
				return found, err
			}
		}
		found += len(names)
	}
}

// small1K is a number of files of 1 KiB.
type small1K int

// each calls do for every file.
func (s small1K) each(ctx context.Context, path func(i int) string, do func(path string, buf []byte) error) error {
	buf := make([]byte, 1024)
	for i := range int(s) {
		if i%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p := path(i)
		if err := do(p, buf); err != nil {
			return &os.PathError{Op: "use", Path: p, Err: err}
		}
	}
	return nil
}

// read opens, reads and closes files of the storm.
func (s small1K) read(ctx context.Context, dir string) error {
	path := func(i int) string {
		return fmt.Sprintf("%s/storm/d%03d/%s", dir, i/1000, stormFile(i%1000))
	}
	return s.each(ctx, path, func(p string, buf []byte) error {
		fd, err := unix.Open(p, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		n, err := unix.Read(fd, buf)
		if err == nil && n != len(buf) {
			err = fmt.Errorf("got %d bytes, want %d", n, len(buf))
		}
		unix.Close(fd)
		return err
	})
}

// create makes new files.
func (s small1K) create(ctx context.Context, dir string) error {
	return s.each(ctx, s.newPath(dir), func(p string, buf []byte) error {
		fd, err := unix.Open(p, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o644)
		if err != nil {
			return err
		}
		if _, err := unix.Write(fd, buf); err != nil {
			unix.Close(fd)
			return err
		}
		return unix.Close(fd)
	})
}

// unlink removes what create made.
func (s small1K) unlink(ctx context.Context, dir string) error {
	return s.each(ctx, s.newPath(dir), func(p string, _ []byte) error { return unix.Unlink(p) })
}

func (s small1K) newPath(dir string) func(i int) string {
	return func(i int) string { return fmt.Sprintf("%s/new/small/%s", dir, stormFile(i)) }
}
