package resolver

import (
	"context"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"

	"sd/library"
	"sd/sdpath"
)

// state is all that a library says about names. It is never changed, only replaced.
type state struct {
	this    library.Device
	devices []library.Device
	named   map[string]library.Device // by slug and by UUID

	volumes       []*entry // of cloud services
	services      map[sdpath.Service]bool
	byMount       map[string]string // "s3://bucket" to fingerprint
	byFingerprint map[string]*entry
	unmounted     []*entry // their rows have no mount point
}

// entry is one volume. It passes from state to state for as long as its row stays the same.
type entry struct {
	info  library.Volume
	ident string

	turn chan struct{} // one token: held while the backend is opened

	mu   sync.Mutex
	last *Volume
}

// volume returns the volume as it is now, with a backend or without.
func (e *entry) volume() *Volume {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last
}

func newState(old *state, this library.Device, devices []library.Device, rows []library.Volume) *state {
	st := &state{
		this:          this,
		devices:       devices,
		named:         make(map[string]library.Device, 2*len(devices)),
		services:      map[sdpath.Service]bool{},
		byMount:       make(map[string]string, len(rows)),
		byFingerprint: make(map[string]*entry, len(rows)),
	}
	for _, d := range devices {
		st.named[d.Slug] = d
		st.named[d.ID.String()] = d
		if d.ID == this.ID {
			st.this = d
		}
	}
	taken := make(map[string]bool, len(rows))
	for _, row := range rows {
		taken[row.MountPoint] = true
	}
	for _, row := range rows {
		if row.Service == "" {
			continue
		}
		prefix := string(row.Service) + "://"
		ident, mounted := strings.CutPrefix(row.MountPoint, prefix)
		for n := 1; !mounted && ident == ""; n++ {
			if name := mountName(row.Identifier, n); !taken[prefix+name] {
				ident, taken[prefix+name] = name, true
			}
		}
		e := old.byFingerprint[row.Fingerprint]
		if e == nil || e.ident != ident || !reflect.DeepEqual(e.info, row) {
			e = &entry{info: row, ident: ident, turn: make(chan struct{}, 1)}
			e.turn <- struct{}{}
			e.last = &Volume{Fingerprint: row.Fingerprint, Service: row.Service, Identifier: ident, Info: row}
		}
		st.volumes = append(st.volumes, e)
		st.services[row.Service] = true
		st.byFingerprint[row.Fingerprint] = e
		if mounted {
			st.byMount[row.MountPoint] = row.Fingerprint
		} else {
			st.unmounted = append(st.unmounted, e)
		}
	}
	return st
}

// cloud returns the volume at a mount point, or nil: one look into a map, and only for rows
// without a stored mount point a scan.
func (st *state) cloud(s sdpath.Service, identifier string) *entry {
	if fp, ok := st.byMount[string(s)+"://"+identifier]; ok {
		return st.byFingerprint[fp]
	}
	for _, e := range st.unmounted {
		if e.info.Service == s && e.ident == identifier {
			return e
		}
	}
	return nil
}

func (st *state) device(name string) (library.Device, bool) {
	if d, ok := st.named[name]; ok {
		return d, true
	}
	id, err := uuid.Parse(name) // in capitals, perhaps
	if err != nil {
		return library.Device{}, false
	}
	d, ok := st.named[id.String()]
	return d, ok
}

// closeAll closes the backends that can be.
func closeAll(entries []*entry) error {
	var errs []error
	for _, e := range entries {
		if c, ok := e.volume().Backend.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// open returns the volume with its backend, which it opens at the first call. Callers wait for
// the one that is opening this volume, and for no other. A failure is not kept: the next call
// tries again.
func (r *Resolver) open(ctx context.Context, e *entry) (*Volume, error) {
	if v := e.volume(); v.Backend != nil {
		return v, nil
	}
	select {
	case <-e.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { e.turn <- struct{}{} }()
	v := e.volume()
	if v.Backend != nil {
		return v, nil
	}
	factory := r.factories[v.Service]
	if factory == nil {
		return nil, &NoDriverError{Service: v.Service}
	}
	b, err := factory(ctx, v.Info)
	if err != nil {
		return nil, err
	}
	opened := *v
	opened.Backend = b
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = &opened
	return &opened, nil
}

// mountName is what the n-th volume on identifier is called: "b", "b-2", "b-3". What no folder
// can be called is replaced.
func mountName(identifier string, n int) string {
	name := strings.NewReplacer("/", "_", "\x00", "_").Replace(identifier)
	switch name {
	case "", ".", "..":
		name = strings.Repeat("_", max(1, len(name)))
	}
	if len(name) > 200 {
		name = strings.ToValidUTF8(name[:200], "")
	}
	if n == 1 {
		return name
	}
	return name + "-" + strconv.Itoa(n)
}
