package onedrive

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"sd/internal/clouds/front"

	"github.com/rclone/rclone/backend/onedrive/quickxorhash"
)

// item is a file or a folder.
type item struct {
	id, name          string
	parent            *item // nil for the root
	folder            bool
	content           []byte
	hashes            map[string]string
	created, modified time.Time // of fileSystemInfo, whole seconds
	changed           time.Time // the service's own
	etag, ctag        int
	description, link string
	children          map[string]*item // by folded name
}

func (s *Service) newItem(parent *item, name string, folder bool) *item {
	s.count++
	now := time.Now().UTC()
	i := &item{
		id: fmt.Sprintf("%s!s%032x", strings.ToUpper(DriveID), s.count), name: name, parent: parent, folder: folder,
		created: now.Truncate(time.Second), modified: now.Truncate(time.Second), changed: now,
	}
	if folder {
		i.children = make(map[string]*item)
	} else {
		i.setContent(nil)
	}
	if parent != nil {
		parent.children[front.Fold(name)] = i
	}
	s.items[i.id] = i
	s.touch(i)
	return i
}

func (i *item) setContent(content []byte) {
	quick := quickxorhash.New()
	_, _ = quick.Write(content)
	one, two := sha1.Sum(content), sha256.Sum256(content)
	i.content, i.ctag = content, i.ctag+1
	i.hashes = map[string]string{
		"quickXorHash": base64.StdEncoding.EncodeToString(quick.Sum(nil)),
		"sha1Hash":     strings.ToUpper(hex.EncodeToString(one[:])), "sha256Hash": strings.ToUpper(hex.EncodeToString(two[:])),
	}
}

// touch counts the item's version up and writes the change feed.
func (s *Service) touch(i *item) {
	i.etag++
	i.changed = time.Now().UTC()
	s.log = append(s.log, i.id)
}

// drop removes an item with all below it.
func (s *Service) drop(i *item, bin bool) {
	for _, child := range i.sorted() {
		s.drop(child, bin)
	}
	if i.parent != nil {
		delete(i.parent.children, front.Fold(i.name))
	}
	delete(s.items, i.id)
	s.gone[i.id] = i
	s.log = append(s.log, i.id)
	if bin {
		s.deleted += int64(len(i.content))
	}
}

// attach puts an item below a folder under a name; the place must be free.
func (s *Service) attach(i, parent *item, name string) {
	delete(i.parent.children, front.Fold(i.name))
	i.parent, i.name = parent, name
	parent.children[front.Fold(name)] = i
}

// sorted are the children by name.
func (i *item) sorted() []*item {
	list := make([]*item, 0, len(i.children))
	for _, child := range i.children {
		list = append(list, child)
	}
	slices.SortFunc(list, func(a, b *item) int { return strings.Compare(front.Fold(a.name), front.Fold(b.name)) })
	return list
}

func (i *item) within(top *item) bool {
	for ; i != nil; i = i.parent {
		if i == top {
			return true
		}
	}
	return false
}

func (i *item) path() string {
	if i.parent == nil {
		return ""
	}
	return i.parent.path() + "/" + i.name
}

func (i *item) size() int64 {
	n := int64(len(i.content))
	for _, child := range i.children {
		n += child.size()
	}
	return n
}

func (s *Service) used() int64 { return s.root.size() }

func (s *Service) room(more int) *Error {
	if more > 0 && s.used()+int64(more) > s.limit {
		return errFull
	}
	return nil
}

// goodName tells whether OneDrive takes a name.
func goodName(name string) bool {
	if name == "" || len([]rune(name)) > 255 || strings.ContainsAny(name, "\"*:<>?/\\|") || name != strings.Trim(name, " ") ||
		strings.HasSuffix(name, ".") || strings.HasPrefix(name, "~$") || strings.Contains(strings.ToLower(name), "_vti_") {
		return false
	}
	for _, r := range name {
		if r < 0x20 {
			return false
		}
	}
	base, _, _ := strings.Cut(strings.ToUpper(name), ".")
	if slices.Contains([]string{"CON", "PRN", "AUX", "NUL", ".LOCK", "DESKTOP.INI"}, base) {
		return false
	}
	return len(base) != 4 || !(strings.HasPrefix(base, "COM") || strings.HasPrefix(base, "LPT")) || base[3] < '0' || base[3] > '9'
}

// place checks that an item may get a name in a folder.
func place(parent *item, name string) *Error {
	switch {
	case !parent.folder:
		return errFolder
	case !goodName(name):
		return errName
	case len([]rune(parent.path()+"/"+name)) > 400:
		return errInvalid("The path is too long.")
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z") }
