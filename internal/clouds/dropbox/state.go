package dropbox

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"sd/internal/clouds/front"

	"github.com/rclone/rclone/backend/dropbox/dbhash"
)

// entry is a file or a folder.
type entry struct {
	id, name       string
	parent         *entry // nil for the root
	folder         bool
	children       map[string]*entry // by folded name
	content        []byte
	hash, rev      string
	client, server time.Time // whole seconds
	paper          bool      // it is only exported
	exports        map[string][]byte
	paperRevision  int
}

// revision is what a file was.
type revision struct {
	entry   *entry
	content []byte
}

// change is one line of the log that cursors read.
type change struct {
	lower, display string
	deleted        bool
}

func (e *entry) path() string {
	if e.parent == nil {
		return ""
	}
	return e.parent.path() + "/" + e.name
}

func (e *entry) lower() string { return front.Fold(e.path()) }

func (e *entry) size() int64 {
	n := int64(len(e.content))
	for _, child := range e.children {
		n += child.size()
	}
	return n
}

func (e *entry) sorted() []*entry {
	list := make([]*entry, 0, len(e.children))
	for _, child := range e.children {
		list = append(list, child)
	}
	slices.SortFunc(list, func(a, b *entry) int { return strings.Compare(front.Fold(a.name), front.Fold(b.name)) })
	return list
}

func (e *entry) kind() string {
	if e.folder {
		return "folder"
	}
	return "file"
}

// contentHash is Dropbox's: the SHA-256 of the SHA-256 of each 4 MiB.
func contentHash(content []byte) string {
	h := dbhash.New()
	_, _ = h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}

// fill gives a file its bytes and a new revision.
func (s *Service) fill(e *entry, content []byte, client time.Time) {
	s.count++
	now := time.Now().UTC().Truncate(time.Second)
	if client.IsZero() {
		client = now
	}
	e.content, e.hash, e.rev = content, contentHash(content), fmt.Sprintf("%016x0%08x", 0x60f0000000000+s.count, 0x1000)
	e.client, e.server = client.UTC().Truncate(time.Second), now
	s.revs[e.rev] = revision{e, content}
}

// add makes a file or folder; the caller fills a file.
func (s *Service) add(parent *entry, name string, folder bool) *entry {
	e := &entry{id: "id:" + rand.Text()[:22], name: name, parent: parent, folder: folder}
	if folder {
		e.children = make(map[string]*entry)
	}
	parent.children[front.Fold(name)] = e
	s.ids[e.id] = e
	return e
}

// tell writes what happened to an entry into the log and wakes those who wait for it.
func (s *Service) tell(e *entry, deleted bool) {
	s.log = append(s.log, change{e.lower(), e.path(), deleted})
	close(s.bell)
	s.bell = make(chan struct{})
}

// tellAll is tell for all that an entry holds too.
func (s *Service) tellAll(e *entry) {
	s.tell(e, false)
	for _, child := range e.sorted() {
		s.tellAll(child)
	}
}

// drop removes an entry with all below it.
func (s *Service) drop(e *entry) {
	s.tell(e, true)
	delete(e.parent.children, front.Fold(e.name))
	s.forget(e)
}

func (s *Service) forget(e *entry) {
	delete(s.ids, e.id)
	for _, child := range e.children {
		s.forget(child)
	}
}

// find returns the entry of a path ("", "/a/b", "id:…"), or nil. Slashes may repeat.
func (s *Service) find(path string) *entry {
	if rest, ok := strings.CutPrefix(path, "ns:"); ok {
		_, path, _ = strings.Cut(rest, "/")
	}
	e := s.root
	if strings.HasPrefix(path, "id:") {
		id, rest, _ := strings.Cut(path, "/")
		e, path = s.ids[id], rest
	}
	for _, part := range strings.Split(path, "/") {
		if part != "" && e != nil {
			e = e.children[front.Fold(part)]
		}
	}
	return e
}

// findPlace returns the folder and name of a path that something is to be put at, with
// the folders above made as Dropbox does. What is wrong with it is a list of tags.
func (s *Service) findPlace(path string) (parent *entry, name string, wrong []string) {
	parts := strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
	for _, part := range parts {
		if tag := badName(part); tag != "" {
			return nil, "", []string{tag}
		}
	}
	if len(parts) == 0 {
		return nil, "", []string{"malformed_path"}
	}
	parent = s.root
	for _, part := range parts[:len(parts)-1] {
		next := parent.children[front.Fold(part)]
		switch {
		case next == nil:
			next = s.add(parent, part, true)
			s.tell(next, false)
		case !next.folder:
			return nil, "", []string{"conflict", "file_ancestor"}
		}
		parent = next
	}
	return parent, parts[len(parts)-1], nil
}

// badName is the tag for a name that Dropbox refuses, or "".
func badName(name string) string {
	if len([]rune(name)) > 255 || strings.ContainsAny(name, "\\\x7f\x00") || strings.HasSuffix(name, " ") ||
		name == "." || name == ".." {
		return "malformed_path"
	}
	if slices.Contains([]string{"desktop.ini", "thumbs.db", ".ds_store", "icon\r", ".dropbox", ".dropbox.attr"}, strings.ToLower(name)) {
		return "disallowed_name"
	}
	return ""
}

// freeName is name, or "name (1).ext" and so on, whichever is free.
func freeName(parent *entry, name string) string {
	for n := 0; ; n++ {
		other := name
		if n > 0 {
			ext := ""
			if dot := strings.LastIndexByte(name, '.'); dot > 0 {
				ext = name[dot:]
			}
			other = fmt.Sprintf("%s (%d)%s", strings.TrimSuffix(name, ext), n, ext)
		}
		if parent.children[front.Fold(other)] == nil {
			return other
		}
	}
}

func (s *Service) room(more int) bool { return more <= 0 || s.root.size()+int64(more) <= s.limit }

const timeFormat = "2006-01-02T15:04:05Z"

// view is an entry as JSON, with or without the tag of its kind.
func (s *Service) view(e *entry, tag bool) map[string]any {
	v := map[string]any{"name": e.name, "path_lower": e.lower(), "path_display": e.path(), "id": e.id}
	if tag {
		v[".tag"] = e.kind()
	}
	if e.folder {
		return v
	}
	v["client_modified"], v["server_modified"] = e.client.Format(timeFormat), e.server.Format(timeFormat)
	v["rev"], v["size"], v["is_downloadable"], v["content_hash"] = e.rev, len(e.content), !e.paper, e.hash
	if e.paper {
		options := []string{}
		for format := range e.exports {
			options = append(options, format)
		}
		slices.Sort(options)
		v["export_info"] = map[string]any{"export_as": "html", "export_options": options}
	}
	return v
}
