// Package library keeps what sd knows between runs: devices, volumes, settings, and facts
// about the objects of volumes that their listings do not tell.
// A library is one portable directory, NAME.sdlibrary, below a data directory; it
// holds one SQLite database. Any number of processes may have it open at once.
package library

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"sd/library/catalog"
)

// Library is an open library. Its methods are safe for concurrent use; they block on
// the disk, and a writer waits up to ten seconds for the writer of another process.
type Library struct {
	name     string
	dir      string
	identity *identity

	writer  *sql.DB // one connection, whose transactions take the write lock at once
	readers *sql.DB
	watch   *sql.Conn // of readers; kept, so that Generation never waits for one
	facts   *facts
	turn    *turn // of all that write

	catalogWriter  *sql.DB
	catalogReaders *sql.DB
	catalog        *catalog.Catalog

	mu   sync.Mutex
	this Device
}

// Info describes a library.
type Info struct {
	Name    string
	Path    string // the directory
	ID      uuid.UUID
	Created time.Time
	Schema  int // the database's user_version
	Devices int
	Volumes int
	Bytes   int64 // on disk
}

// Open opens the library called name below dataDir and adds this device to it. The
// name "" means the current library; where there is none yet, "default" is made.
// Errors that a user can act on: *NameError, *NotFoundError, *DamagedError,
// *NewerError, *AccessError, and *SlugTakenError where another device of the library
// has the same slug (OpenForRename still opens it). The caller closes the library.
func Open(ctx context.Context, dataDir, name string) (*Library, error) {
	l, err := OpenForRename(ctx, dataDir, name)
	if err != nil {
		return nil, err
	}
	if err := l.join(ctx); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// OpenForRename is Open without adding this device to the library, so that it works
// while another device has its slug. RenameDevice, on either of the two, resolves that.
// ThisDevice is then known even if Devices does not list it.
func OpenForRename(ctx context.Context, dataDir, name string) (*Library, error) {
	if name == "" {
		current, err := Current(dataDir)
		if err != nil {
			return nil, err
		}
		if name = current; name == "" {
			name = DefaultName
			if err := create(ctx, dataDir, name); err != nil && !isExists(err) {
				return nil, err
			}
		}
	}
	return open(ctx, dataDir, name)
}

// Create makes a library and opens it as Open does. The first one of a data directory
// becomes current. An existing name is an *ExistsError.
func Create(ctx context.Context, dataDir, name string) (*Library, error) {
	if err := create(ctx, dataDir, name); err != nil {
		return nil, err
	}
	return Open(ctx, dataDir, name)
}

func open(ctx context.Context, dataDir, name string) (*Library, error) {
	dir, err := find(dataDir, name)
	if err != nil {
		return nil, err
	}
	if err := inspect(ctx, dir); err != nil {
		return nil, err
	}
	id, err := loadIdentity(ctx, dataDir)
	if err != nil {
		return nil, err
	}
	turn := newTurn(dir)
	l := &Library{name: name, dir: dir, identity: id, this: id.device(), facts: newFacts(dir, turn), turn: turn}
	if err := l.connect(ctx); err != nil {
		l.Close()
		return nil, l.explain("open", err)
	}
	if err := l.knowThis(ctx); err != nil {
		l.Close()
		return nil, err
	}
	tighten(dir)
	return l, nil
}

func (l *Library) connect(ctx context.Context) error {
	var err error
	if l.writer, err = sql.Open("sqlite3", dsn(l.dir, writerOptions)); err != nil {
		return err
	}
	l.writer.SetMaxOpenConns(1)
	if err := migrate(ctx, l.dir, l.writer); err != nil {
		return err
	}
	if l.readers, err = sql.Open("sqlite3", dsn(l.dir, readerOptions)); err != nil {
		return err
	}
	l.readers.SetMaxOpenConns(5)
	l.readers.SetMaxIdleConns(3)
	if err := l.openCatalog(); err != nil {
		return err
	}
	l.watch, err = l.readers.Conn(ctx)
	return err
}

// Close writes the facts that were noted and ends the use of l; what still runs fails.
// Further calls do nothing.
func (l *Library) Close() error {
	first := l.facts.close()
	if l.watch != nil {
		l.watch.Close()
	}
	for _, db := range []*sql.DB{l.catalogReaders, l.catalogWriter, l.readers, l.writer} {
		if db != nil {
			if err := db.Close(); err != nil && first == nil {
				first = err
			}
		}
	}
	l.turn.close()
	return l.explain("close", first)
}

// Catalog returns what is indexed. It ends with l.
func (l *Library) Catalog() *catalog.Catalog { return l.catalog }

// Name returns the library's name.
func (l *Library) Name() string { return l.name }

// Dir returns the library's directory.
func (l *Library) Dir() string { return l.dir }

// Generation returns a number that differs from the last one when a process, also
// this one, has committed a change in between, other than of facts and of the catalog. It compares only with
// numbers from the same Library and costs some microseconds.
func (l *Library) Generation(ctx context.Context) (int64, error) {
	var n int64
	err := l.watch.QueryRowContext(ctx, "SELECT n FROM changes").Scan(&n)
	return n, l.explain("look for changes", err)
}

// Check reads the whole database for damage, which is a *DamagedError. It takes long
// on a large library.
func (l *Library) Check(ctx context.Context) error {
	return l.explain("check", quickCheck(ctx, l.readers))
}

// Info describes the library.
func (l *Library) Info(ctx context.Context) (Info, error) {
	info := Info{Name: l.name, Path: l.dir}
	var id, created string
	err := l.readers.QueryRowContext(ctx, `SELECT
		(SELECT count(*) FROM devices), (SELECT count(*) FROM volumes),
		(SELECT user_version FROM pragma_user_version),
		coalesce((SELECT value FROM settings WHERE key = ?), ''),
		coalesce((SELECT value FROM settings WHERE key = ?), '')`, settingID, settingCreated).
		Scan(&info.Devices, &info.Volumes, &info.Schema, &id, &created)
	if err != nil {
		return Info{}, l.explain("describe", err)
	}
	if info.ID, err = uuid.Parse(id); err != nil {
		return Info{}, &DamagedError{Path: databasePath(l.dir), Err: fmt.Errorf("its id %q is invalid", id)}
	}
	ms, err := strconv.ParseInt(created, 10, 64)
	if err != nil {
		return Info{}, &DamagedError{Path: databasePath(l.dir), Err: fmt.Errorf("its date %q is invalid", created)}
	}
	info.Created = time.UnixMilli(ms).UTC()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if fi, err := os.Stat(databasePath(l.dir) + suffix); err == nil {
			info.Bytes += fi.Size()
		}
	}
	return info, nil
}

// write runs fn in a transaction that holds the write lock from its start. Errors of
// fn come back as they are.
func (l *Library) write(ctx context.Context, op string, fn func(*sql.Tx) error) error {
	var tx *sql.Tx
	done, err := l.turn.take(ctx, func() (err error) {
		tx, err = l.writer.BeginTx(ctx, nil)
		return err
	})
	if err != nil {
		return l.explain(op, err)
	}
	defer done()
	defer tx.Rollback()
	if err := fn(tx); err != nil {
		return l.explain(op, err)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE changes SET n = n + 1"); err != nil {
		return l.explain(op, err)
	}
	return l.explain(op, tx.Commit())
}
