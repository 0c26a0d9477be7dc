package compare_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sd/actions/compare"
	"sd/actions/stores"
	"sd/backends"
	"sd/identity"
)

func sumOf(text string) identity.Sum {
	h := identity.New()
	h.Write([]byte(text))
	return h.Sum()
}

func TestJudge(t *testing.T) {
	at := time.Unix(1_700_000_000, 123_456_789)
	local := stores.Entry{Kind: stores.File, Size: 5, ModTime: at, TimeKnown: true, Inode: 7, Dev: 1}
	object := stores.Entry{Kind: stores.File, Size: 5, ModTime: at.Add(time.Hour)}
	with := func(e stores.Entry, change func(*stores.Entry)) stores.Entry {
		change(&e)
		return e
	}
	known := with(object, func(e *stores.Entry) {
		e.Meta, e.ModTime, e.TimeKnown = &backends.Meta{ModTime: at}, at.Truncate(time.Microsecond), true
	})
	proven := func(e stores.Entry, text string) stores.Entry {
		e.Sum, e.Proven = sumOf(text), true
		return e
	}
	summed := func(algorithm, hex string) stores.Entry {
		return with(object, func(e *stores.Entry) { e.Sums = []backends.Sum{{Algorithm: algorithm, Hex: hex}} })
	}
	link := stores.Entry{Kind: stores.Symlink, Link: "over", Inode: 8}
	for _, c := range []struct {
		name   string
		a, b   stores.Entry
		window time.Duration
		want   compare.Verdict
	}{
		{"equal times", local, local, 0, compare.Same},
		{"a nanosecond later", local, with(local, func(e *stores.Entry) { e.ModTime = at.Add(1) }), 0, compare.Different},
		{"a nanosecond later where times are coarse", local, with(local, func(e *stores.Entry) { e.ModTime = at.Add(1) }), 2 * time.Second, compare.Same},
		{"two seconds later where times are coarse", local, with(local, func(e *stores.Entry) { e.ModTime = at.Add(2 * time.Second) }), 2 * time.Second, compare.Different},
		{"another size", local, with(local, func(e *stores.Entry) { e.Size++ }), 0, compare.Different},
		{"an object of unknown time", local, object, 0, compare.Unknown},
		{"an object cut to a microsecond", local, known, 0, compare.Same},
		{"proven, other times", proven(local, "hello"), proven(with(known, func(e *stores.Entry) { e.ModTime = at.Add(time.Hour) }), "hello"), 0, compare.Same},
		{"disproven, equal times", proven(local, "hello"), proven(local, "hallo"), 0, compare.Different},
		{"only one proven", proven(local, "hello"), object, 0, compare.Unknown},
		{"equal checksums", summed("md5", "aa"), summed("md5", "AA"), 0, compare.Same},
		{"unequal checksums", summed("md5", "aa"), summed("md5", "ab"), 0, compare.Unknown},
		{"equal weak checksums", summed("crc32c", "aa"), summed("crc32c", "aa"), 0, compare.Unknown},
		{"empty", stores.Entry{Kind: stores.File, Inode: 1}, stores.Entry{Kind: stores.File, ModTime: at}, 0, compare.Same},
		{"folders", stores.Entry{Kind: stores.Dir}, stores.Entry{Kind: stores.Dir, ModTime: at}, 0, compare.Same},
		{"a folder and a file", stores.Entry{Kind: stores.Dir}, local, 0, compare.Different},
		{"equal links", link, link, 0, compare.Same},
		{"links to elsewhere", link, stores.Entry{Kind: stores.Symlink, Link: "there", Inode: 9}, 0, compare.Different},
		{"a link and an object that may be one", link, object, 0, compare.Unknown},
		{"a link and an object that is none", link, known, 0, compare.Different},
		{"a link and a local file", link, local, 0, compare.Different},
		{"pipes", stores.Entry{Kind: stores.Special}, stores.Entry{Kind: stores.Special}, 0, compare.Different},
	} {
		for _, pair := range [][2]*stores.Entry{{&c.a, &c.b}, {&c.b, &c.a}} {
			if got := compare.Judge(pair[0], pair[1], c.window); got != c.want {
				t.Errorf("%s: got %v, want %v", c.name, got, c.want)
			}
		}
	}
}

func TestBySums(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	local := stores.Entry{Name: name, Kind: stores.File, Size: 5, ModTime: info.ModTime(), TimeKnown: true, Inode: 1}
	digest := func(text string) []backends.Sum {
		d := md5.Sum([]byte(text))
		return []backends.Sum{{Algorithm: "crc32c", Hex: "00000000"}, {Algorithm: "md5", Hex: hex.EncodeToString(d[:])}}
	}
	for _, c := range []struct {
		name   string
		object stores.Entry
		touch  bool
		want   compare.Verdict
	}{
		{"same", stores.Entry{Size: 5, Sums: digest("hello")}, false, compare.Same},
		{"other bytes", stores.Entry{Size: 5, Sums: digest("hallo")}, false, compare.Different},
		{"other size", stores.Entry{Size: 6, Sums: digest("hello!")}, false, compare.Different},
		{"weak checksum", stores.Entry{Size: 5, Sums: digest("hello")[:1]}, false, compare.Unknown},
		{"proven same", stores.Entry{Size: 5, Sum: sumOf("hello"), Proven: true}, false, compare.Same},
		{"proven other", stores.Entry{Size: 5, Sum: sumOf("hallo"), Proven: true}, false, compare.Different},
		{"the local file is another by now", stores.Entry{Size: 5, Sums: digest("hello")}, true, compare.Unknown},
	} {
		l := local
		if c.touch {
			l.ModTime = l.ModTime.Add(-time.Second)
		}
		got, err := compare.BySums(context.Background(), &l, &c.object)
		if err != nil || got != c.want {
			t.Errorf("%s: got %v, %v, want %v", c.name, got, err, c.want)
		}
	}
	link := name + "-link"
	if err := os.Symlink(name, link); err != nil {
		t.Fatal(err)
	}
	local.Name = link
	if got, err := compare.BySums(context.Background(), &local, &stores.Entry{Size: 5, Sums: digest("hello")}); err == nil {
		t.Errorf("followed a link: got %v, want an error", got)
	}
}
