package drive

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// What a test does to the Drive behind the back of its clients. Paths are
// "docs/a.txt"; a name that repeats means the file that was made first.

// Seed makes a file below My Drive with the folders above it, or replaces its bytes,
// and returns its id.
func (s *Service) Seed(name string, content []byte) string { return s.SeedIn(s.Root(), name, content) }

// SeedIn is Seed below another folder or shared drive.
func (s *Service) SeedIn(folder, name string, content []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.walk(folder, name); f != nil {
		f.setContent(slices.Clone(content))
		f.modified = time.Now().Truncate(time.Millisecond)
		s.changed(f)
		return f.id
	}
	f := s.add(s.mkdirs(folder, path.Dir(name)), path.Base(name), mimeOf(name))
	f.setContent(slices.Clone(content))
	return f.id
}

// Twin makes one more file with a name that may be taken, and returns its id.
func (s *Service) Twin(name string, content []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.add(s.mkdirs(s.root, path.Dir(name)), path.Base(name), mimeOf(name))
	f.setContent(slices.Clone(content))
	return f.id
}

// TwinFolder makes one more folder with a name that may be taken, and returns its id.
func (s *Service) TwinFolder(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(s.mkdirs(s.root, path.Dir(name)), path.Base(name), Folder).id
}

// SeedRaw makes a file whose name may hold anything, also "/", and returns its id.
func (s *Service) SeedRaw(folder, name string, content []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.add(folder, name, mimeOf(name))
	f.setContent(slices.Clone(content))
	return f.id
}

// Mkdir makes a folder and those above it, as far as they are not there, and returns
// its id.
func (s *Service) Mkdir(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mkdirs(s.root, name)
}

// SeedDoc makes a document of Google's (Document, Spreadsheet, Presentation) whose
// exports hold text, and returns its id.
func (s *Service) SeedDoc(name, mime string, text []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.add(s.mkdirs(s.root, path.Dir(name)), path.Base(name), mime)
	f.exports = documents(mime, text)
	return f.id
}

// EditDoc changes what the exports of a document hold.
func (s *Service) EditDoc(id string, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[id]
	f.exports = documents(f.mime, text)
	f.modified = time.Now().Truncate(time.Millisecond)
	s.changed(f)
}

// documents are the exports of a document; each format begins with its name.
func documents(mime string, text []byte) map[string][]byte {
	exports := make(map[string][]byte)
	for _, format := range formats[mime] {
		exports[format] = append([]byte("%"+extension(format)+"\n"), text...)
	}
	return exports
}

// UnstableExports has the same document exported with other bytes each time.
func (s *Service) UnstableExports(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unstable = on
}

// SeedShortcut makes a shortcut to another file or folder and returns its id.
func (s *Service) SeedShortcut(name, target string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.add(s.mkdirs(s.root, path.Dir(name)), path.Base(name), Shortcut)
	f.target = target
	return f.id
}

// SeedShared makes a file that somebody else shares with the user, and returns its id.
func (s *Service) SeedShared(name string, content []byte, writable bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.add("", name, mimeOf(name))
	f.setContent(slices.Clone(content))
	f.owned, f.writable, f.shared = false, writable, time.Now()
	return f.id
}

// SeedSharedFolder makes a folder that somebody else shares, and returns its id; use
// SeedIn for what is in it.
func (s *Service) SeedSharedFolder(name string, writable bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.add("", name, Folder)
	f.owned, f.writable, f.shared = false, writable, time.Now()
	return f.id
}

// AddDrive makes a shared drive and returns its id, which is that of its top folder.
func (s *Service) AddDrive(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, now := newID("0A", 14)+"Uk9PVA", time.Now()
	s.drives[id] = name
	s.files[id] = &file{id: id, name: "Drive", mime: Folder, drive: id, created: now, modified: now, owned: true, writable: true}
	return id
}

// Rename gives a file another name.
func (s *Service) Rename(id, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[id].name = name
	s.changed(s.files[id])
}

// Replace gives a file other bytes.
func (s *Service) Replace(id string, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[id]
	f.setContent(slices.Clone(content))
	f.modified = time.Now().Truncate(time.Millisecond)
	s.changed(f)
}

