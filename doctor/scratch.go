package doctor

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"sd/backends"
)

// tidyFor bounds how long the end may take, also after an interrupt.
const tidyFor = 30 * time.Second

// atOnce is how many requests run beside each other where there are many to make.
const atOnce = 8

// refusing is the Putter of a store that has none.
type refusing struct{}

func (refusing) Put(context.Context, string, io.ReadSeeker, int64, backends.Meta, backends.Cond) (backends.Entry, error) {
	return backends.Entry{}, errors.ErrUnsupported
}

func (r *run) putter() backends.Putter {
	if p, ok := r.Backend.(backends.Putter); ok {
		return p
	}
	return refusing{}
}

// note remembers a file that may be there from now on.
func (r *run) note(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made[r.at(name)] = true
	return r.at(name)
}

// put writes one of our own files.
func (r *run) put(ctx context.Context, name, content string, m backends.Meta, c backends.Cond) (backends.Entry, error) {
	return r.putter().Put(ctx, r.note(name), strings.NewReader(content), int64(len(content)), m, c)
}

// putPlain is put of a file that carries nothing, whatever was there.
func (r *run) putPlain(ctx context.Context, name, content string) (backends.Entry, error) {
	return r.put(ctx, name, content, backends.Meta{}, backends.Cond{})
}

// get reads n bytes at off of one of our own files.
func (r *run) get(ctx context.Context, name, version string, off, n int64) (string, error) {
	body, _, err := r.Get(ctx, r.at(name), version, off, n)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(body)
	return string(text), errors.Join(err, body.Close())
}

// begin begins an upload of one of our own files.
func (r *run) begin(ctx context.Context, name string) (backends.Upload, error) {
	u, err := r.Backend.(backends.Uploader).Upload(ctx, r.note(name), "", backends.Meta{})
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.begun = append(r.begun, u)
	}
	return u, err
}

// parallel calls do for 0 to n-1, some at a time.
func parallel(n int, do func(i int)) {
	var all sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	all.Wait()
}

// makeFolders makes the random folder and what is missing above it, in stores that have
// folders by themselves.
func (r *run) makeFolders(ctx context.Context) error {
	dirs, ok := r.Backend.(backends.DirMaker)
	if !ok {
		return nil
	}
	for _, dir := range append(slices.Clone(r.missing), r.scratch) {
		err := dirs.Mkdir(ctx, dir)
		if !errors.Is(err, iofs.ErrPermission) {
			r.folders = append(r.folders, dir)
		}
		if err != nil && !errors.Is(err, iofs.ErrExist) {
			return err
		}
	}
	return nil
}

// tidy removes all that was written and makes sure that nothing is left.
func (r *run) tidy(ctx context.Context) {
	if len(r.made)+len(r.folders) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyFor)
	defer cancel()
	r.progress("tidy up", 0, 0)
	uploads, files := r.endUploads(ctx), r.removeFiles(ctx)
	if r.may.list {
		files = nil // the listing tells what is there in truth
	}
	if err := errors.Join(uploads, files, r.removeRest(ctx)); err != nil {
		r.report.Left = append(r.report.Left, r.scratch)
		r.tell(Row{What: "tidy up", Found: text(err), Does: "nothing: remove " + r.scratch + " yourself", Level: Fail})
		return
	}
	r.tell(Row{What: "tidy up", Found: "nothing is left behind" + r.kept(ctx), Level: OK})
}

// endUploads aborts what was begun, also where the answer to the beginning was lost.
func (r *run) endUploads(ctx context.Context) (err error) {
	names := map[string]bool{}
	for _, u := range r.begun {
		err = errors.Join(err, u.Abort(ctx))
	}
	finder, ok := r.Backend.(backends.UploadFinder)
	if !ok {
		return err
	}
	for name := range r.made {
		if strings.HasPrefix(name, r.at(uploadPrefix)) {
			names[name] = true
		}
	}
	for name := range names {
		list, e := finder.FindUploads(ctx, name)
		if !errors.Is(e, iofs.ErrPermission) && !errors.Is(e, errors.ErrUnsupported) {
			err = errors.Join(err, e)
		}
		for _, begun := range list {
			u, e := r.Backend.(backends.Uploader).Upload(ctx, name, begun.ID, backends.Meta{})
			if e == nil {
				e = u.Abort(ctx)
			}
			err = errors.Join(err, e)
		}
	}
	return err
}

// removeFiles removes the files that we know of, without asking which are there.
func (r *run) removeFiles(ctx context.Context) error {
	remover, ok := r.Backend.(backends.Remover)
	if !ok {
		return nil
	}
	var (
		mu  sync.Mutex
		err error
	)
	names := []string{}
	for name := range r.made {
		names = append(names, name)
	}
	parallel(len(names), func(i int) {
		e := remover.Remove(ctx, names[i], backends.Cond{})
		if e == nil || errors.Is(e, iofs.ErrNotExist) {
			return
		}
		if _, missing := r.Stat(ctx, names[i]); errors.Is(missing, iofs.ErrNotExist) {
			return // a name that the store does not even look for
		}
		mu.Lock()
		defer mu.Unlock()
		err = errors.Join(err, e)
	})
	return err
}

// removeRest removes what is in the random folder nevertheless, the folder, those above it
// that were made for it, and the versions that the store keeps of what was in it.
func (r *run) removeRest(ctx context.Context) error {
	var err error
	if r.may.list {
		err = r.removeAll(ctx, r.scratch)
	}
	if dirs, ok := r.Backend.(backends.DirMaker); ok {
		for _, dir := range slices.Backward(r.folders) {
			e := dirs.Rmdir(ctx, dir)
			if e != nil && !errors.Is(e, iofs.ErrNotExist) && !(errors.Is(e, backends.ErrNotEmpty) && dir != r.scratch) {
				err = errors.Join(err, e)
			}
		}
	}
	if purger, ok := r.Backend.(backends.Purger); ok && r.keeps(ctx) {
		// Not those of the folders above: what somebody has removed there may be brought back.
		err = errors.Join(err, purger.Purge(ctx, r.scratch, true))
	}
	return err
}

// removeAll removes all that lies in a folder.
func (r *run) removeAll(ctx context.Context, dir string) error {
	var found []backends.Entry
	err := r.List(ctx, dir, func(page []backends.Entry) error {
		found = append(found, page...)
		return nil
	})
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	for _, e := range found {
		name := join(dir, e.Name)
		if e.Kind != backends.Dir {
			if remover, ok := r.Backend.(backends.Remover); ok {
				err = errors.Join(err, remover.Remove(ctx, name, backends.Cond{}))
			}
			continue
		}
		err = errors.Join(err, r.removeAll(ctx, name))
		if dirs, ok := r.Backend.(backends.DirMaker); ok {
			if e := dirs.Rmdir(ctx, name); !errors.Is(e, iofs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}
	return err
}

// kept is what to say of that which a store keeps of removed files and nobody can purge.
func (r *run) kept(ctx context.Context) string {
	if _, tells := r.Backend.(backends.Undeleter); !tells {
		return ", but for what a bin of the service's own may keep"
	}
	if _, purges := r.Backend.(backends.Purger); !purges && r.keeps(ctx) {
		return ", but for the versions that the service keeps"
	}
	return ""
}

// keeps tells whether the store keeps what is removed.
func (r *run) keeps(ctx context.Context) bool {
	u, ok := r.Backend.(backends.Undeleter)
	if !ok {
		return false
	}
	keeps, err := u.KeepsVersions(ctx)
	return keeps && err == nil
}
