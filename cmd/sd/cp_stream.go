package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"sd/actions"
	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/identity"
	"sd/library"
)

// isStream tells whether one of the arguments is standard input or output.
func isStream(args []string) bool { return slices.Contains(args, "-") }

// stream is sd cp with - on one side. It is no job: what was read from a pipe cannot be read
// again. But its target is there whole or not at all, as with any other copy.
func (a *app) stream(ctx context.Context, p *places, args []string, f actionFlags) error {
	switch {
	case len(args) != 2 || args[0] == args[1]:
		return usagef("with - there is one SRC and one DST: 'sd cp - DST' or 'sd cp SRC -'")
	case f.shows():
		return usagef("what comes through - is not known before it is read, so there is no preview")
	}
	if args[1] == "-" {
		t, err := p.target(ctx, args[0])
		if err != nil {
			return err
		}
		return t.explain(t.copyTo(ctx, slowed(ctx, a.out, f.bwlimit)))
	}
	return a.fromInput(ctx, p, args[1], f)
}

// fromInput writes standard input to a file or object.
func (a *app) fromInput(ctx context.Context, p *places, arg string, f actionFlags) error {
	t, err := p.target(ctx, arg)
	if err != nil {
		return err
	}
	src, err := p.source(ctx, arg)
	if err != nil {
		return err
	}
	w, err := a.newWork(ctx, p)
	if err != nil {
		return err
	}
	defer w.close(ctx)
	set := w.engine.Stores()
	st, name, err := set.Of(ctx, t.uri)
	if err != nil {
		return err
	}
	if _, content := st.(*stores.Content); content {
		return fmt.Errorf("%s: %w", t, stores.ErrReadOnly)
	}
	if src.Slash || name == "" {
		return fmt.Errorf("%s is a folder: what comes through - has no name of its own, so give one", t)
	}
	cond, skip, err := inTheWay(ctx, st, name, steps.Overwrite(f.overwrite), t)
	if err != nil || skip {
		if skip {
			fmt.Fprintf(a.errOut, "%s is there already and stays\n", printable(t.String()))
		}
		return err
	}
	in := &counting{r: hasty(ctx, a.in, f.bwlimit), sum: identity.New()}
	var made stores.Entry
	switch st := st.(type) {
	case *stores.Volume:
		made, err = inputToVolume(ctx, st, name, in, cond)
	default:
		made, err = inputToFile(st, name, in, cond)
	}
	if err == nil && in.sum.Len() > 0 {
		made.Sum, made.Proven = in.sum.Sum(), true
	}
	if err == nil && f.verify {
		err = verifyInput(ctx, t, made.Sum, in.sum.Len())
	}
	if ctx.Err() != nil {
		return errNothingDone
	}
	if err != nil {
		return t.explain(err)
	}
	set.Learned(st, &made)
	w.logStream(ctx, t.uri.String(), in.sum.Len())
	if _, local := st.(*stores.Local); local {
		w.indexMade(ctx, &made)
	}
	if a.json {
		return a.printJSON(map[string]any{"uri": t.uri.String(), "size": in.sum.Len(), "version": made.Version, "blake3": in.sum.Sum().String()})
	}
	return nil
}

// logStream writes into the log that a file was made, which is no job.
func (w *work) logStream(ctx context.Context, uri string, n int64) {
	who := w.places.who()
	text, err := json.Marshal(actions.Outcome{Copied: steps.Count{Files: 1, Bytes: n}, Through: n})
	if err == nil {
		_, err = w.places.library.AddAudit(ctx, library.Audit{
			Action: string(steps.Copy), Title: "cp - to " + uri, Command: who.Line, User: who.User, UID: who.UID, Host: who.Host,
			State: library.Done, Outcome: text, Ended: time.Now(),
		})
	}
	if err != nil {
		fmt.Fprintf(w.app.errOut, "it is there, but not in the log: %v\n", err)
	}
}

// indexMade brings a location that a file was made in up to date.
func (w *work) indexMade(ctx context.Context, made *stores.Entry) {
	c, err := w.places.newLocalChanges(ctx)
	if err == nil {
		var proof *proofOf
		if made.Proven {
			proof = &proofOf{made.Name, made.Version, made.Sum}
		}
		c.add(made.Name, proof)
		err = w.index(ctx, c)
	}
	if err != nil {
		w.unnoted(err)
	}
}