// Move puts a file into another folder.
func (s *Service) Move(id, folder string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hang(s.files[id], s.files[folder])
	s.changed(s.files[id])
}

// Trash puts a file or folder into the trash.
func (s *Service) Trash(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[id].trashed = true
	s.changed(s.files[id])
}

// Delete removes a file or folder for good.
func (s *Service) Delete(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.files[id]; f != nil {
		s.drop(f)
	}
}

// Clean removes all but the empty root and the logins: files, shared drives, uploads.
// Change tokens stay valid.
func (s *Service) Clean() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, f := range maps.Clone(s.files) {
		if id != s.root && s.files[id] != nil {
			s.drop(f)
		}
	}
	clear(s.drives)
	clear(s.sessions)
}

// SetPageSize makes pages no longer than n; 0 gives what the client asks for.
func (s *Service) SetPageSize(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pageSize = n
}

// SetLimit bounds the bytes that fit; 0 is no bound.
func (s *Service) SetLimit(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = bytes
}

// Root is the id of My Drive's top folder.
func (s *Service) Root() string { return s.root }

// An Item is what a test may know of a file.
type Item struct {
	ID, Name, Parent, MimeType string
	Content                    []byte
	Modified                   time.Time
	Trashed                    bool // or below something that is
}

// Item returns a file by its id.
func (s *Service) Item(id string) (Item, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[id]
	if f == nil {
		return Item{}, false
	}
	return s.item(f), true
}

func (s *Service) item(f *file) Item {
	return Item{f.id, f.name, f.parent, f.mime, f.content, f.modified, s.inTrash(f)}
}

// Find returns the id of a path below My Drive, or "".
func (s *Service) Find(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.walk(s.root, name); f != nil {
		return f.id
	}
	return ""
}

// Tree is the bytes of all files below My Drive that are not in the trash, by path.
// Folders end in "/"; a name that repeats has "#" and the id behind it.
func (s *Service) Tree() map[string]string { return s.TreeOf(s.Root()) }

// TreeOf is Tree of another folder or shared drive.
func (s *Service) TreeOf(folder string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	tree := make(map[string]string)
	s.plant(tree, folder, "")
	return tree
}

func (s *Service) plant(tree map[string]string, folder, prefix string) {
	for _, f := range s.children(folder) {
		if f.trashed {
			continue
		}
		name := prefix + f.name
		if _, ok := tree[name]; ok || f.mime == Folder && tree[name+"/"] == "/" {
			name += "#" + f.id
		}
		if f.mime == Folder {
			tree[name+"/"] = "/"
			s.plant(tree, f.id, name+"/")
			continue
		}
		tree[name] = string(f.content)
	}
}

// add makes a file; the caller gives it its content.
func (s *Service) add(parent, name, mime string) *file {
	now := time.Now().Truncate(time.Millisecond)
	f := &file{id: newID("1", 32), name: name, mime: mime, parent: parent, created: now, modified: now, owned: true, writable: true}
	if p := s.files[parent]; p != nil {
		f.drive, f.owned, f.writable = p.drive, p.owned, p.writable
	}
	if f.binary() {
		f.setContent(nil)
	}
	s.insert(f)
	return f
}

// walk finds a path below a folder, outside the trash.
func (s *Service) walk(folder, name string) *file {
	f := s.files[folder]
	for _, part := range strings.Split(name, "/") {
		if part == "" || part == "." {
			continue
		}
		first := (*file)(nil)
		for _, c := range s.below[f.id] {
			if c.name == part && !c.trashed && (first == nil || c.born < first.born) {
				first = c
			}
		}
		if first == nil {
			return nil
		}
		f = first
	}
	return f
}

func (s *Service) mkdirs(folder, name string) string {
	for _, part := range strings.Split(name, "/") {
		if part == "" || part == "." {
			continue
		}
		if f := s.walk(folder, part); f != nil {
			folder = f.id
			continue
		}
		folder = s.add(folder, part, Folder).id
	}
	return folder
}
