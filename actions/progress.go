package actions

import (
	"fmt"
	"time"

	"sd/actions/steps"
)

// Progress is how far a job is; in JSON it is the progress of its library.Job. Files are what
// steps.Step.Work counts.
type Progress struct {
	Phase      string    `json:"phase"` // "running", "waiting", "cleaning up"
	Files      int64     `json:"files"` // that have ended: done, skipped or failed
	Bytes      int64     `json:"bytes"` // of those, and of those that are under way
	TotalFiles int64     `json:"total_files"`
	TotalBytes int64     `json:"total_bytes"`
	Done       int64     `json:"done"`
	Skipped    int64     `json:"skipped"`
	Failed     int64     `json:"failed"`
	Through    int64     `json:"through"`           // bytes that passed through this machine in this run
	Waiting    string    `json:"waiting,omitempty"` // "s3://b is unreachable"
	Began      time.Time `json:"began"`             // this run
	Now        time.Time `json:"now"`
	// At is how many bytes and files this run found done already, for the rate.
	AtFiles int64    `json:"at_files,omitempty"`
	AtBytes int64    `json:"at_bytes,omitempty"`
	Current []string `json:"current,omitempty"` // some of the files that are under way, as URIs
}

// Rate returns what this run does in a second.
func (p *Progress) Rate() (files, bytes float64) {
	s := p.Now.Sub(p.Began).Seconds()
	if s <= 0 {
		return 0, 0
	}
	return float64(p.Files-p.AtFiles) / s, float64(p.Bytes-p.AtBytes) / s
}

// Left returns how long the rest is going to take at that rate, false while nobody can tell.
func (p *Progress) Left() (time.Duration, bool) {
	files, bytes := p.Rate()
	if files <= 0 && bytes <= 0 || p.Waiting != "" {
		return 0, false
	}
	// Bytes and files both take their time; what is left of either is a lower bound.
	var left float64
	if n := p.TotalFiles - p.Files; n > 0 && files > 0 {
		left = float64(n) / files
	}
	if n := p.TotalBytes - p.Bytes; n > 0 && bytes > 0 {
		left = max(left, float64(n)/bytes)
	}
	return time.Duration(left * float64(time.Second)), true
}

// maxFailures is how many failures an Outcome lists.
const maxFailures = 100

// Failure is a step that did not succeed.
type Failure struct {
	N    int64  `json:"step"`
	Op   string `json:"op"`
	From string `json:"from,omitempty"` // URIs
	To   string `json:"to,omitempty"`
	Err  string `json:"error"`
}

// Outcome is what a job came to, with all that earlier runs of it did.
type Outcome struct {
	Copied   steps.Count `json:"copied"`
	Moved    steps.Count `json:"moved"` // renamed, or copied and then removed
	Linked   int64       `json:"linked,omitempty"`
	Removed  int64       `json:"removed,omitempty"` // for good
	Trashed  int64       `json:"trashed,omitempty"`
	Restored int64       `json:"restored,omitempty"`
	Folders  int64       `json:"folders,omitempty"` // made
	// Whole are folders that were moved, put into the trash or brought back with all that is in
	// them, by one step. They count nowhere else.
	Whole   Whole                  `json:"whole_folders,omitzero"`
	Skipped int64                  `json:"skipped,omitempty"` // not needed any more
	Failed  int64                  `json:"failed,omitempty"`
	Left    int64                  `json:"left,omitempty"`    // files not tried: of a job that was canceled, or because what they depend on failed
	Through int64                  `json:"through"`           // bytes that passed through this machine
	Methods map[string]steps.Count `json:"methods,omitempty"` // of what was copied and moved, by steps.Method.String
	Lost    map[string]int64       `json:"lost,omitempty"`    // files whose attributes could not all be kept, by code
	Seconds float64                `json:"seconds"`           // that the last run took

	Failures []Failure `json:"failures,omitempty"` // the first 100
}

// Whole counts folders by what was done to each as a whole.
type Whole struct {
	Moved    int64 `json:"moved,omitempty"`
	Trashed  int64 `json:"trashed,omitempty"`
	Restored int64 `json:"restored,omitempty"`
}

// PartError says that some of a job's files were not done.
type PartError struct {
	Job           int64
	Failed, Total int64 // files
	Left          int64 // not tried, besides Failed
	First         Failure
}

func (e *PartError) Error() string {
	n := e.Failed + e.Left
	text := fmt.Sprintf("%d of %d files were not done", n, e.Total)
	switch {
	case n > e.Total: // of folders and the like, which do not count
		text = "not all was done"
	case n == 1:
		text = fmt.Sprintf("1 of %d files was not done", e.Total)
	}
	text += fmt.Sprintf(": 'sd log %d --failed' lists what", e.Job)
	if e.First.Err != "" {
		text += "; the first: " + e.First.Err
	}
	return text
}
