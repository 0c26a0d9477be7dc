package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"sd/index/search"
)

// hit is what --json prints of a match.
type hit struct {
	URI      string     `json:"uri"`
	Path     string     `json:"path,omitempty"` // in the live mount
	Name     string     `json:"name"`
	Kind     string     `json:"kind"`
	Size     int64      `json:"size"`
	Modified *time.Time `json:"mtime,omitempty"`
	Content  string     `json:"content_id,omitempty"`
	Proven   bool       `json:"proven"` // that it has that content; else that is probable
}

// hitPrinter prints matches, as lines or as JSON.
type hitPrinter struct {
	out     *bufio.Writer
	array   *jsonArray // nil: lines
	opts    searchOptions
	mount   string // paths below it are wanted; "": URIs
	printed int
}

// newHitPrinter returns what prints the matches. Its end must be called.
func (a *app) newHitPrinter(ctx context.Context, p *places, opts searchOptions) (*hitPrinter, error) {
	h := &hitPrinter{out: bufio.NewWriter(a.out), opts: opts}
	if a.json {
		h.array = &jsonArray{w: h.out}
	}
	if opts.paths {
		m := p.mount(ctx)
		if m == nil {
			return nil, errors.New("nothing is mounted, so there are no paths: leave out --paths, or mount with 'sd mount'")
		}
		h.mount = m.Mountpoint
	}
	return h, nil
}

// show prints one match.
func (h *hitPrinter) show(found search.Hit) error {
	var err error
	if h.array != nil {
		err = h.array.add(h.row(found))
	} else {
		err = h.line(found)
	}
	// The first ones are seen as soon as they are found.
	if h.printed++; err == nil && h.printed <= search.DefaultLimit {
		err = h.out.Flush()
	}
	return err
}

// end prints what is left.
func (h *hitPrinter) end() error {
	var err error
	if h.array != nil {
		err = h.array.close()
	}
	return errors.Join(err, h.out.Flush())
}

func (h *hitPrinter) row(found search.Hit) hit {
	row := hit{URI: found.Path.String(), Name: found.File.Name, Kind: found.File.Kind.String(), Proven: found.File.Proof.Proven()}
	if h.mount != "" {
		row.Path = h.path(found)
	}
	if !found.Folder {
		row.Size = found.File.Size
	}
	if found.File.ModTime != 0 {
		modified := time.Unix(0, found.File.ModTime).UTC()
		row.Modified = &modified
	}
	if found.Content != uuid.Nil {
		row.Content = found.Content.String()
	}
	return row
}

func (h *hitPrinter) line(found search.Hit) error {
	text, end := found.Path.String(), byte('\n')
	if h.mount != "" {
		text = h.path(found)
	}
	if h.opts.null {
		end = 0
	} else {
		text = printable(text)
	}
	if h.opts.long {
		bytes, modified := fmt.Sprint(found.File.Size), time.Time{}
		if found.Folder {
			bytes = "-"
		}
		if found.File.ModTime != 0 {
			modified = time.Unix(0, found.File.ModTime)
		}
		fmt.Fprintf(h.out, "%-10s %14s  %-19s  ", found.File.Kind, bytes, when(modified))
	}
	_, err := h.out.WriteString(text)
	return errors.Join(err, h.out.WriteByte(end))
}

func (h *hitPrinter) path(found search.Hit) string { return h.mount + "/" + shownAt(found.Path) }
