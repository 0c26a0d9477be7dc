package plan

import (
	"hash/maphash"
	"strings"
	"unicode/utf8"

	"sd/actions/stores"
)

// names are those that go to the target, to notice two that are one: by their hash alone,
// since there may be millions.
type names struct {
	fold func(string) string // where names that differ in case alone are one: to what they are folded
	seed maphash.Seed
	set  map[uint64]taker
}

// taker is what has taken a name.
type taker uint8

const (
	file taker = iota
	someFolder
	wholeFolder // that is renamed with all in it, so that nothing else can go there
)

func newNames(fold func(string) string) *names {
	return &names{fold: fold, seed: maphash.MakeSeed(), set: map[uint64]taker{}}
}

// take notes a name, and tells whether it was free, or what is in two folders can go into one. On
// nil all are free.
func (n *names) take(name string, by taker) bool {
	if n == nil {
		return true
	}
	if n.fold != nil {
		name = n.fold(name)
	}
	key := maphash.String(n.seed, name)
	old, taken := n.set[key]
	if taken {
		return old == someFolder && by == someFolder
	}
	n.set[key] = by
	return true
}

// why says what is wrong where take was false.
func (n *names) why() string {
	if n.fold != nil {
		return "another source has this name, or one that differs in case alone, which the file system or service there does not tell apart"
	}
	return "another source has the same name"
}

func sameName(a, b string) bool { return strings.TrimSuffix(a, "/") == strings.TrimSuffix(b, "/") }

// Longest names, in bytes.
const (
	maxKey  = 1024
	maxPath = 4095
)

// named tells whether the target can hold the name of a file or folder that comes from x, and
// denies the file if not.
func (c *copier) named(from stores.Store, x *stores.Entry, name string) bool {
	why := ""
	base := name[strings.LastIndexByte(name, '/')+1:]
	switch {
	case c.to.local == nil && len(name) > maxKey:
		why = "its key would be longer than the 1,024 bytes that services take"
	case c.to.local == nil && isLocalStore(from) && !utf8.ValidString(name):
		why = "its name is not in UTF-8, and services take no other, or cannot list it: rename it first"
	case c.to.local == nil:
	case len(name) > maxPath:
		why = "its path would be longer than the system allows"
	case c.to.forbids != "" && (strings.ContainsAny(base, c.to.forbids) || strings.ContainsFunc(base, isControl)):
		why = "the file system there allows no name with such characters: " + c.to.forbids
	case c.to.forbids != "" && strings.HasSuffix(strings.TrimRight(base, " "), "."), c.to.forbids != "" && strings.HasSuffix(base, " "):
		why = "the file system there allows no name that ends with a dot or a space"
	case strings.HasPrefix(base, "%%") && !isLocalStore(from):
		c.sum.Warn("escaped", "keys that no file can be called are escaped, as in a mount", uri(from, x.Name))
	}
	if why != "" {
		c.deny(uri(from, x.Name), uri(c.to.st, name), why)
	}
	return why == ""
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
