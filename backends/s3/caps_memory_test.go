package s3

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/testserver"
)

// TestRemembered finds out what a server heeds once for many processes, and anew when
// that was long ago, elsewhere or cannot be read.
func TestRemembered(t *testing.T) {
	t.Parallel()
	l := newLab(t, testserver.Versitygw, nil)
	dir := t.TempDir()
	path := filepath.Join(dir, "servers", "one.json")
	writes := 0
	// write is the first write of a process: what it asks, and whether it probes.
	write := func(change func(*Config)) (heads int64, probes bool) {
		t.Helper()
		b := open(t, l.faults.URL(), func(c *Config) {
			c.Remember = path
			if change != nil {
				change(c)
			}
		})
		writes++
		_, err := b.Put(t.Context(), strings.Repeat("n", writes), strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{Absent: true})
		if err != nil {
			t.Fatal(err)
		}
		b.Close()
		asked := b.Stats().Requests
		return asked["HEAD"], asked["PROBE"] > 0
	}
	expect := func(when string, change func(*Config), heads int64, probes bool) {
		t.Helper()
		if h, p := write(change); h != heads || p != probes {
			t.Errorf("%s: %d HEAD, probes: %v; want %d, %v", when, h, p, heads, probes)
		}
	}
	edit := func(change func(*remembered)) {
		t.Helper()
		var r remembered
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, &r)
		}
		if err != nil {
			t.Fatal(err)
		}
		change(&r)
		text, _ = json.Marshal(r)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	age := func(d time.Duration) { edit(func(r *remembered) { r.Found = time.Now().Add(-d) }) }

	expect("the first process", nil, 1, true)
	expect("the second", nil, 0, false)
	age(recently + time.Minute)
	expect("a day later", nil, 0, true)
	expect("after that", nil, 0, false)
	age(believed + time.Minute)
	expect("a month later", nil, 1, true)
	age(-time.Hour)
	expect("from the future", nil, 1, true)
	edit(func(r *remembered) { r.Endpoint = "http://elsewhere" })
	expect("of another server", nil, 1, true)
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect("damaged", nil, 1, true)
	expect("without a file", func(c *Config) { c.Remember = "" }, 1, true)
	expect("where none can be written", func(c *Config) { c.Remember = filepath.Join(path, "no", "folder") }, 1, true)
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("there is %v, %v; want the one file", files, err)
	}
}
