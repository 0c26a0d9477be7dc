//go:build linux

package main

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
)

// What stands between these lines is written by hand and stays when the page is
// written anew.
const (
	remarksBegin = "<!-- remarks: written by hand, kept when the page is written anew -->"
	remarksEnd   = "<!-- end of remarks -->"
)

const pageHead = `# Benchmarks

This page is written by ` + "`make bench`" + `; only the remarks are written by hand. Figures mean
something inside one run on one machine: repeat the run and compare ratios, not figures.

%s

Each figure is the median of %d rounds; in each round everybody is measured, and each round begins
with another one. To repeat: ` + "`make bench`" + ` on an idle machine, as root for passthrough and tmpfs.
` + "`go run ./scripts/bench -h`" + ` lists what can be chosen; ` + "`-quick`" + ` shows in a minute that all works.
`

// writePage writes the page, with the remarks of the one that was there.
func writePage(name string, m machine, o options, grids []*grid) error {
	old, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, pageHead, m, o.rounds)
	for _, g := range grids {
		fmt.Fprintf(&b, "\n%s", g)
	}
	fmt.Fprintf(&b, "\n## Remarks\n\n%s\n%s%s\n", remarksBegin, remarks(string(old)), remarksEnd)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name+".new", []byte(b.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// remarks is what stands between the marks.
func remarks(page string) string {
	_, tail, _ := strings.Cut(page, remarksBegin+"\n")
	text, _, ok := strings.Cut(tail, remarksEnd)
	if !ok {
		return ""
	}
	return text
}
