package main

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/guardian"
)

// discards turns the resolutions of duplicates into steps that remove them.
type discards struct {
	*planStores
	w         *steps.Writer
	permanent bool
	sum       steps.Summary
	trash     map[string]bool // by Store.Key: whether its volume keeps versions
}

// add plans the removal of the copies of one content that are to go: all names of each, and only
// as long as the first of those that stay is there.
func (d *discards) add(ctx context.Context, r *guardian.Resolution) error {
	if len(r.Remove) == 0 {
		return nil
	}
	kept, stays, err := d.find(ctx, &r.Keep[0].Names[0], r.Content.BLAKE3)
	if errors.Is(err, errNotIdentified) {
		d.sum.Warn("changed", "files have changed while the plan was made, and stay with their copies", d.places.placeURI(r.Keep[0].Names[0].Place, r.Keep[0].Names[0].Path))
		return nil
	}
	if err != nil {
		return err
	}
	near := d.ref(kept, stays.Name)
	for _, copy := range r.Remove {
		for i := range copy.Names {
			st, e, err := d.find(ctx, &copy.Names[i], r.Content.BLAKE3)
			if errors.Is(err, errNotIdentified) {
				d.sum.Warn("changed", "files have changed while the plan was made, and stay", d.places.placeURI(copy.Names[i].Place, copy.Names[i].Path))
				break
			}
			if err == nil {
				err = d.mayRemove(ctx, st)
			}
			if err != nil {
				return err
			}
			op := steps.OpTrash
			if d.permanent {
				op = steps.OpRemove
			}
			step := d.from(op, st, &e)
			step.Near, step.NearVersion = &near, stays.Version
			step.Note = "a copy of " + d.places.placeURI(r.Keep[0].Names[0].Place, r.Keep[0].Names[0].Path)
			d.count(st, &e, volumeOf(kept) != nil)
			if _, err := d.w.Add(step); err != nil {
				return err
			}
		}
	}
	return nil
}

// mayRemove refuses a volume that takes no removals, or cannot bring back what was removed.
func (d *discards) mayRemove(ctx context.Context, st stores.Store) error {
	b := volumeOf(st)
	if _, known := d.trash[st.Key()]; known || b == nil {
		return nil
	}
	root := st.URI("")
	if _, ok := b.(backends.Remover); !ok {
		return fmt.Errorf("%s: nothing can be removed there: the service or your account only reads", root)
	}
	keeps := false
	if u, ok := b.(backends.Undeleter); ok && !d.permanent {
		var err error
		if keeps, err = u.KeepsVersions(ctx); err != nil && !errors.Is(err, iofs.ErrPermission) {
			return err
		}
	}
	if _, copies := b.(backends.Copier); !copies && !keeps && !d.permanent {
		return fmt.Errorf("%s has no trash: --permanent removes for good", root)
	}
	d.trash[st.Key()] = keeps
	return nil
}

// count adds a removal to what the plan comes to; asks tells that a service is asked for the copy
// that stays.
func (d *discards) count(st stores.Store, e *stores.Entry, asks bool) {
	d.sum.Deletes.Add(e.Size)
	if !d.permanent {
		d.sum.Trash.Add(e.Size)
	}
	requests := int64(0)
	request := func(verb string) {
		d.sum.Request(verb, 1)
		requests++
	}
	if asks {
		request("HEAD")
	}
	if volumeOf(st) != nil {
		if !d.permanent && !d.trash[st.Key()] {
			request("COPY")
		}
		request("DELETE")
	}
	d.sum.Seconds += float64(requests)*requestSeconds + localSeconds
}
