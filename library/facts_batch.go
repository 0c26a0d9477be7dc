package library

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
)

type factKind uint8

const (
	putFact factKind = iota
	dropFact
	dropTree
	dropAll
	moveFact
	moveTree
)

// factChange is one change of the facts of a volume.
type factChange struct {
	kind              factKind
	volume, dir, name string
	version           string
	data              []byte
	newDir, newName   string // of a move
}

// size is about what c takes in memory.
func (c *factChange) size() int {
	return 200 + len(c.dir) + len(c.name) + len(c.version) + len(c.data) + len(c.newDir) + len(c.newName)
}

type factDir struct{ volume, dir string }

// factBatch is a sequence of changes that is written as one.
type factBatch struct {
	changes []factChange
	bytes   int
	// latest finds the change of a name that comes last; but not of a volume once something
	// in it was moved or dropped whole: what there is then, the database tells once the batch
	// is written.
	latest  map[factDir]map[string]int
	moved   map[string]bool // those volumes
	attempt chan struct{}   // closed when the next attempt to write the batch has ended
	err     error           // of the last attempt
}

func newFactBatch() *factBatch {
	return &factBatch{latest: map[factDir]map[string]int{}, moved: map[string]bool{}, attempt: make(chan struct{})}
}

// add appends c, or lets it take the place of an earlier change of the same name.
func (b *factBatch) add(c factChange) {
	if c.kind != putFact && c.kind != dropFact {
		b.moved[c.volume] = true
		for at := range b.latest {
			if at.volume == c.volume {
				delete(b.latest, at)
			}
		}
		b.changes, b.bytes = append(b.changes, c), b.bytes+c.size()
		return
	}
	at := factDir{c.volume, c.dir}
	names := b.latest[at]
	if names == nil {
		names = map[string]int{}
		b.latest[at] = names
	}
	if i, ok := names[c.name]; ok {
		b.bytes += c.size() - b.changes[i].size()
		b.changes[i] = c
		return
	}
	names[c.name] = len(b.changes)
	b.changes, b.bytes = append(b.changes, c), b.bytes+c.size()
}

// overlay adds the last changes of dir's names in the range to those of earlier batches.
func (b *factBatch) overlay(over map[string]factChange, volume, dir, from, to string) {
	for name, i := range b.latest[factDir{volume, dir}] {
		if name >= from && (to == "" || name <= to) {
			over[name] = b.changes[i]
		}
	}
}

// ended notes how an attempt to write b came out and tells those who wait for it.
func (b *factBatch) ended(err error) {
	b.err = err
	close(b.attempt)
	b.attempt = make(chan struct{})
}

func sortedChanges(over map[string]factChange) []factChange {
	list := make([]factChange, 0, len(over))
	for _, c := range over {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b factChange) int { return cmp.Compare(a.name, b.name) })
	return list
}

// factStatement is one statement with the number of arguments that it takes.
type factStatement struct {
	text string
	args int
}

// factSQL is what the kinds of change do with their arguments.
var factSQL = [...][]factStatement{
	putFact: {{"INSERT INTO objects (volume, dir, name, version, data) VALUES (?1, ?2, ?3, ?4, ?5) " +
		"ON CONFLICT DO UPDATE SET version = excluded.version, data = excluded.data", 5}},
	dropFact: {{"DELETE FROM objects WHERE volume = ?1 AND dir = ?2 AND name = ?3", 3}},
	dropTree: {
		{"DELETE FROM objects WHERE volume = ?1 AND dir = ?2", 2},
		{"DELETE FROM objects WHERE volume = ?1 AND dir >= ?3 AND dir < ?4", 4},
	},
	dropAll: {{"DELETE FROM objects WHERE volume = ?1", 1}},
	moveFact: {
		{"DELETE FROM objects WHERE volume = ?1 AND dir = ?4 AND name = ?5", 5},
		{"UPDATE objects SET dir = ?4, name = ?5 WHERE volume = ?1 AND dir = ?2 AND name = ?3", 5},
	},
	moveTree: {
		{"DELETE FROM objects WHERE volume = ?1 AND dir = ?5", 5},
		{"DELETE FROM objects WHERE volume = ?1 AND dir >= ?6 AND dir < ?7", 7},
		{"UPDATE objects SET dir = ?5 WHERE volume = ?1 AND dir = ?2", 5},
		{"UPDATE objects SET dir = CAST(?5 || substr(dir, ?8) AS BLOB) WHERE volume = ?1 AND dir >= ?3 AND dir < ?4", 8},
	},
}

func (c *factChange) arguments() []any {
	dir := []byte(c.dir)
	switch c.kind {
	case putFact:
		return []any{c.volume, dir, []byte(c.name), []byte(c.version), c.data}
	case dropFact:
		return []any{c.volume, dir, []byte(c.name)}
	case dropTree:
		first, end := below(c.dir)
		return []any{c.volume, dir, first, end}
	case dropAll:
		return []any{c.volume}
	case moveFact:
		return []any{c.volume, dir, []byte(c.name), []byte(c.newDir), []byte(c.newName)}
	}
	first, end := below(c.dir)
	newFirst, newEnd := below(c.newDir)
	return []any{c.volume, dir, first, end, []byte(c.newDir), newFirst, newEnd, len(c.dir) + 1}
}

// below bounds the names of all folders below dir: from first on, before end.
func below(dir string) (first, end []byte) {
	return []byte(dir + "/"), []byte(dir + "0") // "0" follows "/"
}

// write applies the changes of b in their order, all or none.
func (b *factBatch) write(ctx context.Context, db *sql.DB, turn *turn) error {
	var tx *sql.Tx
	done, err := turn.take(ctx, func() (err error) {
		tx, err = db.BeginTx(ctx, nil)
		return err
	})
	if err != nil {
		return err
	}
	defer done()
	defer tx.Rollback()
	var prepared [len(factSQL)][]*sql.Stmt
	for i := range b.changes {
		c := &b.changes[i]
		if prepared[c.kind] == nil {
			for _, s := range factSQL[c.kind] {
				statement, err := tx.PrepareContext(ctx, s.text)
				if err != nil {
					return err
				}
				prepared[c.kind] = append(prepared[c.kind], statement)
			}
		}
		values := c.arguments()
		for k, statement := range prepared[c.kind] {
			if _, err := statement.ExecContext(ctx, values[:factSQL[c.kind][k].args]...); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}
