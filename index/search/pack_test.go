package search

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"sd/library/catalog"
)

// fewRows is a small source with all that is odd about names.
type fewRows struct{}

func (fewRows) Roots() (map[catalog.FolderID]catalog.Place, error) {
	return map[catalog.FolderID]catalog.Place{1: "device:here", 4: "volume:there"}, nil
}

func (fewRows) EachFolder(fn func(catalog.Folder) error) error {
	for _, f := range []catalog.Folder{
		{ID: 1}, {ID: 2, Parent: 9, Name: "Moved Below"}, {ID: 3, Parent: 1, Name: "caf\u00c9"}, {ID: 4}, {ID: 7, Parent: 4, Name: ""},
		{ID: 9, Parent: 1, Name: "b"}, {ID: 10, Parent: 99, Name: "lost"},
	} {
		if err := fn(f); err != nil {
			return err
		}
	}
	return nil
}

func (fewRows) EachFile(fn func(catalog.FolderID, *catalog.File) error) error {
	for _, f := range []struct {
		folder catalog.FolderID
		file   catalog.File
	}{
		{1, catalog.File{Name: "README.md", Kind: catalog.KindText, Size: 12, ModTime: -5}},
		{2, catalog.File{Name: "", Size: 1 << 40, ModTime: 5e18}},
		{2, catalog.File{Name: "x\x00Y", Type: catalog.Special, Kind: catalog.KindKey}},
		{3, catalog.File{Name: "e\u0301\xff\n.TXT", Type: catalog.Symlink, Size: 3, ModTime: 1e9}},
		{7, catalog.File{Name: "plain", Size: 1, ModTime: 1e9}},
		{10, catalog.File{Name: "nowhere"}},
	} {
		if err := fn(f.folder, &f.file); err != nil {
			return err
		}
	}
	return nil
}

// listing returns all that a pack has, as one text for each row.
func listing(t testing.TB, p *pack) (list []string, err error) {
	t.Helper()
	s := scanOf(t, p, Query{})
	h := s.hits(uriOf)
	_, err = s.all(background, func(c candidate) error {
		hit, err := h.hit(&c)
		list = append(list, fmt.Sprintf("%s %v %+v in %d", hit.Path, hit.Folder, hit.File, hit.dir))
		return err
	})
	return list, err
}

func TestPackKeepsAll(t *testing.T) {
	got, err := listing(t, packOf(t, fewRows{}))
	if err != nil {
		t.Fatal(err)
	}
	row := func(path string, folder bool, f catalog.File, in int) string {
		f.ModTime = seconds(f.ModTime) * 1e9
		uri, _ := uriOf("", path)
		return fmt.Sprintf("%s %v %+v in %d", uri, folder, f, in)
	}
	dir := func(name string) catalog.File { return catalog.File{Name: name, Kind: catalog.KindFolder} }
	want := []string{
		row("b", true, dir("b"), 1),
		row("b/Moved Below", true, dir("Moved Below"), 9),
		row("caf\u00c9", true, dir("caf\u00c9"), 1),
		row("", true, dir(""), 4),
		row("README.md", false, catalog.File{Name: "README.md", Kind: catalog.KindText, Size: 12, ModTime: -5}, 1),
		row("b/Moved Below/", false, catalog.File{Name: "", Size: 1 << 40, ModTime: 5e18}, 2),
		row("b/Moved Below/x\x00Y", false, catalog.File{Name: "x\x00Y", Type: catalog.Special, Kind: catalog.KindKey}, 2),
		row("caf\u00c9/e\u0301\xff\n.TXT", false, catalog.File{Name: "e\u0301\xff\n.TXT", Type: catalog.Symlink, Size: 3, ModTime: 1e9}, 3),
		row("/plain", false, catalog.File{Name: "plain", Size: 1, ModTime: 1e9}, 7),
	}
	if !slices.Equal(got, want) {
		t.Errorf("the pack has\n%q, want\n%q", got, want)
	}
}

