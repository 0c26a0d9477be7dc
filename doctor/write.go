package doctor

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"strings"
	"time"

	"sd/backends"
)

// earlier tells of folders that an earlier look has left, because it was killed.
func (r *run) earlier(context.Context) Row {
	if len(r.litter) == 0 {
		return Row{}
	}
	return Row{
		Found: "one was killed and has left " + strings.Join(r.litter, ", "),
		Does:  "nothing: remove it with 'sd rm -r', unless it still runs", Level: Warn,
	}
}

// hello is what the first file holds.
const hello = "The quick brown fox jumps over the lazy dog. "

// write makes the random folder and a small file in it.
func (r *run) write(ctx context.Context) Row {
	if err := r.makeFolders(ctx); err != nil {
		return r.refused(err)
	}
	began := time.Now()
	if _, err := r.putPlain(ctx, "file", hello); err != nil {
		if errors.Is(err, iofs.ErrPermission) { // then there is nothing to remove
			r.mu.Lock()
			delete(r.made, r.at("file"))
			r.mu.Unlock()
		}
		return r.refused(err)
	}
	r.may.write = true
	return Row{Found: "a small file in " + brief(time.Since(began)), Level: OK}
}

func (r *run) refused(err error) Row {
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return Row{Found: "the service takes no files", Does: "shows it read-only: writing fails with ENOTSUP", Level: Fail}
	case errors.Is(err, iofs.ErrPermission):
		return Row{Found: text(err), Does: "fails with EACCES; --read-only looks without writing", Level: Fail}
	}
	return r.failed(err, "fails at close and tries again; the bytes are kept here")
}

// read reads the file back, whole, in parts, and of a version that it never had.
func (r *run) read(ctx context.Context) Row {
	n := int64(len(hello))
	for _, tt := range []struct {
		off, n int64
		want   string
	}{{0, -1, hello}, {4, 5, hello[4:9]}, {n - 5, -1, hello[n-5:]}, {n + 10, 10, ""}} {
		got, err := r.get(ctx, "file", "", tt.off, tt.n)
		if err != nil {
			return r.failed(err, "fails with EACCES or EIO: ask for the right to read")
		}
		if got != tt.want {
			return Row{
				Found: fmt.Sprintf("asked for bytes from %d on, it gave others than were written", tt.off),
				Does:  "nothing can be done: do not use this store", Level: Fail,
			}
		}
	}
	r.may.read = true
	first, err := r.Stat(ctx, r.at("file"))
	if err != nil {
		return r.failed(err, "")
	}
	// Another file of the same size in its place has another version.
	if _, err := r.putPlain(ctx, "file", strings.ToUpper(hello)); err != nil {
		return r.failed(err, "")
	}
	if _, err := r.get(ctx, "file", first.Version, 0, -1); !errors.Is(err, backends.ErrChanged) {
		return Row{
			Found: "right, also in ranges; but a replaced file is not told from what it was",
			Does:  "may show old bytes for a while", Level: Warn,
		}
	}
	return Row{Found: "right, also in ranges; a version that was replaced is refused", Level: OK}
}

// remove removes the file. Nothing more is written where that does not work.
func (r *run) remove(ctx context.Context) Row {
	remover, ok := r.Backend.(backends.Remover)
	if !ok {
		return Row{Found: "the service removes nothing", Does: "unlink and rename fail with ENOTSUP; nothing more was written here", Level: Fail}
	}
	if err := remover.Remove(ctx, r.at("file"), backends.Cond{}); err != nil {
		return r.failed(err, "unlink and rename fail with EACCES; nothing more was written here")
	}
	if _, err := r.Stat(ctx, r.at("file")); !errors.Is(err, iofs.ErrNotExist) {
		return Row{Found: "a removed file is still there", Does: "nothing can be done; nothing more was written here", Level: Fail}
	}
	r.may.remove = true
	return Row{Found: "works", Level: OK}
}

// patience is how long a change may take to be seen.
const patience = 10 * time.Second

