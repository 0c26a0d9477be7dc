package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sd/library"
)

// files are a job's files in the library's directory. They are there from the first start
// of the job to its end.
type files struct {
	dir string
	id  int64
}

func filesOf(lib *library.Library, id int64) files {
	return files{dir: filepath.Join(lib.Dir(), "jobs"), id: id}
}

func (f files) path(kind string) string {
	return filepath.Join(f.dir, fmt.Sprintf("%d.%s", f.id, kind))
}

// A wish is what another process asks of the owner. A file that is missing, or that says
// something else, asks it to go on.
type wish string

const (
	wishRun    wish = ""
	wishPause  wish = "pause"
	wishCancel wish = "cancel"
)

func (f files) wish() wish {
	text, _ := os.ReadFile(f.path("wish"))
	switch w := wish(strings.TrimSpace(string(text))); w {
	case wishPause, wishCancel:
		return w
	}
	return wishRun
}

func (f files) setWish(w wish) error {
	if w == wishRun {
		return gone(os.Remove(f.path("wish")))
	}
	return f.replace("wish", []byte(w+"\n"))
}

// report is what the owner tells.
type report struct {
	PID      int             `json:"pid"`
	At       int64           `json:"at"` // milliseconds since 1970
	Paused   bool            `json:"paused,omitempty"`
	Progress json.RawMessage `json:"progress"`
}

func (f files) report() (report, bool) {
	text, err := os.ReadFile(f.path("progress"))
	if err != nil {
		return report{}, false
	}
	var r report
	return r, json.Unmarshal(text, &r) == nil
}

func (f files) setReport(r report) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return f.replace("progress", text)
}

// replace gives a file new content in one step. It does not wait for the disk: after a
// crash of the machine nobody owns the job, and the content means nothing.
func (f files) replace(kind string, content []byte) error {
	temp, err := os.CreateTemp(f.dir, fmt.Sprintf(".%d.%s-*", f.id, kind)) // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(content)
	if err := errors.Join(err, temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), f.path(kind))
}

// remove removes the files of a job that has ended. What a killed process left behind goes too.
func (f files) remove() {
	left, _ := filepath.Glob(filepath.Join(f.dir, fmt.Sprintf(".%d.*", f.id)))
	for _, path := range append(left, f.path("wish"), f.path("progress"), f.path("lock")) {
		_ = os.Remove(path)
	}
}

// take takes the job's lock, or says in a *BusyError that another process has it. The lock is
// free again when the returned file is closed, or when this process ends.
func (f files) take() (*os.File, error) {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return nil, err
	}
	// One who only looks has the lock for a moment, and does not count.
	for deadline := time.Now().Add(pollEvery); ; time.Sleep(time.Millisecond) {
		lock, err := os.OpenFile(f.path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil && f.isLock(lock) {
			return lock, nil
		}
		if err == nil { // it was removed with its job since it was opened
			lock.Close()
			continue
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			lock.Close()
			return nil, &os.PathError{Op: "flock", Path: lock.Name(), Err: err}
		}
		lock.Close()
		if time.Now().After(deadline) {
			return nil, &BusyError{ID: f.id}
		}
	}
}

// isLock tells whether the job's lock is still that file.
func (f files) isLock(lock *os.File) bool {
	is, err := os.Stat(f.path("lock"))
	was, failed := lock.Stat()
	return err == nil && failed == nil && os.SameFile(is, was)
}

// owned tells whether a process has the lock.
func (f files) owned() (bool, error) {
	lock, err := os.OpenFile(f.path("lock"), os.O_RDWR, 0)
	if errors.Is(err, iofs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer lock.Close()
	for {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return true, nil
		case err != nil:
			return false, &os.PathError{Op: "flock", Path: lock.Name(), Err: err}
		default:
			return false, nil
		}
	}
}

// gone is err unless it says that the file is missing.
func gone(err error) error {
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	return err
}
