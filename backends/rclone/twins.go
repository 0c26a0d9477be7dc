package rclone

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"
)

// label gives each child of a folder a name of its own. Of those that share a name, the one
// with the lowest id keeps it.
func label(children []child) {
	groups := map[string][]*child{}
	taken := map[string]bool{}
	for i := range children {
		c := &children[i]
		c.label = c.leaf
		taken[c.leaf] = true
		groups[c.leaf] = append(groups[c.leaf], c)
	}
	for _, group := range groups {
		if len(group) == 1 {
			continue
		}
		slices.SortFunc(group, func(a, b *child) int { return cmp.Compare(a.id, b.id) })
		for _, c := range group[1:] {
			for n := shortID; ; n++ {
				name := suffixed(c.leaf, c.id, n)
				if !taken[name] || n > len(c.id) {
					c.label, taken[name] = name, true
					break
				}
			}
		}
	}
}

// shortID is how many characters of an id tell twins apart, as a rule.
const shortID = 6

// suffixed puts the end of an id behind a name, before its extension.
func suffixed(leaf, id string, n int) string {
	id = plainID(id)
	ext := path.Ext(leaf)
	if ext == leaf {
		ext = ""
	}
	return strings.TrimSuffix(leaf, ext) + " (" + id[max(0, len(id)-n):] + ")" + ext
}

// plainID is an id without what is neither letter nor digit.
func plainID(id string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, id)
}

var suffixPattern = regexp.MustCompile(`^(.*) \(([0-9A-Za-z]{6,})\)(\.[^.]*)?$`)

// twin finds the child that leaf was the name of when it had a twin.
func twin(children []child, leaf string) *child {
	m := suffixPattern.FindStringSubmatch(leaf)
	if m == nil {
		return nil
	}
	for i := range children {
		if c := &children[i]; c.leaf == m[1]+m[3] && strings.HasSuffix(plainID(c.id), m[2]) {
			return c
		}
	}
	return nil
}
