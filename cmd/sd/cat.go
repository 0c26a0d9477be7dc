package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"sd/backends"
)

func (a *app) catCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "cat PATH...",
		Short:   "print files",
		Long:    "Prints the bytes of each file, one after the other. No mount is needed.",
		Example: "  sd cat s3://logs/today.txt\n  sd cat content://550e8400-e29b-51d4-a716-446655440000\n  sd cat s3://b/part-1 s3://b/part-2 > whole",
		Args:    args(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			defer p.Close()
			for _, arg := range args {
				t, err := p.target(cmd.Context(), arg)
				if err == nil {
					err = t.explain(t.copyTo(cmd.Context(), a.out))
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// copyTo writes the whole file to w.
func (t target) copyTo(ctx context.Context, w io.Writer) error {
	if t.content != nil {
		return t.content.copyTo(ctx, w)
	}
	var r io.ReadCloser
	var err error
	if t.local != "" {
		r, err = openFile(t.local)
	} else {
		r, err = t.openObject(ctx)
	}
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}

// openFile opens what is not a folder.
func openFile(name string) (io.ReadCloser, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = backends.ErrIsDir
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// openObject opens what is not a folder.
func (t target) openObject(ctx context.Context) (io.ReadCloser, error) {
	if t.name == "" || t.folder {
		return nil, backends.ErrIsDir
	}
	if t.asDir {
		if e, err := t.stat(ctx); err == nil && e.Kind == backends.Dir {
			return nil, backends.ErrIsDir
		}
	}
	r, _, err := t.volume.Backend.Get(ctx, t.name, "", 0, -1)
	if errors.Is(err, fs.ErrNotExist) {
		if e, statErr := t.volume.Backend.Stat(ctx, t.name); statErr == nil && e.Kind == backends.Dir {
			err = backends.ErrIsDir
		}
	}
	return r, err
}
