package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"slices"
	"strings"
	"time"

	"sd/backends"
)

// reach asks for the folder. Whether the login is good comes out as well.
func (r *run) reach(ctx context.Context) Row {
	began := time.Now()
	e, err := r.Stat(ctx, r.top)
	took := time.Since(began)
	switch {
	case errors.Is(err, backends.ErrOffline), errors.Is(err, context.DeadlineExceeded):
		r.gone = true
		return Row{Found: text(err), Does: "fails what needs it within 5 s, serves what it has, and tries again in the background", Level: Fail}
	case errors.Is(err, iofs.ErrPermission):
		row := Row{Found: "the store answers, but refuses: " + text(err), Does: "fails with EACCES", Level: Fail}
		if h, ok := r.Backend.(backends.HealthReporter); ok && h.Health().Expired {
			r.gone = true
			row.Does = "fails with EACCES until there is a new login: 'sd volume login' takes it"
		}
		return row
	case errors.Is(err, iofs.ErrNotExist) && r.top != "" && !r.o.ReadOnly:
		return r.absent(ctx, took)
	case err != nil:
		r.gone = true
		return Row{Found: text(err), Does: "nothing: look at the URI and the volume's settings", Level: Fail}
	case e.Kind != backends.Dir:
		r.gone = true
		return Row{Found: "that is a file", Does: "nothing: name a folder", Level: Fail}
	}
	return Row{Found: "answers, the first time after " + brief(took), Level: OK}
}

// absent finds out which folders above the random one are not there yet.
func (r *run) absent(ctx context.Context, took time.Duration) Row {
	for dir := r.top; dir != ""; dir = parent(dir) {
		_, err := r.Stat(ctx, dir)
		if err == nil {
			break
		}
		if !errors.Is(err, iofs.ErrNotExist) {
			return r.failed(err, "")
		}
		r.missing = slices.Insert(r.missing, 0, dir)
	}
	return Row{
		Found: fmt.Sprintf("answers, the first time after %s; there is no folder %s yet", brief(took), r.top),
		Does:  "it is made, and removed at the end", Level: OK,
	}
}

func parent(name string) string {
	return name[:max(0, strings.LastIndexByte(name, '/'))]
}

// asked is how many small operations the latency is the median of.
const asked = 7

// latency asks for the folder again and again: one request each, or two at once.
func (r *run) latency(ctx context.Context) Row {
	var took []time.Duration
	for range asked {
		began := time.Now()
		if _, err := r.Stat(ctx, r.top); err != nil && !errors.Is(err, iofs.ErrNotExist) && !errors.Is(err, iofs.ErrPermission) {
			return r.failed(err, "")
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	median := took[len(took)/2]
	row := Row{Found: fmt.Sprintf("%s to describe a folder (%s to %s)", brief(median), brief(took[0]), brief(took[len(took)-1])), Level: OK}
	if median > slow {
		row.Level, row.Does = Warn, "asks ahead and for many things at a time; single small files will feel slow"
	}
	return row
}

// slow is the latency from which a person notices each request.
const slow = 500 * time.Millisecond

// errEnough ends a listing of which the first page will do.
var errEnough = errors.New("enough")

// list lists the first page of the folder.
func (r *run) list(ctx context.Context) Row {
	n, unsized, all := 0, 0, true
	began := time.Now()
	err := r.List(ctx, r.top, func(page []backends.Entry) error {
		for _, e := range page {
			switch {
			case e.Kind == backends.Dir && strings.HasPrefix(e.Name, ScratchPrefix):
				r.litter = append(r.litter, join(r.top, e.Name))
			case e.Unsized:
				unsized++
			case e.Kind == backends.File && e.Size > 0 && e.Class == "" && r.sample == "" && e.Name != "":
				r.sample = join(r.top, e.Name)
			}
		}
		if n += len(page); n >= 1000 {
			all = false
			return errEnough
		}
		return nil
	})
	took := time.Since(began)
	if errors.Is(err, errEnough) || errors.Is(err, iofs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return r.failed(err, "shows nothing: ask for the right to list")
	}
	r.may.list = true
	found := fmt.Sprintf("%s in %s", count(n, "entry", "entries"), brief(took))
	if !all {
		found = fmt.Sprintf("the first %d entries in %s", n, brief(took))
	}
	if unsized > 0 {
		return Row{Found: fmt.Sprintf("%s, %d of them without a size", found, unsized), Does: "asks for the size of such documents one by one", Level: OK}
	}
	return Row{Found: found, Level: OK}
}

// readSample reads a little of a file of the user's.
func (r *run) readSample(ctx context.Context) Row {
	if r.sample == "" {
		return Row{Found: "there is no file here to try", Does: "nothing: name a folder that holds one", Level: Warn}
	}
	began := time.Now()
	body, e, err := r.Get(ctx, r.sample, "", 0, 4096)
	if err == nil {
		var n int64
		if n, err = io.Copy(io.Discard, body); err == nil && n != min(e.Size, 4096) {
			err = io.ErrUnexpectedEOF
		}
		body.Close()
	}
	if err != nil {
		return r.failed(err, "fails with EACCES or EIO: ask for the right to read")
	}
	r.may.read = true
	return Row{Found: fmt.Sprintf("%s of %s in %s", size(min(e.Size, 4096)), r.sample, brief(time.Since(began))), Level: OK}
}
