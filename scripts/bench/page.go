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

// defaultPage is written by runs of whole sections.
const defaultPage = "docs/benchmarks.md"

// What stands between these lines is written by hand and stays when the page is
// written anew.
const (
	remarksBegin = "<!-- remarks: written by hand, kept when the page is written anew -->"
	remarksEnd   = "<!-- end of remarks -->"
)

// What stands between these lines is of one section, and stays when only others are
// measured.
const (
	partBegin = "<!-- part %s: written by a run, replaced by the next -->"
	partEnd   = "<!-- end of part %s -->"
)

const pageHead = `# Benchmarks

` + "`make bench`" + ` writes this page, ` + "`make bench-s3`" + ` its part on S3 alone, ` + "`make bench-index`" + ` its part on the index,
` + "`make bench-actions`" + ` its part on copies and syncs; only the remarks are written by hand. Figures mean something inside one run on one machine: repeat the run and compare ratios, not figures.

To repeat: one of these on an idle machine, as root for passthrough and tmpfs. They install s3fs and bindfs, or b3sum and plocate,
by the system's package manager and build rclone and the servers, all pinned, into ` + "`.tools/bin`" + `. ` + "`go run ./scripts/bench -h`" + ` lists what
can be chosen: ` + "`-quick`" + ` shows in two minutes that all works, ` + "`-only s3/find -rounds 1`" + ` measures one piece of work, ` + "`-who sd`" + `
leaves the peers out, ` + "`-sd bin/sd`" + ` takes another build. Each figure is the median of all rounds; in each round everybody is measured,
and each round begins with another one.
`

// writePage writes the page, with the remarks and the parts that were not measured
// now of the one that was there.
func writePage(name string, m machine, o options, parts map[string][]*grid) error {
	old, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	var b strings.Builder
	b.WriteString(pageHead)
	for _, s := range sections {
		begin, end := fmt.Sprintf(partBegin, s.name), fmt.Sprintf(partEnd, s.name)
		text := between(string(old), begin, end)
		if parts[s.name] != nil {
			text = part(m, o, parts[s.name])
		}
		if text != "" {
			fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", begin, strings.Trim(text, "\n"), end)
		}
	}
	fmt.Fprintf(&b, "\n## Remarks\n\n%s\n%s%s\n", remarksBegin, between(string(old), remarksBegin, remarksEnd), remarksEnd)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name+".new", []byte(b.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// part is the text of one section: where and when it was measured, and its tables.
func part(m machine, o options, grids []*grid) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s Rounds: %d.\n", m, o.rounds)
	for _, g := range grids {
		fmt.Fprintf(&b, "\n%s", g)
	}
	return b.String()
}

// between is what stands between two lines, "" if they are not there.
func between(page, begin, end string) string {
	_, tail, _ := strings.Cut(page, begin+"\n")
	text, _, ok := strings.Cut(tail, end)
	if !ok {
		return ""
	}
	return text
}
