// Package steps is the language of actions: what the user asked for (Spec), what is to be
// done for it one by one (Step, in a plan file), and what became of each (Record, in a
// journal beside the plan). Both files are read and written as streams, so that a plan of
// millions of steps needs no memory, and hold names byte for byte.
package steps

import (
	"strings"
	"time"
)

// Action is what a user can ask for.
type Action string

// The actions.
const (
	Copy    Action = "cp"
	Move    Action = "mv"
	Remove  Action = "rm"
	Mkdir   Action = "mkdir"
	Sync    Action = "sync"
	Resolve Action = "resolve" // of duplicates
	Protect Action = "protect"
	Undo    Action = "undo"
)

// Overwrite says what happens to a file that is where another is to go.
type Overwrite string

// The rules for files that are in the way. Refuse, the zero value, makes them conflicts
// unless they hold the same already.
const (
	Refuse  Overwrite = ""
	Never   Overwrite = "never"   // it stays
	Newer   Overwrite = "newer"   // it is replaced by a file that is newer
	Changed Overwrite = "changed" // it is replaced by a file that differs
	Always  Overwrite = "always"
)

// SyncMode is how a sync treats its two sides.
type SyncMode string

// The modes of sync.
const (
	Mirror        SyncMode = "mirror"
	Bidirectional SyncMode = "bidirectional"
	Archive       SyncMode = "archive"
	Selective     SyncMode = "selective"
)

// Source is a path as the user gave it, but absolute: String of an sdpath.Path.
type Source struct {
	URI string `json:"uri"`
	// Slash tells that a slash stood behind it: the folder, or what is in it.
	Slash bool `json:"slash,omitempty"`
}

// Who asked.
type Who struct {
	User string `json:"user,omitempty"`
	UID  int    `json:"uid"`
	Host string `json:"host,omitempty"`    // the slug of the device
	Line string `json:"command,omitempty"` // the command line, quoted for a shell
}

// Spec is what the user asked for, as data: nothing in it depends on a working directory.
type Spec struct {
	Action  Action   `json:"action"`
	Sources []Source `json:"sources,omitempty"`
	Target  Source   `json:"target,omitzero"`
	Options Options  `json:"options,omitzero"`
	Who     Who      `json:"who"`
	// Job is the job that an Undo takes back, else 0.
	Job int64 `json:"job,omitempty"`
}

// Options are the flags of all actions; each action looks at its own. The zero value is the
// default of each.
type Options struct {
	Recursive bool      `json:"recursive,omitempty"`
	Permanent bool      `json:"permanent,omitempty"` // removed files do not go to a trash
	Verify    bool      `json:"verify,omitempty"`    // every copy is read back and compared
	Parents   bool      `json:"parents,omitempty"`   // mkdir -p
	Overwrite Overwrite `json:"overwrite,omitempty"`
	Include   []string  `json:"include,omitempty"`
	Exclude   []string  `json:"exclude,omitempty"`
	BWLimit   int64     `json:"bwlimit,omitempty"`   // bytes a second through this machine; 0: no limit
	Transfers int       `json:"transfers,omitempty"` // files at a time; 0: as the stores take it

	// What only a sync looks at.
	Mode      SyncMode      `json:"mode,omitempty"`
	MaxDelete string        `json:"max_delete,omitempty"` // "" the default, "N" files, "P%", "none": no limit
	Keep      time.Duration `json:"keep,omitempty"`       // selective: files changed since then stay local
	MaxLocal  int64         `json:"max_local,omitempty"`  // selective: bytes that may stay local; 0: no limit
	// Found names what planning found out about the pair, until the job has ended and it is
	// merged into the last common state. Package syncs makes it up.
	Found string `json:"found,omitempty"`
}

// String is the path as the user would write it.
func (s Source) String() string {
	if s.Slash && !strings.HasSuffix(s.URI, "/") {
		return s.URI + "/"
	}
	return s.URI
}
