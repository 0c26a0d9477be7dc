package catalog

import (
	"context"
	"database/sql/driver"
	"time"
)

// How long a content without copies is known, how long the identity of a file that is gone waits for
// it at most, and how often both are looked for.
const (
	lostAge    = 30 * 24 * time.Hour
	waitAge    = 24 * time.Hour
	sweepEvery = 24 * time.Hour
)

// Sweep forgets contents that have been without copies for a month, and returns how many; until
// then Content knows them. It also forgets what waits for Adopt since yesterday. It does so
// once a day and at other times returns at once, so call it after any long work. It changes
// a part at a time, so that others can write in between; one that was cut short goes on a
// day later.
func (c *Catalog) Sweep(ctx context.Context) (int64, error) { return c.sweep(ctx, time.Now()) }

func (c *Catalog) sweep(ctx context.Context, now time.Time) (forgotten int64, err error) {
	due := func(db *conn) (bool, error) {
		last, err := db.number("SELECT swept FROM catalog")
		age := now.Sub(time.Unix(last, 0))
		return age >= sweepEvery || age < 0, err // or the clock was set back
	}
	var is bool
	if err := c.read(ctx, func(db *conn) (err error) {
		is, err = due(db)
		return err
	}); err != nil || !is {
		return 0, err
	}
	err = c.Update(ctx, func(tx *Tx) error {
		if is, err = due(tx.conn); err != nil || !is { // another process was faster
			return err
		}
		return tx.each("UPDATE catalog SET swept = ?", nil, now.Unix())
	})
	if err != nil || !is {
		return 0, err
	}
	for more := true; more; {
		if err := c.Update(ctx, func(tx *Tx) (err error) {
			more, err = tx.change(`DELETE FROM orphans WHERE (root, inode, size, mtime) IN
				(SELECT root, inode, size, mtime FROM orphans WHERE seen < ? LIMIT ?)`, now.Add(-waitAge).Unix(), int64(c.limits.sweepRows))
			return err
		}); err != nil {
			return 0, err
		}
	}
	for after := Key(0); after < 1<<keyBits; {
		to := Key(1) << keyBits
		err := c.Update(ctx, func(tx *Tx) error {
			if _, err := tx.first("SELECT key FROM contents WHERE key > ? ORDER BY key LIMIT 1 OFFSET ?", func(row []driver.Value) error {
				to = Key(integer(row[0]))
				return nil
			}, int64(after), int64(c.limits.sweepRows)); err != nil {
				return err
			}
			n, err := tx.sweep(after, to, now)
			forgotten += n
			return err
		})
		if err != nil {
			return forgotten, err
		}
		after = to
	}
	return forgotten, nil
}

// sweep is Sweep for the contents with Keys above after, up to to.
func (tx *Tx) sweep(after, to Key, now time.Time) (forgotten int64, err error) {
	const found = `DELETE FROM lost WHERE content > ? AND content <= ?
		AND NOT EXISTS (SELECT 1 FROM contents WHERE key = lost.content AND NOT ` + hasCopy + `)`
	if err := tx.each(found, nil, int64(after), int64(to)); err != nil {
		return 0, err
	}
	if err := tx.each("INSERT OR IGNORE INTO lost (content, since) SELECT key, ? FROM contents WHERE key > ? AND key <= ? AND NOT "+hasCopy,
		nil, now.Unix(), int64(after), int64(to)); err != nil {
		return 0, err
	}
	// The row before another one may be why that one has not the first Key of its id. What an
	// orphan names is still wanted.
	if err := tx.each(`DELETE FROM contents WHERE key IN (SELECT content FROM lost WHERE content > ? AND content <= ? AND since <= ?)
		AND key NOT IN (SELECT content FROM orphans)
		AND NOT EXISTS (SELECT 1 FROM contents AS other WHERE other.key = contents.key % 140737488355327 + 1)
		RETURNING 1`, func([]driver.Value) error { forgotten++; return nil },
		int64(after), int64(to), now.Add(-lostAge).Unix()); err != nil || forgotten == 0 {
		return 0, err
	}
	return forgotten, tx.each(found, nil, int64(after), int64(to))
}
