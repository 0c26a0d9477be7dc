// Package doctor finds out what a store can do by trying it: what it lets this account do,
// what it heeds, what it keeps, how fast it is. It knows stores by package backends alone,
// so it looks at every service in the same way.
//
// All that it writes lies in one folder of a random name, which it removes again.
package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"

	"sd/backends"
)

// Level is how a check came out.
type Level string

// The levels: as it should be; works, but less well; does not work.
const (
	OK   Level = "ok"
	Warn Level = "warn"
	Fail Level = "fail"
)

// A Row is what one check has found.
type Row struct {
	What  string `json:"what"`
	Found string `json:"found"`
	// Does is what sd does about it; "" where there is nothing to do.
	Does  string `json:"does,omitempty"`
	Level Level  `json:"level"`
}

// Options say where to look and how much to move. The zero Options try everything in the
// root of the store.
type Options struct {
	// Folder is the folder in which the random one is made; "" is the root.
	Folder string
	// ReadOnly writes nothing, and finds out the less.
	ReadOnly bool
	// Size is how many bytes are sent and fetched to measure the throughput; 0 is 16 MiB.
	// Less than 1 MiB measures nothing.
	Size int64
	// Tell is called with each row when it is there; nil tells nobody.
	Tell func(Row)
	// Progress is called before each check, and while bytes are moved: done of total. The
	// total is 0 where nothing is moved. It may be called from several goroutines.
	Progress func(what string, done, total int64)
}

// A Report is all that was found out.
type Report struct {
	Rows []Row `json:"checks"`
	// Left are the names that could not be removed again.
	Left []string `json:"left,omitempty"`
}

// Failed tells whether anything does not work.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Rows, func(row Row) bool { return row.Level == Fail })
}

// ScratchPrefix begins the names of the folders that Run makes.
const ScratchPrefix = ".sd-doctor-"

// Run looks at b, for some hundred requests unless it is ReadOnly. What the store refuses
// is in the Report; the error is that of ctx. Also then all is removed that was written,
// which takes up to half a minute more.
func Run(ctx context.Context, b backends.Backend, o Options) (*Report, error) {
	if o.Size == 0 {
		o.Size = 16 << 20
	}
	r := &run{
		Backend: b,
		o:       o,
		top:     strings.TrimSuffix(o.Folder, "/"),
		report:  &Report{Rows: []Row{}},
		made:    map[string]bool{},
	}
	r.scratch = join(r.top, ScratchPrefix+strings.ToLower(rand.Text()[:12]))
	r.all(ctx)
	return r.report, context.Cause(ctx)
}

// run is one look at a store.
type run struct {
	backends.Backend
	o       Options
	top     string // the folder that the user named
	scratch string // our own, below it
	report  *Report

	gone    bool     // the store does not answer, or there is nothing to look at
	missing []string // folders above scratch that were not there, the highest first
	sample  string   // a file of the user's that can be read
	litter  []string // folders that an earlier run has left
	may     struct{ list, read, write, remove bool }
	heeds   *backends.Capabilities // what the server says that it heeds; nil if nobody can tell
	noise   noise                  // what was sent as the big file
	bigSize int64

	mu      sync.Mutex
	made    map[string]bool // files that were written, perhaps
	begun   []backends.Upload
	folders []string // that were made, for stores that have them
}

// check is one row to be found.
type check struct {
	what string
	// do returns the row without its What, or the zero Row where there is nothing to say.
	do func(*run, context.Context) Row
	// needs tells whether it can be made; nil is always.
	needs func(*run) bool
}

// all makes the checks, each as far as those before it allow.
func (r *run) all(ctx context.Context) {
	if !r.o.ReadOnly {
		defer r.tidy(ctx)
	}
	for _, c := range checks {
		if r.gone || ctx.Err() != nil {
			return
		}
		if c.needs != nil && !c.needs(r) {
			continue
		}
		r.progress(c.what, 0, 0)
		row := c.do(r, ctx)
		if ctx.Err() != nil {
			return
		}
		if row == (Row{}) {
			continue
		}
		row.What = c.what
		r.tell(row)
	}
}

func (r *run) tell(row Row) {
	r.report.Rows = append(r.report.Rows, row)
	if r.o.Tell != nil {
		r.o.Tell(row)
	}
}

func (r *run) progress(what string, done, total int64) {
	if r.o.Progress != nil {
		r.o.Progress(what, done, total)
	}
}

// failed is the row of a check that ended with an error which says nothing about what was
// to be found out.
func (r *run) failed(err error, does string) Row {
	if errors.Is(err, backends.ErrOffline) {
		r.gone = true
		return Row{Found: "it went away: " + text(err), Does: "nothing more was tried", Level: Fail}
	}
	return Row{Found: text(err), Does: does, Level: Fail}
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// at is the whole name of one of our own files.
func (r *run) at(name string) string { return join(r.scratch, name) }

// writes tells whether files may be written, read and removed again.
func writes(r *run) bool { return r.may.write && r.may.read && r.may.remove }

// offers tells whether files may be written and the store offers a verb.
func offers[Verb any](r *run) bool {
	_, ok := r.Backend.(Verb)
	return ok && writes(r)
}
