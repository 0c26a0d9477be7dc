//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// archive is a tar file of real sources.
type archive struct {
	name    string
	entries int
	bytes   int64
}

// packTree packs the sources of the Go that is installed, or a part of them.
func packTree(ctx context.Context, name string, part bool) (*archive, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	root := filepath.Join(strings.TrimSpace(string(out)), "src")
	if part {
		root = filepath.Join(root, "net")
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a := &archive{name: name}
	w := tar.NewWriter(f)
	err = filepath.WalkDir(root, func(path string, d iofs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		rel, err := filepath.Rel(root, path)
		if err != nil || rel == "." {
			return err
		}
		return a.pack(w, path, rel, d)
	})
	return a, errors.Join(err, w.Close(), f.Close())
}

// pack adds a folder or a file; a module cache's are read-only, which is not kept.
func (a *archive) pack(w *tar.Writer, path, rel string, d iofs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: rel, ModTime: info.ModTime()}
	switch {
	case d.IsDir():
		h.Typeflag, h.Name, h.Mode = tar.TypeDir, rel+"/", 0o755
	case d.Type().IsRegular():
		h.Typeflag, h.Mode, h.Size = tar.TypeReg, 0o644, info.Size()
	default:
		return nil
	}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	a.entries++
	a.bytes += h.Size
	if d.IsDir() {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// extract unpacks with tar(1), as people do, and each time into a new folder.
func (a *archive) extract(flags ...string) func(ctx context.Context, dir string) error {
	return func(ctx context.Context, dir string) error {
		into, err := os.MkdirTemp(filepath.Join(dir, "new"), "tree")
		if err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, "tar", append([]string{"-x", "-f", a.name, "-C", into}, flags...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("tar: %w: %s", err, bytes.TrimSpace(out))
		}
		return nil
	}
}
