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
	"sd/identity"
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
	for i := range r.Remove {
		names, err := d.names(ctx, &r.Remove[i], r.Content.BLAKE3)
		if err != nil {
			return err
		}
		for _, s := range names {
			s.Near, s.NearVersion = &near, stays.Version
			s.Note = "a copy of " + kept.URI(stays.Name).String()
			if volumeOf(kept) != nil {
				d.request("HEAD")
			}
			if _, err := d.w.Add(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// names are the steps that remove a copy, one for each of its names; none if one of them has
// changed.
func (d *discards) names(ctx context.Context, copy *guardian.Instance, sum identity.Sum) (list []steps.Step, err error) {
	op := steps.OpTrash
	if d.permanent {
		op = steps.OpRemove
	}
	var in []stores.Store
	for i := range copy.Names {
		st, e, err := d.find(ctx, &copy.Names[i], sum)
		if errors.Is(err, errNotIdentified) {
			d.sum.Warn("changed", "files have changed while the plan was made, and stay", d.places.placeURI(copy.Names[i].Place, copy.Names[i].Path))
			return nil, nil
		}
		if err == nil {
			err = d.mayRemove(ctx, st)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, d.from(op, st, &e))
		in = append(in, st)
	}
	for i := range list {
		d.count(in[i], list[i].Size)
	}
	return list, nil
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

// count adds a removal to what the plan comes to.
func (d *discards) count(st stores.Store, size int64) {
	d.sum.Deletes.Add(size)
	if !d.permanent {
		d.sum.Trash.Add(size)
	}
	d.sum.Seconds += localSeconds
	if volumeOf(st) == nil {
		return
	}
	if !d.permanent && !d.trash[st.Key()] {
		d.request("COPY")
	}
	d.request("DELETE")
}

// request counts a request to a service.
func (d *discards) request(verb string) {
	d.sum.Request(verb, 1)
	d.sum.Seconds += requestSeconds
}