// consistent looks whether listings tell at once what was written and removed, and all
// about it.
func (r *run) consistent(ctx context.Context) Row {
	var late time.Duration
	bare := false
	for i := range 3 {
		name := fmt.Sprint("seen-", i)
		made, err := r.putPlain(ctx, name, hello[:i+1])
		if err != nil {
			return r.failed(err, "")
		}
		for began := time.Now(); ; {
			e, err := r.listed(ctx, name)
			if err != nil {
				return r.failed(err, "")
			}
			if e != nil && !e.Unsized && e.Size == made.Size {
				bare = bare || e.Version == "" || e.Version != made.Version || e.ModTime.IsZero()
				break
			}
			if late = max(late, time.Since(began)); late > patience || !pause(ctx) {
				return Row{Found: "a new file is not listed after " + brief(late), Does: "shows its own changes at once, those of others later", Level: Warn}
			}
		}
		if err := r.Backend.(backends.Remover).Remove(ctx, r.at(name), backends.Cond{}); err != nil {
			return r.failed(err, "")
		}
		for began := time.Now(); ; {
			e, err := r.listed(ctx, name)
			if err != nil {
				return r.failed(err, "")
			}
			if e == nil {
				break
			}
			if late = max(late, time.Since(began)); late > patience || !pause(ctx) {
				return Row{Found: "a removed file is still listed after " + brief(late), Does: "shows its own changes at once, those of others later", Level: Warn}
			}
		}
	}
	switch {
	case late > 0:
		return Row{Found: "listings are up to " + brief(late) + " behind", Does: "shows its own changes at once, those of others later", Level: Warn}
	case bare:
		return Row{Found: "yes; but listings do not tell version and time", Does: "asks for each file by itself", Level: Warn}
	}
	return Row{Found: "yes; listings tell size, time and version", Level: OK}
}

// listed finds one of our own files in the listing of the folder; nil is none.
func (r *run) listed(ctx context.Context, name string) (found *backends.Entry, err error) {
	err = r.List(ctx, r.scratch, func(page []backends.Entry) error {
		for i := range page {
			if page[i].Name == name && page[i].Kind != backends.Dir {
				e := page[i]
				found = &e
			}
		}
		return nil
	})
	if errors.Is(err, iofs.ErrNotExist) {
		err = nil
	}
	return found, err
}

// pause waits a little. It tells whether ctx goes on.
func pause(ctx context.Context) bool {
	select {
	case <-time.After(50 * time.Millisecond):
		return true
	case <-ctx.Done():
		return false
	}
}

// skewed is how far clocks may be apart before that is worth a word.
const skewed = 5 * time.Second

// clock compares the time that a new file gets with ours. Both ends of the request bound
// when it was made; times may be cut to seconds.
func (r *run) clock(ctx context.Context) Row {
	before := time.Now()
	if _, err := r.putPlain(ctx, "clock", hello); err != nil {
		return r.failed(err, "")
	}
	after := time.Now()
	e, err := r.Stat(ctx, r.at("clock"))
	switch {
	case err != nil:
		return r.failed(err, "")
	case e.ModTime.IsZero():
		return Row{Found: "the service tells no times", Does: "shows the time of the mount for files without one", Level: Warn}
	}
	const cut = time.Second
	ahead, behind := e.ModTime.Sub(after), before.Sub(e.ModTime.Add(cut))
	const does = "compares versions, not clocks; but programs like make see files from the past or the future"
	switch {
	case ahead > skewed:
		return Row{Found: "the service's is ahead of this machine's by " + brief(ahead) + " or more", Does: does + ": set this machine's clock", Level: Warn}
	case behind > skewed:
		return Row{Found: "the service's is behind this machine's by " + brief(behind) + " or more", Does: does + ": set this machine's clock", Level: Warn}
	}
	return Row{Found: "the service's and this machine's agree, as far as " + brief(max(after.Sub(before), cut)) + " tells", Level: OK}
}
