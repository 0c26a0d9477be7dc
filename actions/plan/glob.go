package plan

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"sd/actions/compare"
	"sd/actions/steps"
	"sd/actions/stores"
)

// glob finds what a name with special characters matches. Nothing is an error.
func (p *planner) glob(ctx context.Context, st stores.Store, pattern string, s steps.Source, fn func(root) error) error {
	if !doublestar.ValidatePattern(pattern) {
		return fmt.Errorf(`%s: not a pattern: close the "[" or "{", or put "\" before it`, uri(st, pattern))
	}
	g := globber{planner: p, st: st, folders: s.Slash, fn: fn}
	_, g.dots = st.(*stores.Local)
	dir, rest := "", pattern
	if g.dots {
		dir, rest = "/", strings.TrimPrefix(pattern, "/")
	}
	if err := g.expand(ctx, dir, rest); err != nil {
		return err
	}
	if !g.found {
		return fmt.Errorf("%s matches nothing", uri(st, pattern))
	}
	return nil
}

// globber expands one pattern, segment by segment; with "**" in it, by a walk of all that lies
// below.
type globber struct {
	planner *planner
	st      stores.Store
	dots    bool // names that begin with a dot have to be matched by one, as in the shell
	folders bool // the pattern has a slash behind it: only what is in folders is meant
	found   bool
	fn      func(root) error
}

func (g *globber) expand(ctx context.Context, dir, pattern string) error {
	seg, rest := splitPattern(pattern)
	for !compare.HasMeta(seg) && rest != "" {
		dir = g.st.Join(dir, seg)
		seg, rest = splitPattern(rest)
	}
	if strings.Contains(seg, "**") || strings.Contains(seg, "/") {
		return g.walk(ctx, dir, pattern[len(pattern)-len(joined(seg, rest)):])
	}
	if !compare.HasMeta(seg) {
		e, err := g.st.Stat(ctx, g.st.Join(dir, seg))
		if errors.Is(err, iofs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return g.match(&e)
	}
	err := g.st.Children(ctx, dir, func(e *stores.Entry) error {
		base := g.st.Rel(dir, e.Name)
		if !g.shows(e, base, seg) || !doublestar.MatchUnvalidated(seg, base) {
			return nil
		}
		if rest == "" {
			return g.match(e)
		}
		if e.Kind != stores.Dir {
			return nil
		}
		return g.expand(ctx, e.Name, rest)
	})
	return g.forgive(err)
}

// walk matches a pattern with "**" against all below dir.
func (g *globber) walk(ctx context.Context, dir, pattern string) error {
	err := g.st.Walk(ctx, dir, stores.WalkOptions{Problem: g.planner.unlisted(g.st)}, func(e *stores.Entry) error {
		rel := g.st.Rel(dir, e.Name)
		if !g.shows(e, rel[strings.LastIndexByte(rel, '/')+1:], pattern[strings.LastIndexByte(pattern, '/')+1:]) {
			return skipFolder(e)
		}
		if !doublestar.MatchUnvalidated(pattern, rel) {
			return nil
		}
		if err := g.match(e); err != nil {
			return err
		}
		return skipFolder(e) // it goes with all that is in it
	})
	return g.forgive(err)
}

// forgive takes a folder that is not there to be empty: it may match nothing.
func (g *globber) forgive(err error) error {
	if errors.Is(err, iofs.ErrNotExist) && !g.found {
		return nil
	}
	return err
}

// shows tells whether patterns see the file.
func (g *globber) shows(e *stores.Entry, base, pattern string) bool {
	if compare.Own(g.st, e.Name) {
		return false
	}
	return !g.dots || !strings.HasPrefix(base, ".") || strings.HasPrefix(pattern, ".")
}

func (g *globber) match(e *stores.Entry) error {
	if g.folders && e.Kind != stores.Dir {
		return nil
	}
	g.found = true
	_, base := g.st.Split(e.Name)
	r := root{st: g.st, entry: *e, base: base, matched: true}
	if g.folders && g.planner.spec.Action != steps.Remove {
		r.base = ""
	}
	return g.fn(r)
}

// splitPattern parts the first segment from the others. A slash in braces parts nothing.
func splitPattern(pattern string) (seg, rest string) {
	depth := 0
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			depth--
		case '/':
			if depth <= 0 {
				return pattern[:i], pattern[i+1:]
			}
		}
	}
	return pattern, ""
}

func joined(seg, rest string) string {
	if rest == "" {
		return seg
	}
	return seg + "/" + rest
}

// skipFolder leaves out what is in a folder.
func skipFolder(e *stores.Entry) error {
	if e.Kind == stores.Dir {
		return iofs.SkipDir
	}
	return nil
}
