package catalog

import (
	"strings"
	"testing"
)

func TestKindOf(t *testing.T) {
	for _, tt := range []struct {
		name string
		want Kind
	}{
		{"a.jpg", KindImage},
		{"IMG_0001.JPEG", KindImage},
		{"movie.Mp4", KindVideo},
		{"song.flac", KindAudio},
		{"paper.pdf", KindDocument},
		{"table.xlsx", KindDocument},
		{"novel.epub", KindBook},
		{"notes.txt", KindText},
		{"README", KindText},
		{"LICENSE", KindText},
		{"main.go", KindCode},
		{"Makefile", KindCode},
		{"CMakeLists.txt", KindCode},
		{".bashrc", KindCode},
		{"go.mod", KindCode},
		{"track.mod", KindAudio},
		{"rows.csv", KindData},
		{"x.tar.gz", KindArchive},
		{"archive.7z", KindArchive},
		{"debian.iso", KindDiskImage},
		{"sans.woff2", KindFont},
		{"setup.exe", KindExecutable},
		{"libm.so.6", KindExecutable},
		{"libfoo.so.1.2.3", KindExecutable},
		{"syslog.log.1", KindText},
		{"x.264", KindVideo},
		{"part.stl", KindModel},
		{"teapot.3ds", KindModel},
		{"photo.xmp", KindData},
		{"id_ed25519", KindKey},
		{"server.pem", KindKey},
		{"", KindUnknown},
		{".", KindUnknown},
		{"..", KindUnknown},
		{"a.", KindUnknown},
		{"1.2.3", KindUnknown},
		{".jpg", KindUnknown}, // a hidden file called jpg
		{"jpg", KindUnknown},
		{"a.jpg~", KindUnknown},
		{"a.unheardof", KindUnknown},
		{"a." + strings.Repeat("x", 255), KindUnknown},
		{"caf\xe9.JPG", KindImage}, // a name that is not UTF-8
	} {
		if got := KindOf(tt.name); got != tt.want {
			t.Errorf("KindOf(%q) = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestKindOfAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { KindOf("Holiday 2024 (3).JPEG") }); n != 0 {
		t.Errorf("KindOf made %v allocations, want 0", n)
	}
}

// TestKindTables finds words that stand for two kinds or could never be found.
func TestKindTables(t *testing.T) {
	seen := map[string]Kind{}
	check := func(k Kind, table, word string) {
		if len(word) > maxWord {
			t.Errorf("%v: %q is longer than maxWord", k, word)
		}
		if word != strings.ToLower(word) {
			t.Errorf("%v: %q is not in lower case", k, word)
		}
		if had, ok := seen[table+word]; ok {
			t.Errorf("%q is both %v and %v", word, had, k)
		}
		seen[table+word] = k
	}
	for k := range kinds {
		for _, ext := range strings.Fields(kindExtensions[k]) {
			check(k, ".", ext)
			if strings.Contains(ext, ".") {
				t.Errorf("%v: extension %q has a dot", k, ext)
			}
		}
		for _, word := range strings.Fields(kindWords[k]) {
			check(k, "=", word)
		}
	}
}

func TestParseKind(t *testing.T) {
	words := map[string]Kind{}
	for k := range kinds {
		for _, w := range kindNames[k] {
			if other, ok := words[w]; ok {
				t.Errorf("%q means both %v and %v", w, other, k)
			}
			words[w] = k
			for _, w := range []string{w, strings.ToUpper(w)} {
				if got, err := ParseKind(w); err != nil || got != k {
					t.Errorf("ParseKind(%q) = %v, %v, want %v", w, got, err, k)
				}
			}
		}
		if got, err := ParseKind(k.String()); err != nil || got != k {
			t.Errorf("ParseKind(%q) = %v, %v, want %v", k.String(), got, err, k)
		}
	}
	_, err := ParseKind("vidoe")
	if err == nil {
		t.Fatal("ParseKind took a word that is no kind")
	}
	for _, name := range Kinds() {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("error %q does not name the kind %q", err, name)
		}
	}
}

func BenchmarkKindOf(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		KindOf("Holiday 2024 (3).JPEG")
	}
}
