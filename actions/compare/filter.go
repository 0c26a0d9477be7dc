package compare

import (
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// FilterRules states what patterns mean, for --help.
const FilterRules = `Patterns of --include and --exclude are about names below the source:
  '*.tmp'        that name at any depth; a folder that matches goes with all that is in it
  '/notes.txt'   or any pattern with a slash in it: the path from the source on
  'cache/'       folders alone
  '*' matches within a name, '**' also across folders, '?' one character, '[a-z]' one of
  these, '{jpg,png}' either. What --exclude matches is left out; with --include only what one
  of these matches is taken. What is left out is not deleted by a sync either.`

// Filter is the user's choice of files. The nil Filter takes all. It is never changed and safe
// for concurrent use.
type Filter struct{ include, exclude []pattern }

type pattern struct {
	text     string
	suffix   string // of "*suffix", the most usual pattern; else ""
	literal  bool   // text has no special characters
	anchored bool   // text is about the whole path, else about one name
	folders  bool   // text is about folders alone
}

// NewFilter reads the patterns, see FilterRules; with none it returns nil.
func NewFilter(include, exclude []string) (*Filter, error) {
	if len(include)+len(exclude) == 0 {
		return nil, nil
	}
	f := &Filter{}
	for _, x := range []struct {
		flag string
		from []string
		to   *[]pattern
	}{{"--include", include, &f.include}, {"--exclude", exclude, &f.exclude}} {
		for _, text := range x.from {
			p, err := newPattern(text)
			if err != nil {
				return nil, fmt.Errorf("%s %q: %w", x.flag, text, err)
			}
			*x.to = append(*x.to, p)
		}
	}
	return f, nil
}

func newPattern(text string) (pattern, error) {
	p := pattern{folders: strings.HasSuffix(text, "/")}
	text = strings.TrimSuffix(text, "/")
	p.anchored = strings.Contains(text, "/")
	p.text = strings.TrimPrefix(text, "/")
	if p.text == "" {
		return p, fmt.Errorf("an empty pattern matches nothing")
	}
	if !doublestar.ValidatePattern(p.text) {
		return p, fmt.Errorf(`not a pattern: close the "[" or "{", or put "\" before it`)
	}
	p.literal = !HasMeta(p.text)
	if rest, ok := strings.CutPrefix(p.text, "*"); ok && !p.anchored && !HasMeta(rest) {
		p.suffix = rest
	}
	return p, nil
}

// HasMeta tells whether a pattern has characters that do not stand for themselves.
func HasMeta(text string) bool { return strings.ContainsAny(text, `*?[{\`) }

// matches tells whether the pattern is about rel itself.
func (p *pattern) matches(rel string, folder bool) bool {
	if p.folders && !folder {
		return false
	}
	if !p.anchored {
		rel = rel[strings.LastIndexByte(rel, '/')+1:]
	}
	switch {
	case p.literal:
		return rel == p.text
	case p.suffix != "":
		return strings.HasSuffix(rel, p.suffix)
	}
	return doublestar.MatchUnvalidated(p.text, rel)
}

// Excludes tells whether an exclude pattern is about rel, a path below the source, itself.
// Nothing below a folder that it excludes is taken.
func (f *Filter) Excludes(rel string, folder bool) bool {
	if f == nil {
		return false
	}
	return anyMatches(f.exclude, rel, folder)
}

// Includes tells whether an include pattern is about rel itself, or there is none. All below
// a folder that it includes is taken.
func (f *Filter) Includes(rel string, folder bool) bool {
	return !f.Chooses() || anyMatches(f.include, rel, folder)
}

// Chooses tells whether there are include patterns: then folders are only taken for what is
// in them.
func (f *Filter) Chooses() bool { return f != nil && len(f.include) > 0 }

// Takes tells whether rel is taken, by the patterns about it and about all folders above it.
// It is false for a folder that no include pattern is about, even if something in it is taken.
func (f *Filter) Takes(rel string, folder bool) bool {
	if f == nil {
		return true
	}
	included := !f.Chooses()
	for at := 0; at < len(rel); at++ {
		if rel[at] != '/' {
			continue
		}
		above := rel[:at]
		if anyMatches(f.exclude, above, true) {
			return false
		}
		included = included || anyMatches(f.include, above, true)
	}
	if anyMatches(f.exclude, rel, folder) {
		return false
	}
	return included || anyMatches(f.include, rel, folder)
}

func anyMatches(list []pattern, rel string, folder bool) bool {
	for i := range list {
		if list[i].matches(rel, folder) {
			return true
		}
	}
	return false
}
