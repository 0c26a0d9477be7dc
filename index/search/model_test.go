package search

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"sd/library/catalog"
)

// row is a file or folder as the model knows it. The model does all that the package does, in the
// plainest way: each row is compared with the query by itself.
type row struct {
	place  catalog.Place
	bucket string   // the name of a cloud volume
	path   []string // from the place on, its own name last
	folder bool
	file   catalog.File
}

func (r *row) name() string { return r.path[len(r.path)-1] }

// words of a query, as the model reads them. They are made by the tests, not from a text.
type modelQuery struct {
	Query
	words []string // not folded
	globs []string // on the name, folded; or on the path where there is a slash
}

func folded(s string) string { return string(fold(nil, s)) }

// finds tells whether the query finds r, and how well.
func (q *modelQuery) finds(r *row, in [][]string) (Rank, bool) {
	if len(in) > 0 && !slices.ContainsFunc(in, func(dir []string) bool {
		return len(r.path) >= len(dir) && string(r.place) == dir[0] && slices.Equal(r.path[:len(dir)-1], dir[1:])
	}) {
		return 0, false
	}
	comps := make([]string, 0, len(r.path)+1)
	if r.bucket != "" {
		comps = append(comps, folded(r.bucket))
	}
	for _, p := range r.path {
		comps = append(comps, folded(p))
	}
	whole := "/" + strings.Join(comps, "/")
	name := folded(r.name())
	inName, starts := true, true
	for _, w := range q.words {
		w = folded(w)
		if strings.Contains(w, "/") {
			if !strings.Contains(whole, w) {
				return 0, false
			}
			continue
		}
		if !slices.ContainsFunc(comps, func(c string) bool { return strings.Contains(c, w) }) {
			return 0, false
		}
		inName = inName && strings.Contains(name, w)
		starts = starts && modelStarts(name, w)
	}
	for _, g := range q.globs {
		if !modelGlob(g, comps, r.bucket != "") {
			return 0, false
		}
	}
	if !q.filters(r, name) {
		return 0, false
	}
	return q.rank(name, inName, starts), true
}

func (q *modelQuery) filters(r *row, name string) bool {
	kind := r.file.Kind
	if r.folder {
		kind = catalog.KindFolder
	}
	if len(q.Kinds) > 0 && !slices.Contains(q.Kinds, kind) {
		return false
	}
	if len(q.Exts) > 0 && (r.folder || !slices.ContainsFunc(q.Exts, func(e string) bool {
		e = "." + folded(strings.TrimPrefix(e, "."))
		return strings.HasSuffix(name, e) && name != e
	})) {
		return false
	}
	if (q.MinSize > 0 || q.MaxSize != 0) && (r.folder || r.file.Size < q.MinSize || q.MaxSize != 0 && r.file.Size > max(q.MaxSize, 0)) {
		return false
	}
	t := seconds(r.file.ModTime)
	return (q.After.IsZero() || t >= q.After.Unix()) && (q.Before.IsZero() || t < q.Before.Unix())
}

func (q *modelQuery) rank(name string, inName, starts bool) Rank {
	var plain []string
	for _, w := range q.words {
		if !strings.Contains(w, "/") {
			plain = append(plain, folded(w))
		}
	}
	all := strings.Join(plain, " ")
	stem := name
	if i := strings.LastIndex(name, "."); i >= 0 {
		stem = name[:i]
	}
	switch {
	case len(plain) == 0:
		return RankName
	case !inName:
		return RankPath
	case name == all:
		return RankName
	case stem == all:
		return RankStem
	case strings.HasPrefix(name, all):
		return RankPrefix
	case starts:
		return RankWord
	}
	return RankPart
}

func modelStarts(name, w string) bool {
	kind := func(c byte) int {
		switch {
		case c >= utf8.RuneSelf || strings.IndexByte("abcdefghijklmnopqrstuvwxyz", c) >= 0:
			return 1
		case strings.IndexByte("0123456789", c) >= 0:
			return 2
		}
		return 0
	}
	for i := 0; i+len(w) <= len(name); i++ {
		if name[i:i+len(w)] == w && (i == 0 || kind(name[i-1]) == 0 || kind(name[i-1]) != kind(name[i])) {
			return true
		}
	}
	return false
}

// modelGlob tells whether a pattern fits a path, whose first part is a bucket if so said.
func modelGlob(g string, comps []string, bucket bool) bool {
	if !strings.Contains(g, "/") {
		return modelMatch(g, comps[len(comps)-1])
	}
	pieces := slices.DeleteFunc(strings.Split(g, "/"), func(s string) bool { return s == "" })
	if g[0] == '/' {
		if bucket {
			comps = comps[1:]
		}
		return modelSteps(pieces, comps)
	}
	for i := range comps {
		if modelSteps(pieces, comps[i:]) {
			return true
		}
	}
	return false
}

func modelSteps(steps, comps []string) bool {
	switch {
	case len(steps) == 0:
		return len(comps) == 0
	case steps[0] == "**" && len(steps) == 1:
		return len(comps) > 0
	case steps[0] == "**":
		return modelSteps(steps[1:], comps) || len(comps) > 0 && modelSteps(steps, comps[1:])
	}
	return len(comps) > 0 && modelMatch(steps[0], comps[0]) && modelSteps(steps[1:], comps[1:])
}

// modelMatch knows "*", "?" and simple classes.
func modelMatch(g, name string) bool {
	if g == "" {
		return name == ""
	}
	if g[0] == '*' {
		for i := 0; ; {
			if modelMatch(g[1:], name[i:]) {
				return true
			}
			if i == len(name) {
				return false
			}
			_, size := utf8.DecodeRuneInString(name[i:])
			i += size
		}
	}
	r, size := utf8.DecodeRuneInString(name)
	if size == 0 {
		return false
	}
	c, length := utf8.DecodeRuneInString(g)
	switch c {
	case '?':
	case '[':
		end := strings.IndexByte(g, ']')
		if !strings.ContainsRune(g[1:end], r) {
			return false
		}
		length = end + 1
	default:
		if c != r || name[:size] != g[:length] {
			return false
		}
	}
	return modelMatch(g[length:], name[size:])
}

// found is a row with its rank.
type found struct {
	*row
	rank Rank
}

// search returns what the query finds, in the order of hits.
func (q *modelQuery) search(rows []row, in [][]string) []found {
	var list []found
	for i := range rows {
		if rank, ok := q.finds(&rows[i], in); ok {
			list = append(list, found{&rows[i], rank})
		}
	}
	slices.SortFunc(list, func(a, b found) int {
		x, y := folded(a.name()), folded(b.name())
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(len(x), len(y)), cmp.Compare(seconds(b.file.ModTime), seconds(a.file.ModTime)),
			cmp.Compare(a.place, b.place), slices.Compare(a.path[:len(a.path)-1], b.path[:len(b.path)-1]),
			bytes.Compare([]byte(x), []byte(y)), cmp.Compare(a.name(), b.name()), foldersFirst(a.folder, b.folder))
	})
	return list
}

func foldersFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
