package steps

import "sd/backends"

// Op is what a step does.
type Op uint8

// The operations.
const (
	OpMkdir   Op = iota + 1 // the folder To, that may be there already
	OpCopy                  // the file or symlink From to To
	OpLink                  // To becomes a hard link to From, a local file that is there when After is done
	OpRename                // From, a file or a folder as a whole, becomes To in the same store
	OpRemove                // the file From, for good
	OpRmdir                 // the folder From if it is empty, or nothing happens
	OpTrash                 // From, a file or a local folder as a whole, goes to the trash
	OpRestore               // To comes back from where the trash has it: From.Name is Record.Name of the step that put it there
	OpMeta                  // the folder To gets the attributes of the folder From
	OpForget                // nothing in the stores: the file From is only noted as settled
)

var opNames = [...]string{OpMkdir: "mkdir", OpCopy: "copy", OpLink: "link", OpRename: "rename", OpRemove: "remove",
	OpRmdir: "rmdir", OpTrash: "trash", OpRestore: "restore", OpMeta: "attributes", OpForget: "note"}

// String is the name of the operation, for people.
func (o Op) String() string {
	if int(o) < len(opNames) && opNames[o] != "" {
		return opNames[o]
	}
	return "unknown"
}

// MarshalText is String.
func (o Op) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Method is the way by which a step is done, or is planned to be done.
type Method uint8

// The methods, cheapest first.
const (
	NoMethod   Method = iota
	Skip              // what is to be there is there
	Rename            // inside one store
	Clone             // blocks shared by a local file system, or copied inside it
	LocalCopy         // read and written on this machine
	ServerCopy        // copied by the store itself
	Upload
	Download
	Stream // from one store to another through this machine
)

var methodNames = [...]string{NoMethod: "", Skip: "skip", Rename: "rename", Clone: "clone", LocalCopy: "copy",
	ServerCopy: "server-copy", Upload: "upload", Download: "download", Stream: "stream"}

// String is the name of the method, for people and in Summary.Methods.
func (m Method) String() string {
	if int(m) < len(methodNames) {
		return methodNames[m]
	}
	return "unknown"
}

// MarshalText is String.
func (m Method) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Ref names a file of one of the plan's stores.
type Ref struct {
	Store int    // an index of Header.Stores
	Name  string // whole, as the store has it: a local absolute path, a key; any bytes
}

// StoreRef says how the store of a Ref is found again by another process.
type StoreRef struct {
	Kind        string `json:"kind"` // "local", "volume" or "content"
	URI         string `json:"uri"`  // of its root, as a person would write it
	Fingerprint string `json:"fingerprint,omitempty"`
}

// Step is one thing to do. Fields that its Op does not need are zero.
type Step struct {
	N        int64 // from 1 on, in the order of the plan; Writer.Add sets it
	Op       Op
	Method   Method // the planned way
	From, To Ref

	// What From is.
	Kind    backends.Kind
	Size    int64  // bytes
	ModTime int64  // nanoseconds since 1970; 0: the file's own time is not known
	Mode    uint32 // POSIX permission and type bits; 0: not known
	Link    string // what a symlink points to
	Version string // as planned: another at the time of the step is backends.ErrChanged; "": any
	Sum     string // BLAKE3 in hex if that is proven for Version, else ""

	// What must be at To: nothing, or this version. With neither set, anything.
	Absent             bool
	Over               string
	OverSize, OverTime int64 // of what is replaced, for reports

	// Near is a proven copy of the same bytes in the store of To, from which a copy is tried
	// first. Nil: there is none. Of a removal, it is the copy that stays: nothing is removed
	// unless that is there still, in that version.
	Near        *Ref
	NearVersion string

	// After is the step that has to succeed before this one begins; 0: none. It comes before
	// this one in the plan.
	After int64
	// Barrier lets the step begin only when all before it have ended, well or not.
	Barrier bool
	Note    string // why, for people: "newer", "conflict: both are kept"
	// Of is the step of Spec.Job that this one takes back; 0: none.
	Of int64
}

// Work tells whether a step counts as a file in progress and totals, and with how many
// bytes. Folders do not count, nor does what is cleared away behind a copy.
func (s *Step) Work() (bytes int64, counts bool) {
	switch s.Op {
	case OpCopy:
		return s.Size, true
	case OpLink, OpRename, OpRestore:
		return 0, true
	case OpRemove, OpTrash:
		return 0, s.After == 0
	}
	return 0, false
}
