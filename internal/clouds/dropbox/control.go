package dropbox

import (
	"path"
	"slices"
	"strings"
	"time"

	"sd/internal/clouds/front"
)

// What a test does to the Dropbox behind the back of its clients. Paths are
// "docs/a.txt", in any case.

// Seed makes a file with the folders above it, or replaces its bytes, and returns its id.
func (s *Service) Seed(name string, content []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seed(name, content).id
}

func (s *Service) seed(name string, content []byte) *entry {
	e := s.find("/" + name)
	if e == nil {
		e = s.add(s.mkdirs(path.Dir(name)), path.Base(name), false)
	}
	s.fill(e, slices.Clone(content), time.Time{})
	s.tell(e, false)
	return e
}

// SeedPaper makes a document that is only exported, as html and markdown that begin
// with their name and hold text, and returns its id.
func (s *Service) SeedPaper(name string, text []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.seed(name, text)
	e.paper, e.exports = true, map[string][]byte{
		"html": append([]byte("<!-- html -->\n"), text...), "markdown": append([]byte("# markdown\n"), text...),
	}
	e.paperRevision++
	return e.id
}

// Mkdir makes a folder and those above it, as far as they are not there.
func (s *Service) Mkdir(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mkdirs(name)
}

// Rename gives the entry at a path another path.
func (s *Service) Rename(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.relocate(s.find("/"+from), s.mkdirs(path.Dir(to)), path.Base(to))
}

// Delete removes the entry at a path.
func (s *Service) Delete(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.find("/" + name); e != nil && e != s.root {
		s.drop(e)
	}
}

// Clean removes all but the empty root and the logins. Cursors stay valid.
func (s *Service) Clean() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.root.sorted() {
		s.drop(e)
	}
	clear(s.sessions)
}

// SetPageSize makes pages no longer than n; 0 gives what the client asks for.
func (s *Service) SetPageSize(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pageSize = n
}

// SetLimit sets the bytes that fit.
func (s *Service) SetLimit(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = bytes
}

// ForgetChanges makes all cursors too old: they get reset.
func (s *Service) ForgetChanges() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, change{})
	s.reset = len(s.log)
	close(s.bell)
	s.bell = make(chan struct{})
}

// ExpireUploads ends the upload sessions that are under way.
func (s *Service) ExpireUploads() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
}

// An Item is what a test may know of a file or folder.
type Item struct {
	ID, Path, Rev string
	Folder        bool
	Content       []byte
	Modified      time.Time
}

// Item returns what is at a path, with the path as the service spells it.
func (s *Service) Item(name string) (Item, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find("/" + name)
	if e == nil {
		return Item{}, false
	}
	return Item{e.id, strings.TrimPrefix(e.path(), "/"), e.rev, e.folder, e.content, e.client}, true
}

// Tree is the bytes of all files by path. Folders end in "/" and hold "/".
func (s *Service) Tree() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	tree := make(map[string]string)
	for _, e := range s.ids {
		if name := strings.TrimPrefix(e.path(), "/"); e.folder {
			tree[name+"/"] = "/"
		} else {
			tree[name] = string(e.content)
		}
	}
	return tree
}

func (s *Service) mkdirs(name string) *entry {
	e := s.root
	for _, part := range strings.Split(name, "/") {
		if part == "" || part == "." {
			continue
		}
		next := e.children[front.Fold(part)]
		if next == nil {
			next = s.add(e, part, true)
			s.tell(next, false)
		}
		e = next
	}
	return e
}
