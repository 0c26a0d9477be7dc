package guardian

import (
	"context"
	"errors"
	iofs "io/fs"
	"runtime"
	"sync"

	"sd/identity"
	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// Verdict is what Verify says of one file.
type Verdict string

// The verdicts.
const (
	Intact     Verdict = "ok"          // it holds what it was proven to hold
	Changed    Verdict = "changed"     // it was written: size or time of change is another
	Rotten     Verdict = "bit rot"     // it holds other bytes, and size and time of change do not tell
	Unreadable Verdict = "unreadable"  // it could not be read to its end
	Identified Verdict = "identified"  // it was never read before, so there was nothing to compare with
	Missing    Verdict = "missing"     // it is no longer there
	NotIndexed Verdict = "not indexed" // no location has it; a folder stands for all below it
	Skipped    Verdict = "skipped"     // it was not read: it would have to be downloaded, or its device is not here
)

// Finding is what Verify has to say of one file, or of a folder that is not indexed.
type Finding struct {
	Verdict Verdict
	Place   catalog.Place
	Path    string // as in catalog.Copy
	Size    int64  // bytes
	Why     string // "" for an Intact one
	// Expected and Actual are set for a Rotten file: the BLAKE3 of what it held, and of what
	// it holds.
	Expected, Actual identity.Sum
	// Good is where a Rotten file's bytes can be had, nil if nowhere.
	Good *Good
}

// Good is a copy of what a rotten file held.
type Good struct {
	URI  sdpath.Path
	Read bool // it was read just now, and is right; else only the catalog says so
}

// VerifyQuery says what is to be read again.
type VerifyQuery struct {
	Under    []Scope // files or folders
	Download bool    // also read what lies in cloud volumes
	// Progress, if not nil, is told how many bytes were read, from several goroutines.
	Progress func(n int64)
}

// VerifyTotals count the findings. Those that were not read count with the size that the
// catalog has.
type VerifyTotals map[Verdict]Tally

// Verify reads the files below the scopes again, past the system's memory of them where it
// can, and compares them with what they were proven to hold. It calls found for every file,
// one call at a time, in no order, and stops at found's first error. When ctx ends it
// returns what it had come to, with ctx's error.
//
// What it finds out it writes into the catalog: a file that was written or never read is
// identified; a rotten one is disproved, under all its names, so that nobody takes it for
// a copy of what it was, and it is remembered what it should hold.
func (g *Guardian) Verify(ctx context.Context, q VerifyQuery, found func(Finding) error) (VerifyTotals, error) {
	check, err := g.checker(ctx)
	if err != nil {
		return nil, err
	}
	locals, err := g.resolver.Locals()
	if err != nil {
		return nil, err
	}
	known, err := g.library.Rotten(ctx)
	if err != nil {
		return nil, err
	}
	v := &verifier{guardian: g, query: q, check: check, locals: locals, known: map[rotKey]library.Rot{}, found: found, totals: VerifyTotals{}}
	for _, r := range known {
		v.known[rotKey{r.Place, r.Path}] = r
	}
	ctx, v.stop = context.WithCancelCause(ctx)
	defer v.stop(nil)
	if v.query.Progress == nil {
		v.query.Progress = func(int64) {}
	}
	work := make(chan catalog.Copy)
	var wg sync.WaitGroup
	for range max(2, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for c := range work {
				v.file(ctx, c)
			}
		})
	}
	for _, s := range q.Under {
		if err = v.scope(ctx, s, work); err != nil {
			break
		}
	}
	close(work)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return v.totals, err
}

// VerifyAmount says how much Verify has to read below the scopes: of files here, and of what
// it would download. Files of other devices are in neither.
func (g *Guardian) VerifyAmount(ctx context.Context, scopes []Scope) (here, cloud Tally, err error) {
	device := catalog.DevicePlace(g.resolver.ThisDevice().ID)
	for _, s := range scopes {
		n, err := g.amount(ctx, s)
		if err != nil {
			return here, cloud, err
		}
		switch {
		case s.Place == device:
			here.Files, here.Bytes = here.Files+n.Files, here.Bytes+n.Bytes
		case !s.Place.Local():
			cloud.Files, cloud.Bytes = cloud.Files+n.Files, cloud.Bytes+n.Bytes
		}
	}
	return here, cloud, nil
}

func (g *Guardian) amount(ctx context.Context, s Scope) (Tally, error) {
	folder, err := g.catalog.FindFolder(ctx, s.Place, s.Path)
	if err == nil {
		n, err := g.catalog.Count(ctx, folder.ID)
		return Tally{n.Files, n.Bytes}, err
	}
	if !errors.Is(err, iofs.ErrNotExist) {
		return Tally{}, err
	}
	_, f, err := g.catalog.FindFile(ctx, s.Place, s.Path)
	if errors.Is(err, iofs.ErrNotExist) {
		return Tally{}, nil
	}
	return Tally{1, f.Size}, err
}

type rotKey struct {
	place catalog.Place
	path  string
}

type verifier struct {
	guardian *Guardian
	query    VerifyQuery
	check    *checker
	locals   *resolver.Locals
	known    map[rotKey]library.Rot // rot that was found before; never changed
	stop     context.CancelCauseFunc

	mu     sync.Mutex
	found  func(Finding) error
	totals VerifyTotals
}

// report passes a finding on.
func (v *verifier) report(f Finding) {
	v.mu.Lock()
	defer v.mu.Unlock()
	t := v.totals[f.Verdict]
	t.add(f.Size)
	v.totals[f.Verdict] = t
	if err := v.found(f); err != nil {
		v.stop(err)
	}
}

// scope hands the files of a scope to the workers, and then looks for what is not indexed.
func (v *verifier) scope(ctx context.Context, s Scope, work chan<- catalog.Copy) error {
	hand := func(c catalog.Copy) error {
		if c.File.Type != catalog.Regular || c.File.Size == 0 && c.Place != v.check.here {
			return nil
		}
		select {
		case work <- c:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	folder, err := v.guardian.catalog.FindFolder(ctx, s.Place, s.Path)
	switch {
	case err == nil:
		err = v.guardian.catalog.EachPath(ctx, folder.ID, func(path string, dir catalog.FolderID, f *catalog.File) error {
			return hand(catalog.Copy{Place: s.Place, Folder: dir, Path: path, File: *f})
		})
		if err != nil || s.Place != v.check.here {
			return err
		}
		return v.unindexed(ctx, s.Path, folder.ID)
	case !errors.Is(err, iofs.ErrNotExist):
		return err
	}
	dir, f, err := v.guardian.catalog.FindFile(ctx, s.Place, s.Path)
	switch {
	case err == nil:
		return hand(catalog.Copy{Place: s.Place, Folder: dir, Path: s.Path, File: f})
	case !errors.Is(err, iofs.ErrNotExist):
		return err
	}
	v.report(Finding{Verdict: NotIndexed, Place: s.Place, Path: s.Path, Why: "no location has it; 'sd location add' takes in a folder"})
	return nil
}

// file decides over one file.
func (v *verifier) file(ctx context.Context, c catalog.Copy) {
	f := Finding{Place: c.Place, Path: c.Path, Size: c.File.Size}
	switch {
	case ctx.Err() != nil:
		return
	case c.Place == v.check.here:
		v.here(ctx, &c, &f)
	case c.Place.Local():
		f.Verdict, f.Why = Skipped, "its device is not here"
	case !v.query.Download:
		f.Verdict, f.Why = Skipped, "it would have to be downloaded"
	default:
		v.object(ctx, &c, &f)
	}
	if ctx.Err() == nil { // what was cut short is no finding
		v.report(f)
	}
}