// TestDamageIsFound changes single bits and cuts the end off: the pack is then refused, at the latest when
// the block is read.
func TestDamageIsFound(t *testing.T) {
	p := packOf(t, fewRows{})
	whole := slices.Clone(p.data)
	refused := func(data []byte) bool {
		q, err := openPack(data, p.header.library, p.header.id, func() {})
		return err != nil || q.check() != nil
	}
	if refused(whole) {
		t.Fatal("the whole pack is refused")
	}
	for i := range whole {
		data := slices.Clone(whole)
		data[i] ^= 1 << (i % 8)
		if !refused(data) {
			t.Errorf("a changed byte %d is not found", i)
		}
		if !refused(whole[:i]) {
			t.Errorf("nobody sees that there are only %d bytes of %d", i, len(whole))
		}
	}
	if _, err := openPack(whole, uuid.New(), p.header.id, nil); err == nil {
		t.Error("the pack of another library is taken")
	}
	if _, err := openPack(whole, p.header.library, uuid.New(), nil); err == nil {
		t.Error("another pack is taken")
	}
}

// resum sets all checksums of a pack right, so that what was changed in it is read.
func resum(data []byte) {
	h, err := decodeHeader(data)
	if err != nil {
		return
	}
	part := func(s *section) []byte {
		if s.at > uint64(len(data)) || s.length > uint64(len(data))-s.at {
			return nil
		}
		return data[s.at : s.at+s.length]
	}
	index := part(&h.index)
	at := uint64(headerSize)
	for i := 0; i+indexEntry <= len(index)-4*256; i += indexEntry {
		s := section{at: at, length: uint64(binary.LittleEndian.Uint32(index[i:]))}
		at += s.length
		var b block
		if data := part(&s); b.cut(data) {
			rest := append(append(slices.Clone(b.kinds), b.sizes...), b.times...)
			binary.LittleEndian.PutUint32(index[i+8:], checksum(data[:len(data)-len(rest)]))
			binary.LittleEndian.PutUint32(index[i+12:], checksum(rest))
		}
	}
	h.index.sum, h.table.sum = checksum(index), checksum(part(&h.table))
	copy(data, h.encode())
}

// FuzzPack changes a pack and sets its checksums right: whatever it then says, nothing panics.
func FuzzPack(f *testing.F) {
	p := packOf(f, fewRows{})
	whole := slices.Clone(p.data)
	f.Add(uint32(150), []byte{1})
	f.Add(uint32(headerSize), []byte{255, 255, 255})
	f.Add(uint32(p.header.table.at), []byte{9, 0, 0, 0, 200})
	f.Add(uint32(p.header.index.at), []byte{1, 1})
	f.Fuzz(func(t *testing.T, at uint32, change []byte) {
		data := slices.Clone(whole)
		copy(data[int(at)%len(data):], change)
		copy(data, whole[:headerSize])
		resum(data)
		q, err := openPack(data, p.header.library, p.header.id, func() {})
		if err != nil {
			return
		}
		if q.check() != nil {
			return
		}
		_, _ = listing(t, q)
		for _, text := range []string{"e", "readme", "*.txt", "b/*", "below plain"} {
			s := scanOf(t, q, Query{Text: text, MinSize: 1, Limit: 3})
			list, _, err := s.best(background, 3)
			if err != nil {
				continue
			}
			h := s.hits(uriOf)
			for i := range list {
				_, _ = h.hit(&list[i])
			}
		}
	})
}

// TestUnreadablePages cuts a pack's file while it is mapped: searches say so and go on living.
func TestUnreadablePages(t *testing.T) {
	p := packOf(t, madeUp{20_000})
	path := ""
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "names-"+p.header.id.String()) {
			path = strings.TrimSpace(line[strings.Index(line, "/"):])
		}
	}
	if err := os.Truncate(path, 4096); err != nil {
		t.Fatal(err)
	}
	s := scanOf(t, p, Query{Text: "jpg", Limit: 5})
	if _, _, err := s.best(background, 5); err == nil {
		t.Error("a search through a pack whose file was cut found nothing wrong")
	}
}
