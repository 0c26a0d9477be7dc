package library

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is not a sound library is refused and left as it is.
func TestDamagedDatabases(t *testing.T) {
	ctx, data := t.Context(), t.TempDir()
	l := mustOpen(t, data, "")
	for _, name := range []string{"a", "b", "c", "d"} {
		if err := l.AddVolume(ctx, Volume{Fingerprint: name, Name: name, Identifier: strings.Repeat(name, 3000)}); err != nil {
			t.Fatal(err)
		}
	}
	path := databasePath(l.Dir())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(sound)) }

	var (
		damaged *DamagedError
		newer   *NewerError
	)
	for _, tt := range []struct {
		name    string
		content []byte
		want    any
	}{
		{"empty", nil, &damaged},
		{"text", []byte("this is not a database, it is a text that is longer than a header of a database would be, I think, by now"), &damaged},
		{"zeros", make([]byte, 8192), &damaged},
		{"header only", sound[:100], &damaged},
		{"one page", sound[:4096], &damaged},
		{"last page missing", sound[:len(sound)-4096], &damaged},
		{"half a page missing", sound[:len(sound)-2048], &damaged},
		{"garbage in the middle", change(func(b []byte) []byte {
			for i := 4096; i < len(b); i++ {
				b[i] = byte(i * 7)
			}
			return b
		}), &damaged},
		{"garbage in the schema", change(func(b []byte) []byte {
			for i := 100; i < 4096; i++ {
				b[i] = 0xff
			}
			return b
		}), &damaged},
		{"another application", change(func(b []byte) []byte { binary.BigEndian.PutUint32(b[68:], 1234); return b }), &damaged},
		{"no version", change(func(b []byte) []byte { binary.BigEndian.PutUint32(b[60:], 0); return b }), &damaged},
		{"negative version", change(func(b []byte) []byte { binary.BigEndian.PutUint32(b[60:], 1<<31); return b }), &damaged},
		{"newer version", change(func(b []byte) []byte { binary.BigEndian.PutUint32(b[60:], 99); return b }), &newer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(path, tt.content, 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				l, err := Open(ctx, data, "")
				if !errors.As(err, tt.want) {
					t.Errorf("Open = %v, %v, want %T", l, err, tt.want)
				}
			}
			if _, err := Create(ctx, data, "default"); !isExists(err) {
				t.Errorf("Create over it: %v, want an ExistsError", err)
			}
			if got, err := os.ReadFile(path); !bytes.Equal(got, tt.content) || err != nil {
				t.Errorf("the file was changed (%v)", err)
			}
		})
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, data, ""); !errors.As(err, &damaged) {
		t.Errorf("without a database: %v, want a DamagedError", err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, data, ""); !errors.As(err, &damaged) {
		t.Errorf("with a directory for a database: %v, want a DamagedError", err)
	}
}

// Another program's database is not turned into one of ours.
func TestForeignDatabase(t *testing.T) {
	data := t.TempDir()
	l := mustOpen(t, data, "")
	path := databasePath(l.Dir())
	l.Close()
	os.Remove(path)
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE t (x); INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	before, _ := os.ReadFile(path)
	var damaged *DamagedError
	if _, err := Open(t.Context(), data, ""); !errors.As(err, &damaged) {
		t.Errorf("Open: %v, want a DamagedError", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the file was changed")
	}
}

// A process that is killed leaves the -wal behind; nothing committed is lost.
func TestRecoveryFromALeftWAL(t *testing.T) {
	ctx, data := t.Context(), t.TempDir()
	l := mustOpen(t, data, "")
	if err := l.SetSetting(ctx, "k", "committed"); err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	for _, name := range []string{"library.db", "library.db-wal"} {
		if err := os.MkdirAll(libraryDir(copied, "default"), 0o700); err != nil {
			t.Fatal(err)
		}
		copyFile(t, filepath.Join(libraryDir(copied, "default"), name), filepath.Join(l.Dir(), name))
	}
	copyFile(t, filepath.Join(copied, "device.json"), filepath.Join(data, "device.json"))
	again := mustOpen(t, copied, "default")
	if v, _, err := again.Setting(ctx, "k"); v != "committed" || err != nil {
		t.Errorf("Setting = %q, %v, want committed", v, err)
	}
}

// copyFile reads the source as another process would: to close it in this one would drop the
// locks of the open library, so it is opened in a child.
func copyFile(t *testing.T, dst, src string) {
	t.Helper()
	out, err := os.Create(dst)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	pipe, stop := child(t, "cat", src)
	defer stop()
	if _, err := io.Copy(out, pipe); err != nil {
		t.Fatal(err)
	}
}
