package drive

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// The MIME types of things that have no bytes.
const (
	Folder       = "application/vnd.google-apps.folder"
	Shortcut     = "application/vnd.google-apps.shortcut"
	Document     = "application/vnd.google-apps.document"
	Spreadsheet  = "application/vnd.google-apps.spreadsheet"
	Presentation = "application/vnd.google-apps.presentation"
	Form         = "application/vnd.google-apps.form"
)

const googleApps = "application/vnd.google-apps."

// file is whatever has an id.
type file struct {
	id, name, mime    string
	parent            string // "" at the top of a drive and for what others share
	drive             string // the shared drive it is in, or ""
	trashed           bool   // by itself; a parent's trash is not written here
	starred           bool
	owned, writable   bool
	shared            time.Time // when it was shared with the user; zero when it was not
	created, modified time.Time
	version           int64
	born              int // its place in the log
	revision          string
	description       string
	content           []byte
	sums              *sums
	target            string            // of a shortcut
	exports           map[string][]byte // of a document, by MIME type
	properties        map[string]string
	appProperties     map[string]string
}

type sums struct{ md5, sha1, sha256 string }

func (f *file) binary() bool { return !strings.HasPrefix(f.mime, googleApps) }

func (f *file) setContent(content []byte) {
	m, s1, s256 := md5.Sum(content), sha1.Sum(content), sha256.Sum256(content)
	f.content = content
	f.sums = &sums{hex.EncodeToString(m[:]), hex.EncodeToString(s1[:]), hex.EncodeToString(s256[:])}
	f.revision = newID("0B", 49)
}

// newID is prefix and n random characters as Google has them in ids.
func newID(prefix string, n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw)
	return prefix + base64.RawURLEncoding.EncodeToString(raw)[:n]
}

// find returns the file that an id or alias names. Those in shared drives are found
// only by who says that it knows shared drives.
func (s *Service) find(id string, allDrives bool) (*file, *Error) {
	if id == "root" {
		id = s.root
	}
	f := s.files[id]
	if f == nil || f.drive != "" && !allDrives {
		return nil, errNotFound(id)
	}
	return f, nil
}

// inTrash tells whether the file or a folder above it is in the trash.
func (s *Service) inTrash(f *file) bool {
	for ; f != nil; f = s.files[f.parent] {
		if f.trashed {
			return true
		}
	}
	return false
}

// insert adds a new file.
func (s *Service) insert(f *file) {
	s.files[f.id] = f
	if s.below[f.parent] == nil {
		s.below[f.parent] = make(map[string]*file)
	}
	s.below[f.parent][f.id] = f
	f.born = len(s.log)
	s.changed(f)
}

// hang puts a file into another folder.
func (s *Service) hang(f, folder *file) {
	delete(s.below[f.parent], f.id)
	f.parent, f.drive = folder.id, folder.drive
	if s.below[folder.id] == nil {
		s.below[folder.id] = make(map[string]*file)
	}
	s.below[folder.id][f.id] = f
}

// children are what has this parent, in the trash or not, by id.
func (s *Service) children(id string) []*file {
	list := make([]*file, 0, len(s.below[id]))
	for _, f := range s.below[id] {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *file) int { return strings.Compare(a.id, b.id) })
	return list
}

// within tells whether f is id or lies below it.
func (s *Service) within(f *file, id string) bool {
	for ; f != nil; f = s.files[f.parent] {
		if f.id == id {
			return true
		}
	}
	return false
}

// changed counts the version up and writes the change feed.
func (s *Service) changed(f *file) {
	f.version++
	s.log = append(s.log, f.id)
}

// drop forgets a file for good, with all below it.
func (s *Service) drop(f *file) {
	for _, child := range s.children(f.id) {
		s.drop(child)
	}
	delete(s.files, f.id)
	delete(s.below[f.parent], f.id)
	s.removed[f.id] = true
	s.log = append(s.log, f.id)
}

func (s *Service) used() (all, trash int64) {
	for _, f := range s.files {
		if f.owned && f.drive == "" {
			all += int64(len(f.content))
			if s.inTrash(f) {
				trash += int64(len(f.content))
			}
		}
	}
	return all, trash
}

// room tells whether so many more bytes fit.
func (s *Service) room(more int) *Error {
	if used, _ := s.used(); s.limit > 0 && used+int64(more) > s.limit {
		return errForbidden("storageQuotaExceeded", "The user's Drive storage quota has been exceeded.")
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
