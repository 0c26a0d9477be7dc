package onedrive

import (
	"path"
	"slices"
	"strings"
	"time"

	"sd/internal/clouds/front"
)

// What a test does to the OneDrive behind the back of its clients. Paths are
// "docs/a.txt", in any case.

// Seed makes a file with the folders above it, or replaces its bytes, and returns its id.
func (s *Service) Seed(name string, content []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.walk(name)
	if i == nil {
		i = s.newItem(s.mkdirs(path.Dir(name)), path.Base(name), false)
	}
	i.setContent(slices.Clone(content))
	i.modified = time.Now().UTC().Truncate(time.Second)
	s.touch(i)
	return i.id
}

// Mkdir makes a folder and those above it, as far as they are not there, and returns
// its id.
func (s *Service) Mkdir(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mkdirs(name).id
}

// Rename gives the item at a path another path, whose folder is there.
func (s *Service) Rename(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.walk(from)
	s.attach(i, s.mkdirs(path.Dir(to)), path.Base(to))
	s.touch(i)
}

// Delete removes the item at a path.
func (s *Service) Delete(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.walk(name); i != nil {
		s.drop(i, true)
	}
}

// Clean removes all but the empty root and the logins. Delta tokens stay valid.
func (s *Service) Clean() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.root.sorted() {
		s.drop(i, false)
	}
	clear(s.sessions)
	clear(s.jobs)
	s.deleted = 0
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

// SetCopyPolls has each copy done only when it was asked about n times; with 0 it is
// done at once.
func (s *Service) SetCopyPolls(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.polls = n
}

// HideDeltaPaths leaves parentReference.path out of the change feed, as Graph's
// reference says that it may be.
func (s *Service) HideDeltaPaths(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noPaths = on
}

// ForgetChanges makes all delta tokens too old: they get resyncRequired.
func (s *Service) ForgetChanges() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, s.root.id)
	s.resync = len(s.log)
}

// ExpireLinks ends the download links that are out.
func (s *Service) ExpireLinks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.links)
}

// ExpireUploads ends the upload sessions that are under way.
func (s *Service) ExpireUploads() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
}

// Uploads is the number of upload sessions under way.
func (s *Service) Uploads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// An Item is what a test may know of a file or folder.
type Item struct {
	ID, Path, ETag string
	Folder         bool
	Content        []byte
	Modified       time.Time
}

// Item returns what is at a path, with the path as the service spells it.
func (s *Service) Item(name string) (Item, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.walk(name)
	if i == nil {
		return Item{}, false
	}
	return Item{i.id, strings.TrimPrefix(i.path(), "/"), i.eTag(), i.folder, i.content, i.modified}, true
}

// Tree is the bytes of all files by path. Folders end in "/" and hold "/".
func (s *Service) Tree() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	tree := make(map[string]string)
	for _, i := range s.items {
		name := strings.TrimPrefix(i.path(), "/")
		switch {
		case i.parent == nil:
		case i.folder:
			tree[name+"/"] = "/"
		default:
			tree[name] = string(i.content)
		}
	}
	return tree
}

func (s *Service) walk(name string) *item {
	i := s.root
	for _, part := range strings.Split(name, "/") {
		if part != "" && part != "." && i != nil {
			i = i.children[front.Fold(part)]
		}
	}
	return i
}

func (s *Service) mkdirs(name string) *item {
	i := s.root
	for _, part := range strings.Split(name, "/") {
		if part == "" || part == "." {
			continue
		}
		next := i.children[front.Fold(part)]
		if next == nil {
			next = s.newItem(i, part, true)
		}
		i = next
	}
	return i
}