// inTheWay looks at what is called name, and tells on which condition it may be replaced.
func inTheWay(ctx context.Context, st stores.Store, name string, rule steps.Overwrite, t target) (cond backends.Cond, skip bool, err error) {
	if v, ok := st.(*stores.Volume); ok {
		if err := v.Settle(ctx, name); err != nil {
			return cond, false, t.explain(err)
		}
	}
	old, err := st.Stat(ctx, name)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		return backends.Cond{Absent: true}, false, nil
	case err != nil:
		return cond, false, t.explain(err)
	case old.Kind == stores.Dir:
		return cond, false, fmt.Errorf("%s is a folder: what comes through - has no name of its own, so give one", t)
	case rule == steps.Refuse:
		return cond, false, fmt.Errorf("%s is there already: nothing was done; --overwrite always replaces it", t)
	case rule == steps.Never:
		return cond, true, nil
	}
	return backends.Cond{Version: old.Version}, false, nil
}

// inputToFile writes in to a local file, under another name until it is whole.
func inputToFile(st stores.Store, name string, in io.Reader, cond backends.Cond) (stores.Entry, error) {
	temp, err := os.CreateTemp(filepath.Dir(name), ".sd-*.part")
	if err != nil {
		return stores.Entry{}, err
	}
	defer os.Remove(temp.Name())
	mask := unix.Umask(0)
	unix.Umask(mask)
	err = temp.Chmod(0o666 &^ iofs.FileMode(mask))
	if err == nil {
		_, err = io.CopyBuffer(struct{ io.Writer }{temp}, in, make([]byte, 1<<20))
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return stores.Entry{}, err
	}
	if cond.Absent {
		err = os.Link(temp.Name(), name)
	} else {
		err = replaceFile(st, temp.Name(), name, cond.Version)
	}
	if err != nil {
		return stores.Entry{}, err
	}
	_ = os.Remove(temp.Name()) // before the look: it counts as a name
	return st.Stat(context.Background(), name)
}

// replaceFile gives temp the name of a file that has to be that version.
func replaceFile(st stores.Store, temp, name, version string) error {
	now, err := st.Stat(context.Background(), name)
	if err != nil {
		return err
	}
	if !stores.SameVersion(version, now.Version) {
		return backends.ErrChanged
	}
	if err := os.Chmod(temp, iofs.FileMode(now.Mode&0o777)); err != nil {
		return err
	}
	return os.Rename(temp, name)
}

// verifyInput reads a target back and compares it.
func verifyInput(ctx context.Context, t target, want identity.Sum, n int64) error {
	got := identity.New()
	w := bufio.NewWriterSize(got, 1<<20)
	if err := errors.Join(t.copyTo(ctx, w), w.Flush()); err != nil {
		return err
	}
	if got.Len() != n || n > 0 && got.Sum() != want {
		return errors.New("what was read back is not what was written: do not rely on it")
	}
	return nil
}

// counting hashes what is read through it.
type counting struct {
	r   io.Reader
	sum *identity.Hasher
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	_, _ = c.sum.Write(p[:n])
	return n, err
}

// hasty is r, at so many bytes a second at most, that fails when ctx ends: also while nothing
// comes.
func hasty(ctx context.Context, r io.Reader, limit byteRate) io.Reader {
	pr, pw := io.Pipe()
	go func() { // ends when r does, or with the process
		_, err := io.CopyBuffer(struct{ io.Writer }{slowed(ctx, pw, limit)}, struct{ io.Reader }{r}, make([]byte, 256<<10))
		_ = pw.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { _ = pw.CloseWithError(ctx.Err()) })
	return pr
}

// slowed is w at so many bytes a second at most; 0 is no limit.
func slowed(ctx context.Context, w io.Writer, limit byteRate) io.Writer {
	if limit == 0 {
		return w
	}
	const piece = 32 << 10
	return &slowWriter{ctx: ctx, w: w, limit: rate.NewLimiter(rate.Limit(limit), piece), piece: piece}
}

type slowWriter struct {
	ctx   context.Context
	w     io.Writer
	limit *rate.Limiter
	piece int
}

func (s *slowWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		some := min(len(p), s.piece)
		if err = s.limit.WaitN(s.ctx, some); err != nil {
			break
		}
		var m int
		m, err = s.w.Write(p[:some])
		n, p = n+m, p[some:]
	}
	return n, err
}

// volumeMeta is what an object made from a pipe carries.
func volumeMeta() backends.Meta {
	mask := unix.Umask(0)
	unix.Umask(mask)
	uid, gid := uint32(os.Getuid()), uint32(os.Getgid())
	return backends.Meta{ModTime: time.Now(), Mode: unix.S_IFREG | 0o666&^uint32(mask), UID: &uid, GID: &gid}
}
