package mem

import (
	iofs "io/fs"

	"sd/backends"
)

// documentMode is that of files which nobody can write.
const documentMode = 0o444

// Document makes a document of that name, or changes the one that is there: listings do not
// tell its size and version, it cannot be written, and the bytes given here are those that
// it has when it is read.
func (s *Store) Document(name, content string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.place(name)
	if err == nil && p.existing != nil && !p.existing.document {
		err = iofs.ErrExist
	}
	if err != nil {
		return s.fail("document", name, err)
	}
	if p.existing != nil {
		s.used -= p.existing.size()
	}
	s.used += int64(len(content))
	n := s.newFile([]byte(content), backends.Meta{})
	n.document = true
	n.meta.Mode = documentMode
	s.put(p, n)
	return nil
}
