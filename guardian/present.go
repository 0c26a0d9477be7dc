package guardian

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"sd/backends"
	"sd/identity"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// errMoved says that a file is not the version that was identified.
var errMoved = errors.New("changed since it was identified")

// onDisk is a local file as it is now.
type onDisk struct {
	device, inode uint64
	names         uint64 // hard links, known or not
	regular       bool
	version       catalog.FileVersion
}

func describe(st *unix.Stat_t) onDisk {
	return onDisk{
		device: uint64(st.Dev), inode: st.Ino, names: uint64(st.Nlink), //nolint:unconvert // the types differ among systems
		regular: uint32(st.Mode)&unix.S_IFMT == unix.S_IFREG,
		version: catalog.FileVersion{Size: st.Size, ModTime: st.Mtim.Nano(), Version: identity.LocalVersion(st.Ctim.Nano(), st.Ino)},
	}
}

// A checker looks whether files are still what the catalog says. It is safe for concurrent use.
type checker struct {
	resolver *resolver.Resolver
	here     catalog.Place
	dead     []string // mount points whose file system does not answer
}

func (g *Guardian) checker(ctx context.Context) (*checker, error) {
	c := &checker{resolver: g.resolver, here: catalog.DevicePlace(g.resolver.ThisDevice().ID)}
	volumes, err := g.resolver.LocalVolumes(ctx)
	if err != nil {
		return nil, err
	}
	for _, v := range volumes {
		if !v.Online {
			c.dead = append(c.dead, strings.Trim(v.MountPoint, "/"))
		}
	}
	return c, nil
}

// checkers is how many files are looked at at once.
const checkers = 16

// all checks many copies; the results are in their order. A file here is described, one in
// a volume costs a request.
func (c *checker) all(ctx context.Context, copies []catalog.Copy) ([]onDisk, []error) {
	found, errs := make([]onDisk, len(copies)), make([]error, len(copies))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(checkers, len(copies)) {
		wg.Go(func() {
			for i := range next {
				found[i], errs[i] = c.check(ctx, &copies[i])
			}
		})
	}
	for i := range copies {
		next <- i
	}
	close(next)
	wg.Wait()
	return found, errs
}

// check tells why a file can no longer be taken for the copy that it was.
func (c *checker) check(ctx context.Context, f *catalog.Copy) (onDisk, error) {
	if err := ctx.Err(); err != nil {
		return onDisk{}, err
	}
	if f.Place != c.here {
		return onDisk{}, c.checkAway(ctx, f)
	}
	for _, dir := range c.dead {
		if within(f.Path, dir) {
			return onDisk{}, fmt.Errorf("the file system at /%s does not answer", dir)
		}
	}
	var st unix.Stat_t
	if err := unix.Lstat("/"+f.Path, &st); err != nil {
		return onDisk{}, sayMissing(err)
	}
	found := describe(&st)
	if !found.regular || found.version != f.File.FileVersion() {
		return found, errMoved
	}
	return found, nil
}

func (c *checker) checkAway(ctx context.Context, f *catalog.Copy) error {
	uri, err := c.resolver.URI(f.Place, f.Path)
	if err != nil {
		return err
	}
	if _, ok := uri.(sdpath.Cloud); !ok {
		return errors.New("its device is not here, so it cannot be checked")
	}
	v, name, err := c.resolver.Resolve(ctx, uri)
	if err != nil {
		return err
	}
	e, err := v.Backend.Stat(ctx, name)
	switch {
	case err != nil:
		return sayMissing(err)
	case e.Kind != backends.File || e.Version != f.File.Version || e.Size != f.File.Size:
		return errMoved
	}
	return nil
}

// sayMissing puts the commonest failure in short words.
func sayMissing(err error) error {
	if errors.Is(err, iofs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return errGone
	}
	var p *iofs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

var errGone = fmt.Errorf("no longer there: %w", iofs.ErrNotExist)

// isOver tells whether a check has shown that there is no such copy any more.
func isOver(err error) bool { return errors.Is(err, errMoved) || errors.Is(err, errGone) }
