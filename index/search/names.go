package search

import (
	"context"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"sd/sdpath"
)

// Names hands the best limit hits of a query's text to yield, the best first, each under a name
// that none before it has and that a file system can hold: its own, or "name (2).jpg" where that is
// taken. It is fs.Config.Search.
func (s *Searcher) Names(ctx context.Context, query string, limit int, yield func(name string, target sdpath.Path) error) error {
	given := namer{}
	_, err := s.Search(ctx, Query{Text: query, Limit: limit}, func(h Hit) error {
		return yield(given.name(h.File.Name), h.Path)
	})
	return err
}

// namer gives distinct names. It maps the names that were given to how often they were asked for.
type namer map[string]int

func (n namer) name(want string) string {
	want = sdpath.Escape(want)
	if n[want]++; n[want] == 1 {
		return want
	}
	stem, ext := want, path.Ext(want)
	if stem = strings.TrimSuffix(want, ext); stem == "" || len(ext) > 20 {
		stem, ext = want, ""
	}
	for {
		count := " (" + strconv.Itoa(n[want]) + ")"
		name := shorten(stem, sdpath.MaxName-len(count)-len(ext)) + count + ext
		if n[name] == 0 {
			n[name] = 1
			return name
		}
		n[want]++
	}
}

// shorten cuts s to at most n bytes, between two characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
