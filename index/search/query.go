package search

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"strings"
	"time"

	"sd/library/catalog"
	"sd/sdpath"
)

// DefaultLimit is how many hits a user is shown who has not said how many.
const DefaultLimit = 100

// Query says which files and folders are wanted. What is left at zero asks for nothing.
type Query struct {
	// Text has words, phrases in double quotes and patterns, between blanks; all must match,
	// without regard to case or to how accents are composed.
	//   - A word or phrase is found in the name, or in the name of a folder above. One with a
	//     slash in it is found in the whole path: "2024/rome".
	//   - A pattern has "*", "?" or "[a-z]" in it. It must fit the whole name, or, with a slash
	//     in it, the end of the path ("rome/*.jpg"), and from the root on if it begins with
	//     a slash. "**" stands for any number of folders.
	//   - A backslash takes from the next character what is special about it.
	Text  string
	Kinds []catalog.Kind // any of these; catalog.KindFolder asks for folders
	Exts  []string       // any of these, with or without a dot in front: "pdf", ".tar.gz"
	// MinSize and MaxSize are in bytes and bound the size of files, both included; with
	// either, no folder is found. A MaxSize of 0 is no bound, one below 0 wants empty files.
	MinSize, MaxSize int64
	// After and Before bound when a file was changed, to the second: the first is included,
	// the second is not. A zero time is no bound.
	After, Before time.Time
	// In are folders in or below which to look: on a device or in a cloud volume. None means
	// everywhere.
	In []sdpath.Path
	// Limit is how many of the best hits are wanted. 0 means all, in no order of rank.
	Limit int
	// Content asks for File.Content, File.Proof and Hit.Content too, and for times to the
	// nanosecond. It costs a look into the database for each hit.
	Content bool
}

// QueryError says what is wrong with a query's text.
type QueryError struct {
	Text string
	Why  string
}

func (e *QueryError) Error() string { return fmt.Sprintf("query %q: %s", e.Text, e.Why) }

// Is makes it fs.ErrInvalid.
func (e *QueryError) Is(target error) bool { return target == iofs.ErrInvalid }

// term is one piece of a query's text. Its text is folded; patterns still have their
// special characters and backslashes, the others have none.
type term struct {
	text    string
	pattern bool
}

var errQuote = errors.New(`a quote is not closed; write \" for one that is part of a name`)

// split cuts a query's text into its terms.
func split(text string) ([]term, error) {
	var list []term
	for {
		text = strings.TrimLeft(text, " \t\r\n")
		if text == "" {
			return list, nil
		}
		t, rest, err := next(text)
		if err != nil {
			return nil, err
		}
		if t.text != "" {
			t.text = string(fold(nil, t.text))
			list = append(list, t)
		}
		text = rest
	}
}

// next takes the first term from text, which does not begin with a blank. Quotes may
// begin and end within a term, as in a shell; nothing between them is special. What
// is not special in a term that becomes a pattern is marked by a backslash.
func next(text string) (t term, rest string, err error) {
	var plain, pattern strings.Builder
	quoted := false
	i := 0
	for ; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '"':
			quoted = !quoted
			continue
		case c == '\\' && !quoted && i+1 < len(text):
			i++
			c = text[i]
			pattern.WriteByte('\\')
		case quoted && special(c):
			pattern.WriteByte('\\')
		case quoted:
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			return finish(&plain, &pattern, t), text[i:], nil
		case c == '\\':
			pattern.WriteByte('\\')
		case c == '*' || c == '?' || c == '[':
			t.pattern = true
		}
		plain.WriteByte(c)
		pattern.WriteByte(c)
	}
	if quoted {
		return term{}, "", errQuote
	}
	return finish(&plain, &pattern, t), "", nil
}

func finish(plain, pattern *strings.Builder, t term) term {
	t.text = plain.String()
	if t.pattern {
		t.text = pattern.String()
	}
	return t
}

func special(c byte) bool { return strings.IndexByte(`*?[]\`, c) >= 0 }
