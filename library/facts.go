package library

import (
	"cmp"
	"context"
	"database/sql"
	"log/slog"
	"slices"
)

// Facts are what is known of the objects of a volume and is not told by its listings: for
// each (volume, dir, name) a version and some bytes, which mean nothing to this package.
// Names are any bytes; dir is "" for the root and has no slash at either end.
//
// PutFact, DropFact, DropFacts, MoveFact and MoveFacts note a change and return: at once,
// unless a great many wait to be written. Changes are written in the background in the order
// in which they were noted, at most 100 ms later, to where a killed process loses none that
// was written. EachFact of this Library sees them at once. What cannot be written is tried
// again, and reported by FlushFacts and Close.

// factsPage is how many facts are read at a time.
const factsPage = 1000

// EachFact calls fn for the facts of dir whose names lie from from to to, both included, in
// the order of their bytes; to "" means no end. The bytes are shared: do not change them.
// Nothing is locked while fn runs.
func (l *Library) EachFact(ctx context.Context, volume, dir, from, to string, fn func(name, version string, data []byte)) error {
	noted, err := l.facts.noted(ctx, volume, dir, from, to)
	if err != nil {
		return err
	}
	for {
		page, err := l.readFacts(ctx, volume, dir, from, to)
		if err != nil {
			return l.explain("read facts of", err)
		}
		last := len(page) < factsPage
		for _, c := range mergeFacts(page, &noted, last) {
			fn(c.name, c.version, c.data)
		}
		if last {
			return nil
		}
		from = page[len(page)-1].name + "\x00" // the next name that there can be
	}
}

// readFacts reads the first page of what is written.
func (l *Library) readFacts(ctx context.Context, volume, dir, from, to string) ([]factChange, error) {
	query, values := factsQuery(volume, dir, from, to)
	rows, err := l.readers.QueryContext(ctx, query, values...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []factChange
	for rows.Next() {
		var name, version sql.RawBytes
		c := factChange{kind: putFact}
		if err := rows.Scan(&name, &version, &c.data); err != nil {
			return nil, err
		}
		c.name, c.version = string(name), string(version)
		page = append(page, c)
	}
	return page, rows.Err()
}

func factsQuery(volume, dir, from, to string) (query string, values []any) {
	values = []any{volume, []byte(dir), []byte(from)}
	end := ""
	if to != "" {
		end, values = " AND name <= ?", append(values, []byte(to))
	}
	return "SELECT name, version, data FROM objects WHERE volume = ? AND dir = ? AND name >= ?" + end + " ORDER BY name LIMIT ?",
		append(values, factsPage)
}

// mergeFacts puts noted changes over a page of what is written, and takes those that it has
// used from them. Unless the page is the last, changes behind its end stay for the next one.
func mergeFacts(page []factChange, noted *[]factChange, last bool) []factChange {
	n := len(*noted)
	if !last {
		end := page[len(page)-1].name
		n, _ = slices.BinarySearchFunc(*noted, end+"\x00", func(c factChange, name string) int { return cmp.Compare(c.name, name) })
	}
	over := (*noted)[:n]
	*noted = (*noted)[n:]
	if len(over) == 0 {
		return page
	}
	merged := make([]factChange, 0, len(page)+len(over))
	for len(page) > 0 || len(over) > 0 {
		switch {
		case len(over) == 0 || len(page) > 0 && page[0].name < over[0].name:
			merged, page = append(merged, page[0]), page[1:]
			continue
		case len(page) > 0 && page[0].name == over[0].name:
			page = page[1:]
		}
		if over[0].kind == putFact {
			merged = append(merged, over[0])
		}
		over = over[1:]
	}
	return merged
}

// PutFact keeps data for name under version, in place of an earlier one. The data is copied.
func (l *Library) PutFact(volume, dir, name, version string, data []byte) {
	l.facts.note(factChange{kind: putFact, volume: volume, dir: dir, name: name, version: version, data: append([]byte{}, data...)})
}

// DropFact forgets the fact of name, if there is one.
func (l *Library) DropFact(volume, dir, name string) {
	l.facts.note(factChange{kind: dropFact, volume: volume, dir: dir, name: name})
}

// DropFacts forgets all facts of dir and of all folders below it.
func (l *Library) DropFacts(volume, dir string) {
	kind := dropTree
	if dir == "" {
		kind = dropAll
	}
	l.facts.note(factChange{kind: kind, volume: volume, dir: dir})
}

// MoveFact gives the fact of one name to another, whose own is forgotten, also where the first
// has none.
func (l *Library) MoveFact(volume, oldDir, oldName, newDir, newName string) {
	if oldDir == newDir && oldName == newName {
		return
	}
	l.facts.note(factChange{kind: moveFact, volume: volume, dir: oldDir, name: oldName, newDir: newDir, newName: newName})
}

// MoveFacts moves the facts of oldDir and of all folders below it to newDir, whose own are
// forgotten. A folder cannot be moved into itself: nothing happens then.
func (l *Library) MoveFacts(volume, oldDir, newDir string) {
	if isWithin(oldDir, newDir) || isWithin(newDir, oldDir) {
		return
	}
	l.facts.note(factChange{kind: moveTree, volume: volume, dir: oldDir, newDir: newDir})
}

// FlushFacts returns when all that was noted before is written. An error says that some of it
// is not (it is tried again later), or that some was given up since the last FlushFacts.
func (l *Library) FlushFacts(ctx context.Context) error { return l.facts.flush(ctx) }

// LogTo names the log for what goes wrong in the background; else it is slog.Default. It must
// be called before the first fact is noted.
func (l *Library) LogTo(log *slog.Logger) { l.facts.log = log }

// isWithin says whether dir is top or lies below it.
func isWithin(dir, top string) bool {
	return top == "" || dir == top || len(dir) > len(top) && dir[:len(top)] == top && dir[len(top)] == '/'
}
