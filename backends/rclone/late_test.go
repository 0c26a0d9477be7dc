package rclone

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"sd/internal/testserver"

	"github.com/rclone/rclone/fs"
)

// late is a remote whose uploads have been given up when they arrive.
type late struct {
	fs.Fs
	giveUp context.CancelFunc
}

func (l late) Put(ctx context.Context, in io.Reader, src fs.ObjectInfo, options ...fs.OpenOption) (fs.Object, error) {
	o, err := l.Fs.Put(ctx, in, src, options...)
	l.giveUp()
	return o, err
}

// An upload that has been given up does not come into place later: by then there may be newer
// bytes.
func TestLateUpload(t *testing.T) {
	s := served(t, testserver.Rclone(t, "sftp"), nil)
	put(t, s, "file", "newer")
	st := storeOf(s)
	c, err := st.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(c.with(t.Context()))
	if _, err := st.uploadAside(ctx, place{late{c.fs, cancel}, "file"}, strings.NewReader("older"), 5, time.Now()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := read(t, s, "file", ""); got != "newer" {
		t.Errorf("got %q, want what was written since", got)
	}
	entries, err := c.fs.List(t.Context(), "")
	if err != nil || len(entries) != 1 {
		t.Errorf("there are %v, %v", entries, err)
	}
}
