package main

import (
	"context"
	"errors"
	"io/fs"

	"sd/backends"
	"sd/sdpath"
)

// walkVolume shows all that is below t, folders before what they hold.
func (t target) walkVolume(ctx context.Context, show func(listing) error) error {
	walker, ok := t.volume.Backend.(backends.Walker)
	if !ok {
		return t.walkFolder(ctx, t.name, show)
	}
	depth := len(sdpath.SplitKey(t.name))
	found := false
	var folder []string // the one that was shown last
	pending := &twins{emit: func(s shownEntry) error { return show(t.shown(s)) }}
	err := walker.Walk(ctx, t.name, "", func(entries []backends.Entry) error {
		for _, e := range entries {
			found = true
			into := sdpath.SplitKey(e.Name)
			if e.Kind != backends.Dir && len(into) > 0 {
				into = into[:len(into)-1]
			}
			same := depth
			for same < min(len(folder), len(into)) && folder[same] == into[same] {
				same++
			}
			for n := same + 1; n <= len(into); n++ {
				whole := joinKey(into[:n])
				pending.folder(whole)
				if err := show(t.shown(shownEntry{whole: whole, entry: backends.Entry{Kind: backends.Dir}})); err != nil {
					return err
				}
			}
			folder = into
			if err := pending.passed(e.Name); err != nil {
				return err
			}
			if e.Kind != backends.Dir && e.Name != t.name {
				pending.hold(e.Name, e)
			}
		}
		return nil
	})
	if err == nil {
		err = pending.end()
	}
	if found || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return t.listItself(ctx, show)
}

// walkFolder is for a store that cannot list recursively by itself.
func (t target) walkFolder(ctx context.Context, folder string, show func(listing) error) error {
	var folders []string
	err := t.listFolder(ctx, folder, func(s shownEntry) error {
		if s.entry.Kind == backends.Dir {
			folders = append(folders, s.whole)
		}
		return show(t.shown(s))
	})
	for _, f := range folders {
		if err == nil {
			err = t.walkFolder(ctx, f, show)
		}
	}
	return err
}

func joinKey(segments []string) (key string) {
	for _, seg := range segments {
		key = sdpath.JoinKey(key, seg)
	}
	return key
}
