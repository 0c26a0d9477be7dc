package transfer

import (
	"time"

	"sd/actions/stores"
	"sd/backends"
	"sd/identity"
)

// meta is what an object made of e is to carry: the attributes that the Task does not omit,
// and the sum of the bytes if that is known.
func (task *Task) meta(e *stores.Entry, xattrs map[string][]byte, sum *identity.Sum) backends.Meta {
	var m backends.Meta
	if e.Meta != nil {
		m = *e.Meta // with what only objects have
		m.BLAKE3 = ""
	}
	if task.Omit&Times != 0 {
		m.ModTime = time.Time{}
	} else if e.TimeKnown {
		m.ModTime = e.ModTime
	}
	if task.Omit&Mode != 0 {
		m.Mode &= typeBits
	} else if e.HasMode {
		m.Mode = e.Mode
	}
	if task.Omit&Owner != 0 {
		m.UID, m.GID = nil, nil
	} else if e.HasOwner {
		m.UID, m.GID = &e.UID, &e.GID
	}
	if xattrs != nil {
		m.Xattrs = xattrs
	}
	if task.Omit&Xattrs != 0 {
		m.Xattrs = nil
	}
	if e.Kind == stores.Symlink {
		m.LinkTarget = e.Link
		m.Mode = m.Mode&^typeBits | linkType
		if m.Mode == linkType {
			m.Mode |= 0o777
		}
	}
	if sum != nil {
		m.BLAKE3 = sum.String()
	}
	return m
}

const (
	typeBits = 0o170000
	linkType = 0o120000
)

// completed is what an object carries, with what it was to carry and does not.
func completed(got, want *backends.Meta) *backends.Meta {
	m := *got
	if !want.ModTime.IsZero() {
		m.ModTime = want.ModTime // as exact as it was
	}
	if m.Mode == 0 {
		m.Mode = want.Mode
	}
	if m.UID == nil || m.GID == nil {
		m.UID, m.GID = want.UID, want.GID
	}
	if m.LinkTarget == "" {
		m.LinkTarget = want.LinkTarget
	}
	if m.BLAKE3 == "" {
		m.BLAKE3 = want.BLAKE3
	}
	if len(m.Xattrs) == 0 {
		m.Xattrs = want.Xattrs
	}
	return &m
}

// described is the source as its own store's reply tells it, which knows more than a listing
// does; what the Task knows already stays.
func (task *Task) described(is *backends.Entry) stores.Entry {
	v, ok := task.From.(*stores.Volume)
	if !ok || is.Meta == nil {
		return task.Source
	}
	e := *is
	e.Name = task.Source.Name
	told := v.Entry(&e)
	if task.Source.TimeKnown {
		told.ModTime, told.TimeKnown = task.Source.ModTime, true
	}
	if task.Source.HasMode {
		told.Mode, told.HasMode = task.Source.Mode, true
	}
	if task.Source.HasOwner {
		told.UID, told.GID, told.HasOwner = task.Source.UID, task.Source.GID, true
	}
	if task.Source.Proven {
		told.Sum, told.Proven = task.Source.Sum, true
	}
	if task.Source.Kind == stores.Symlink {
		told.Kind, told.Link = stores.Symlink, task.Source.Link
	}
	return told
}
