// Package transfer moves the bytes and the attributes of one file from one store to
// another, the cheapest way that both ends know: inside the store, between buckets of one
// account, or through this process in bounded memory. Which files, in which order, and what
// becomes of a failure is decided elsewhere.
//
// A Copy is all or nothing: either the target is complete and right under its name, or what
// was there is as it was. What lies about meanwhile (a hidden file beside a local target, an
// upload in parts) is found again by the Task's Unique and Saved, by the next Copy, which
// goes on with it, or by Clean, which removes it.
//
// Nothing is asked twice: the source and the target are believed to be what the Task says,
// and each request is conditional on that. A target costs one PUT, a source one GET for each
// range.
package transfer

import (
	"context"
	"encoding/json"
	"log/slog"

	"golang.org/x/time/rate"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/identity"
)

// Attrs is a set of attributes.
type Attrs uint8

// The attributes that travel with a file.
const (
	Mode Attrs = 1 << iota
	Owner
	Times
	Xattrs
)

// Task says what to copy. It is not changed, and no longer needed once Copy returns.
type Task struct {
	From   stores.Store
	Source stores.Entry // as it was planned: another Version is a *ChangedError
	To     stores.Store
	Name   string // whole name in To
	// Root is a folder of a local To, above Name, below which no folder on the way may be a link;
	// "" is none.
	Root string
	// Absent: there must be nothing of that name. Over: it must be that version. Neither:
	// whatever is there is replaced.
	Absent bool
	Over   string
	// Near is a proven copy of the source's bytes in To, nil if there is none known. Where it
	// has changed the bytes come from Source.
	Near *stores.Entry

	// Unique is part of the names of temporary files: ".sd-<Unique>.part". It is the same
	// when the Task is tried again, and no other Task has it.
	Unique string
	// Saved is what Save was given last, by this process or one before it; nil the first time.
	Saved json.RawMessage
	// Save keeps how far a large file has come. It is called at most some times a second,
	// never at the same time, and not for small files; an error ends the Copy. nil: nothing
	// is kept, and what is unfinished is removed before Copy returns.
	Save func(json.RawMessage) error
	// Progress is called with each number of bytes that has passed, from several goroutines;
	// negative where some have to be moved again. nil is nothing.
	Progress func(bytes int64)
	// Verify has the target read back and its BLAKE3 compared with that of the source. A target
	// that differs is removed again: *CorruptError.
	Verify bool
	// Omit are attributes that are not to be kept; the others are as far as To can.
	Omit Attrs

	content  string // the sum of the content, where Source is one copy of it
	more     bool   // another copy is tried after this one
	fleeting bool   // Save lasts as long as the Copy
}

// Result is what has become of a Task.
type Result struct {
	Entry   stores.Entry // the target, with its Version
	Method  steps.Method // how it was really done
	Sum     identity.Sum // of the bytes, where Known
	Known   bool
	Through int64 // bytes that passed through this process
	// Lost tells what could not be kept, by code: see the constants that begin with Lost.
	Lost []string
}

// The codes of Result.Lost.
const (
	LostOwner  = "owner"
	LostMode   = "mode"
	LostTimes  = "times"
	LostXattrs = "xattrs"
	LostACL    = "acl"
	LostSparse = "sparse"
)

// Config shapes Transfers; only Set is needed.
type Config struct {
	Set *stores.Set
	// Limit bounds the bytes per second that pass through this process to or from a service;
	// its burst must be positive. nil is no limit.
	Limit *rate.Limiter
	// Buffers bounds the memory for file content of all transfers together, in bytes; 0 is
	// 96 MiB. Less than one part of an upload is raised to that.
	Buffers int64
	Log     *slog.Logger // nil is silence
}

// Transfers copies files. It is safe for concurrent use, and holds nothing that needs to be
// closed.
type Transfers struct {
	set     *stores.Set
	limit   *rate.Limiter
	buffers *buffers
	folders folders
	log     *slog.Logger
	unit    int64 // partUnit, but in tests
}

// New returns Transfers that share cfg's limits.
func New(cfg Config) *Transfers {
	t := &Transfers{set: cfg.Set, limit: cfg.Limit, buffers: newBuffers(cfg.Buffers), log: cfg.Log, unit: partUnit}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	return t
}

// Copy makes the target, and blocks until it is there under its name or cannot be. The
// library and a mount are told of it. Errors wrap those of package backends: a source or target
// that is not what the Task says is a *ChangedError, an unreachable service
// backends.ErrOffline. After that, and where ctx has ended, the same Task can be tried again,
// with what was saved, or be cleaned; after other errors nothing is left.
func (t *Transfers) Copy(ctx context.Context, task Task) (Result, error) {
	r, err := t.copy(ctx, &task)
	if err != nil {
		return Result{}, err
	}
	if task.Verify {
		if err := t.verify(ctx, &task, &r); err != nil {
			return Result{}, err
		}
	}
	t.tell(&task, &r)
	return r, nil
}

// tell has the library, and a mount, learn of a copy.
func (t *Transfers) tell(task *Task, r *Result) {
	if !r.Known {
		t.set.Learned(task.To, &r.Entry)
		return
	}
	made := r.Entry
	r.Entry.Sum, r.Entry.Proven = r.Sum, true
	if _, ok := task.To.(*stores.Volume); !ok || made.Meta != nil {
		made = r.Entry
	}
	t.set.Learned(task.To, &made)
	if !made.Proven { // what a service has copied by itself carries more than is known here
		t.set.Found(task.To, &r.Entry)
	}
	if !task.Source.Proven {
		source := task.Source
		source.Sum, source.Proven = r.Sum, true
		t.set.Found(task.From, &source)
	}
}

// Clean removes what an unfinished Copy of the Task has left: the hidden file, the upload in
// parts of which Saved tells. There being nothing is no error.
func (t *Transfers) Clean(ctx context.Context, task Task) error {
	switch to := task.To.(type) {
	case *stores.Local:
		return t.cleanLocal(&task)
	case *stores.Volume:
		var left saved
		uploader, ok := to.Backend().(backends.Uploader)
		if !ok || len(task.Saved) == 0 || json.Unmarshal(task.Saved, &left) != nil {
			return nil
		}
		if left.Upload == "" {
			if left.Begun.IsZero() {
				return nil
			}
			return abortLost(ctx, uploader, task.Name, left.Begun)
		}
		up, err := uploader.Upload(ctx, task.Name, left.Upload, backends.Meta{})
		if err != nil {
			return err
		}
		return up.Abort(ctx)
	}
	return nil
}
