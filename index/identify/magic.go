package identify

import (
	"strings"

	"github.com/gabriel-vasile/mimetype"

	"sd/library/catalog"
)

// magicSize is how many bytes KindOf looks at.
const magicSize = 3072

// KindOf tells a file's kind by its first bytes, for one whose name does not tell. It is
// some microseconds' work and looks at no more than 3 KiB.
func KindOf(head []byte) catalog.Kind {
	if len(head) == 0 {
		return catalog.KindUnknown
	}
	for m := mimetype.Detect(head[:min(len(head), magicSize)]); m != nil; m = m.Parent() {
		if k := catalog.KindOf("x" + m.Extension()); m.Extension() != "" && k != catalog.KindUnknown {
			return k
		}
		if k := kindOfType(m.String()); k != catalog.KindUnknown {
			return k
		}
	}
	return catalog.KindUnknown
}

// kindOfType goes by the MIME type.
func kindOfType(mime string) catalog.Kind {
	mime, _, _ = strings.Cut(mime, ";")
	top, sub, _ := strings.Cut(mime, "/")
	switch top {
	case "image":
		return catalog.KindImage
	case "video":
		return catalog.KindVideo
	case "audio":
		return catalog.KindAudio
	case "font":
		return catalog.KindFont
	case "model":
		return catalog.KindModel
	case "text":
		return catalog.KindText
	}
	switch sub {
	case "x-elf", "x-executable", "x-object", "x-sharedlib", "x-coredump", "x-mach-binary", "vnd.microsoft.portable-executable", "wasm":
		return catalog.KindExecutable
	case "x-ole-storage":
		return catalog.KindDocument
	case "vnd.sqlite3", "x-sqlite3":
		return catalog.KindData
	}
	return catalog.KindUnknown
}
