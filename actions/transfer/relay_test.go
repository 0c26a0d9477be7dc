//go:build linux

package transfer_test

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"sync/atomic"
	"testing"

	"sd/actions/transfer"
	"sd/backends"
	"sd/backends/mem"
	"sd/identity"
)

// cutting is a store whose replies end after some bytes, as often as that is left.
type cutting struct {
	*mem.Store
	left  atomic.Int64
	after int64
	gets  atomic.Int64
}

func (c *cutting) Get(ctx context.Context, name, version string, off, n int64) (io.ReadCloser, backends.Entry, error) {
	c.gets.Add(1)
	r, e, err := c.Store.Get(ctx, name, version, off, n)
	if err == nil && c.left.Add(-1) >= 0 {
		r = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(r, c.after), cut{}), r}
	}
	return r, e, err
}

type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// A drive takes a large file in one piece: its bytes pass as they come, are those of one version,
// and what the drive does not keep with them the library does.
func TestRelayToADrive(t *testing.T) {
	source := &cutting{Store: mem.New(mem.Config{}), after: 3 * unit}
	drive := mem.NewDrive(mem.Config{})
	w := newWorld(t, map[string]backends.Backend{"source": source, "drive": drive}, transfer.Config{})
	from, to := w.volumes["source"], w.volumes["drive"]
	data := noise(19*unit-7, 9)
	e := w.make(from, "large", data)

	for name, cuts := range map[string]int64{"whole": 0, "cut twice": 2} {
		source.left.Store(cuts)
		source.gets.Store(0)
		r, err := w.Copy(t.Context(), w.task(from, e, to, name))
		w.must(err)
		if sum, _ := identitySum(data); r.Sum != sum || !r.Known || r.Through != int64(len(data)) || len(r.Lost) != 0 {
			t.Errorf("%s: %+v", name, r)
		}
		if got := source.gets.Load(); got != cuts+1 {
			t.Errorf("%s: %d GETs, want %d", name, got, cuts+1)
		}
		w.wantCopy(to, w.name(to, name), data)
	}

	source.left.Store(1 << 30)
	source.after = 0
	_, err := w.Copy(t.Context(), w.task(from, e, to, "never"))
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a source that gives nothing: %v", err)
	}
	source.left.Store(0)

	wrong := e
	wrong.Proven, wrong.Sum = true, identity.Sum{1}
	var corrupt *transfer.CorruptError
	if _, err := w.Copy(t.Context(), w.task(from, wrong, to, "corrupt")); !errors.As(err, &corrupt) {
		t.Errorf("bytes that are others than those that are proven: %v", err)
	}
	stale := e
	stale.Version = "another"
	var changed *transfer.ChangedError
	if _, err := w.Copy(t.Context(), w.task(from, stale, to, "stale")); !errors.As(err, &changed) || changed.Side != transfer.Source {
		t.Errorf("another version: %v", err)
	}
	for _, name := range []string{"never", "corrupt", "stale"} {
		if _, err := to.Stat(t.Context(), w.name(to, name)); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("%s is there: %v", name, err)
		}
	}

	// What is there, and was not when this was planned, stays.
	task := w.task(from, e, to, "whole")
	if _, err := w.Copy(t.Context(), task); !errors.As(err, &changed) || changed.Side != transfer.Target {
		t.Errorf("over what is there: %v", err)
	}
}

func identitySum(data []byte) (identity.Sum, error) {
	h := identity.New()
	_, err := h.Write(data)
	return h.Sum(), err
}
