package catalog

import (
	"fmt"
	"strings"
)

// Kind is what a file is good for, as far as its name tells; searches are narrowed by
// it. Its numbers are stored, so they never change their meaning.
type Kind uint8

// The kinds. KindFolder is that of no file: queries use it to ask for folders.
const (
	KindUnknown Kind = iota
	KindFolder
	KindImage
	KindVideo
	KindAudio
	KindDocument // office documents, tables, slides, letters, web pages
	KindBook
	KindText // plain text that people read
	KindCode // programs in source form and what builds and configures them
	KindData // databases, tables and other food of programs
	KindArchive
	KindDiskImage
	KindFont
	KindExecutable // programs, libraries and packages that install them
	KindModel      // three-dimensional models
	KindKey        // keys, certificates and encrypted files

	kinds // how many there are
)

// kindNames has for each kind its name and then what else ParseKind takes for it.
var kindNames = [kinds][]string{
	KindUnknown:    {"unknown", "other", "others", "none"},
	KindFolder:     {"folder", "folders", "directory", "directories", "dir", "dirs"},
	KindImage:      {"image", "images", "img", "picture", "pictures", "photo", "photos"},
	KindVideo:      {"video", "videos", "movie", "movies", "film", "films"},
	KindAudio:      {"audio", "sound", "sounds", "music", "song", "songs"},
	KindDocument:   {"document", "documents", "doc", "docs", "office", "spreadsheet", "spreadsheets", "presentation", "presentations"},
	KindBook:       {"book", "books", "ebook", "ebooks", "e-book", "e-books"},
	KindText:       {"text", "texts", "txt", "note", "notes"},
	KindCode:       {"code", "source", "sources", "script", "scripts", "config"},
	KindData:       {"data", "database", "databases"},
	KindArchive:    {"archive", "archives", "compressed"},
	KindDiskImage:  {"disk-image", "disk-images", "diskimage", "diskimages", "disk", "disks"},
	KindFont:       {"font", "fonts", "typeface", "typefaces"},
	KindExecutable: {"executable", "executables", "exe", "program", "programs", "application", "applications", "app", "apps", "binary", "binaries", "package", "packages"},
	KindModel:      {"model", "models", "3d", "3d-model", "3d-models", "mesh", "meshes"},
	KindKey:        {"key", "keys", "certificate", "certificates", "encrypted"},
}

// String returns the kind's name in the singular, which ParseKind reads.
func (k Kind) String() string {
	if k >= kinds {
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
	return kindNames[k][0]
}

// Kinds returns the names of all kinds, in the order of their numbers.
func Kinds() []string {
	names := make([]string, kinds)
	for k := range kindNames {
		names[k] = kindNames[k][0]
	}
	return names
}

// ParseKind returns the kind of a name, in the singular or the plural and without
// regard to case; usual other words for it will do as well. The error of an unknown
// name lists the kinds.
func ParseKind(name string) (Kind, error) {
	for k, names := range kindNames {
		for _, n := range names {
			if strings.EqualFold(n, name) {
				return Kind(k), nil
			}
		}
	}
	return KindUnknown, fmt.Errorf("unknown kind %q: the kinds are %s", name, strings.Join(Kinds(), ", "))
}

// KindOf returns the kind that a file's name tells: by its extension, without regard to
// case, or by the whole name. Numbers at the end count for nothing: libm.so.6 is
// a library and syslog.log.1 a log. It allocates nothing.
func KindOf(name string) Kind {
	for {
		dot := strings.LastIndexByte(name, '.')
		if dot <= 0 {
			return lookKind('=', name)
		}
		if k := lookKind('=', name); k != KindUnknown {
			return k
		}
		if !digits(name[dot+1:]) {
			return lookKind('.', name[dot+1:])
		}
		if k := lookKind('.', name[dot+1:]); k != KindUnknown {
			return k
		}
		name = name[:dot]
	}
}

// lookKind looks word up in one of the two tables.
func lookKind(table byte, word string) Kind {
	if len(word) > maxWord {
		return KindUnknown
	}
	var key [1 + maxWord]byte
	key[0] = table
	for i := range len(word) {
		c := word[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		key[1+i] = c
	}
	return kindOf[string(key[:1+len(word)])]
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
