package guardian

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Rule says which copy of several stays.
type Rule string

// The rules. Where two copies come out the same, the one with the shorter path stays.
const (
	KeepOldest   Rule = "oldest" // by the file's own time of change
	KeepNewest   Rule = "newest"
	KeepShortest Rule = "shortest-path"
	KeepFirst    Rule = "first" // by place and path
	KeepIn       Rule = "in"    // one in a folder; where none is in it, all stay
)

// Keep is a Rule with the folder of KeepIn.
type Keep struct {
	Rule Rule
	In   Scope
}

// ParseRule reads a rule. That of KeepIn is written in:PATH; the path comes back as it is.
func ParseRule(s string) (rule Rule, path string, err error) {
	if path, ok := strings.CutPrefix(s, string(KeepIn)+":"); ok && path != "" {
		return KeepIn, path, nil
	}
	switch r := Rule(s); r {
	case KeepOldest, KeepNewest, KeepShortest, KeepFirst:
		return r, "", nil
	}
	return "", "", fmt.Errorf("no rule %q: choose oldest, newest, shortest-path, first or in:PATH", s)
}

// sort puts the copy that stays first, and of the others those sooner that should sooner stay.
// One that a restart would end comes last in any case, but for what KeepIn asks for.
func (k Keep) sort(copies []Instance) {
	slices.SortStableFunc(copies, func(a, b Instance) int {
		return cmp.Or(k.compareIn(a, b), -compareBool(a.Site.Lasting(), b.Site.Lasting()), k.compare(a, b),
			compareLength(a, b), byPath(*a.first(), *b.first()))
	})
}

func (k Keep) compare(a, b Instance) int {
	switch k.Rule {
	case KeepOldest:
		return cmp.Compare(a.first().File.ModTime, b.first().File.ModTime)
	case KeepNewest:
		return cmp.Compare(b.first().File.ModTime, a.first().File.ModTime)
	case KeepFirst:
		return byPath(*a.first(), *b.first())
	}
	return 0
}

func (k Keep) compareIn(a, b Instance) int {
	if k.Rule != KeepIn {
		return 0
	}
	return -compareBool(k.isIn(a), k.isIn(b))
}

// isIn tells whether a name of i lies in the folder of KeepIn.
func (k Keep) isIn(i Instance) bool { return inScope([]Scope{k.In}, i) }

func compareLength(a, b Instance) int { return cmp.Compare(shortest(a), shortest(b)) }

func shortest(i Instance) int {
	n := len(i.first().Path)
	for _, c := range i.Names[1:] {
		n = min(n, len(c.Path))
	}
	return n
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// why tells what the first copy stays for.
func (k Keep) why() string {
	switch k.Rule {
	case KeepOldest:
		return "the oldest"
	case KeepNewest:
		return "the newest"
	case KeepShortest:
		return "the shortest path"
	case KeepIn:
		return "in the folder to keep"
	}
	return "the first"
}
