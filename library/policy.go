package library

import (
	"context"
	"database/sql"
	"fmt"
	iofs "io/fs"
	"strings"
	"time"

	"sd/library/catalog"
)

// Difference is a set of what the copies that a policy asks for must not share.
type Difference uint8

// What copies may be asked not to share.
const (
	DifferentDevice Difference = 1 << iota // a machine, a server or a bucket
	DifferentMedium                        // ssd, hdd, network, cloud
	DifferentVolume                        // a file system or a bucket
)

var differences = []struct {
	bit  Difference
	name string
}{{DifferentDevice, "device"}, {DifferentMedium, "medium"}, {DifferentVolume, "volume"}}

// MaxCopies is the most copies that a policy can ask for.
const MaxCopies = 100

// ParseDifference reads what String writes, in any order; "" is none.
func ParseDifference(s string) (Difference, error) {
	var d Difference
	for word := range strings.SplitSeq(s, ",") {
		word = strings.TrimSpace(word)
		known := word == ""
		for _, n := range differences {
			if n.name == word {
				d, known = d|n.bit, true
			}
		}
		if !known {
			return 0, fmt.Errorf("copies cannot differ in %q: choose among device, medium and volume", word)
		}
	}
	return d, nil
}

// String is a list such as "device,medium".
func (d Difference) String() string { return strings.Join(d.Names(), ",") }

// Names are the words of String, never nil.
func (d Difference) Names() []string {
	names := []string{}
	for _, n := range differences {
		if d&n.bit != 0 {
			names = append(names, n.name)
		}
	}
	return names
}

// Policy says how many copies there should be of each file at Path of Place or below it.
// Of the policies above a file the nearest counts, alone.
type Policy struct {
	Place     catalog.Place
	Path      string // as in catalog.Copy: no slash at either end, "" is the root
	Copies    int    // from 1 to MaxCopies; 1 asks for nothing
	Different Difference
	Created   time.Time
}

// SetPolicy keeps a policy, in place of an earlier one for the same path. A zero Created
// means now.
func (l *Library) SetPolicy(ctx context.Context, p Policy) error {
	if p.Copies < 1 || p.Copies > MaxCopies {
		return fmt.Errorf("a policy of %d copies cannot be: choose from 1 to %d", p.Copies, MaxCopies)
	}
	if p.Created.IsZero() {
		p.Created = time.Now()
	}
	return l.write(ctx, "set a policy in", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO policies (place, path, copies, different, created) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (place, path) DO UPDATE SET copies = excluded.copies, different = excluded.different, created = excluded.created`,
			string(p.Place), []byte(p.Path), p.Copies, p.Different.String(), p.Created.UnixMilli())
		return err
	})
}

// Policies returns the policies by place and path. The slice is the caller's.
func (l *Library) Policies(ctx context.Context) ([]Policy, error) {
	rows, err := l.readers.QueryContext(ctx, "SELECT place, path, copies, different, created FROM policies ORDER BY place, path")
	if err != nil {
		return nil, l.explain("list policies of", err)
	}
	defer rows.Close()
	var list []Policy
	for rows.Next() {
		var (
			p                Policy
			place, different string
			path             []byte
			created          int64
		)
		err := rows.Scan(&place, &path, &p.Copies, &different, &created)
		if err == nil {
			if p.Different, err = ParseDifference(different); err != nil {
				err = &corruptError{fmt.Sprintf("a policy is damaged: %v", err)}
			}
		}
		if err != nil {
			return nil, l.explain("list policies of", err)
		}
		p.Place, p.Path, p.Created = catalog.Place(place), string(path), time.UnixMilli(created).UTC()
		list = append(list, p)
	}
	return list, l.explain("list policies of", rows.Err())
}

// RemovePolicy forgets the policy for exactly that path. If there is none, that is
// fs.ErrNotExist.
func (l *Library) RemovePolicy(ctx context.Context, place catalog.Place, path string) error {
	return l.write(ctx, "remove a policy from", func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "DELETE FROM policies WHERE place = ? AND path = ?", string(place), []byte(path))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return errNoPolicy
	})
}

var errNoPolicy = &iofs.PathError{Op: "remove", Path: "policy", Err: iofs.ErrNotExist}
