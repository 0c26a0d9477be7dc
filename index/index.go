// Package index keeps the catalog of a location equal to what lies there. A scan walks the
// location, a local folder or a part of a cloud volume, compares it with what the catalog
// has, and writes the differences. It reads no file but the .gitignore files on its way.
//
// What is unchanged is not written, so a second scan is much faster than the first, and a
// scan that was killed is simply begun again. What a scan cannot read is recorded as a
// problem of the location, and what was known of it stays.
package index

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"sd/library"
	"sd/resolver"
	"sd/sdpath"
)

// ErrRoot is wrapped by the error of a scan whose location is not there: its folder is gone,
// or it lies on another file system than before, as when a drive is not plugged in. Nothing
// was changed then.
var ErrRoot = errors.New("the location is not there")

// Config says what an Indexer works with.
type Config struct {
	Library *library.Library
	// Resolver opens cloud volumes and tells file systems apart.
	Resolver *resolver.Resolver
	Log      *slog.Logger // nil: slog.Default
	// Own are folders of this machine that sd itself writes to; they are never indexed.
	Own []string
}

// Indexer scans locations. Its methods are safe for concurrent use, also by several
// processes: of scans that would meet, each waits for the one before it.
type Indexer struct {
	lib      *library.Library
	resolver *resolver.Resolver
	log      *slog.Logger
	own      []string // as in catalog.Copy
}

// New returns an Indexer. It starts nothing.
func New(c Config) *Indexer {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	x := &Indexer{lib: c.Library, resolver: c.Resolver, log: c.Log}
	for _, dir := range c.Own {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			x.own = append(x.own, strings.TrimPrefix(real, "/"))
		}
	}
	return x
}

// Control is how the caller of long work steers and follows it. Its functions are called
// from several goroutines, but never two at a time.
type Control struct {
	// Check blocks while the work is to pause and returns an error when it is to end. It is
	// called often. Nil never does either.
	Check func(ctx context.Context) error
	// Report is told how far the work is, at most ten times a second and once at the end.
	// Nil is told nothing.
	Report func(Progress)
}

// Progress is how far some work is. Totals are what is known from before; -1 is unknown.
type Progress struct {
	Phase      string    `json:"phase"` // "scan" or "identify"
	Files      int64     `json:"files"`
	Folders    int64     `json:"folders"`
	Bytes      int64     `json:"bytes"`
	Changed    int64     `json:"changed"` // added, changed and removed
	Problems   int64     `json:"problems"`
	TotalFiles int64     `json:"total_files"`
	TotalBytes int64     `json:"total_bytes"`
	Began      time.Time `json:"began"`
	// Now is when this was so.
	Now time.Time `json:"now"`
}

// Rate is the files a second since the work began.
func (p Progress) Rate() float64 {
	if took := p.Now.Sub(p.Began).Seconds(); took > 0 {
		return float64(p.Files) / took
	}
	return 0
}

// Left is the time that the work will still take at its rate so far: by bytes where the
// work is to read files, else by files. False: it cannot be told.
func (p Progress) Left() (time.Duration, bool) {
	done, total := p.Files, p.TotalFiles
	if p.Phase != "scan" && p.TotalBytes > 0 {
		done, total = p.Bytes, p.TotalBytes
	}
	took := p.Now.Sub(p.Began)
	if total < 0 || done <= 0 || took <= 0 {
		return 0, false
	}
	if done >= total {
		return 0, true
	}
	return time.Duration(float64(took) * float64(total-done) / float64(done)), true
}

// Report is what a scan found and did.
type Report struct {
	Files    int64         `json:"files"` // all there are now, with links and special files
	Folders  int64         `json:"folders"`
	Bytes    int64         `json:"bytes"`
	Added    int64         `json:"added"` // files
	Changed  int64         `json:"changed"`
	Removed  int64         `json:"removed"`
	Moved    int64         `json:"moved"` // of those added: known again, with what they hold
	Problems int64         `json:"problems"`
	Took     time.Duration `json:"took_ns"`
}

// namesBelow are the names that lead from the folder dir to path, which is below it.
func namesBelow(path, dir string) []string {
	if dir == "" {
		return sdpath.SplitKey(path)
	}
	return strings.Split(path[len(dir)+1:], "/")
}

// Dirty is a folder that may have changed.
type Dirty struct {
	Dir string // as in catalog.Copy: below the place's root, no slash at either end
	// Recursive also looks into all folders below it. Without, only new ones are looked into.
	Recursive bool
}
