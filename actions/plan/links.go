package plan

import (
	"sd/actions/steps"
	"sd/actions/stores"
)

// links remember the files with several names, so that these become names of one file again.
type links struct {
	made  map[inode]*made
	apart int64 // names that become files of their own
	first string
}

type inode struct{ dev, number uint64 }

// made is the first name of a file at the target.
type made struct {
	step int64 // that makes it, 0 if it is there
	name string
	left uint64 // names that may still come
}

// find tells whether another name of x is at the target, or will be.
func (l *links) find(x *stores.Entry, to *target) (made, bool) {
	if x.Links < 2 || x.Kind != stores.File {
		return made{}, false
	}
	if to.local == nil || to.plain {
		return made{}, false
	}
	m := l.made[inode{x.Dev, x.Inode}]
	if m == nil {
		return made{}, false
	}
	found := *m
	if m.left--; m.left == 0 {
		delete(l.made, inode{x.Dev, x.Inode})
	}
	return found, true
}

// note remembers the first name of x.
func (l *links) note(st stores.Store, x *stores.Entry, step int64, name string) {
	if x.Links < 2 || x.Kind != stores.File {
		return
	}
	key := inode{x.Dev, x.Inode}
	if l.made[key] != nil {
		if step == 0 {
			return
		}
		l.apart++ // its second name; in a volume, or where something else is replaced
		if l.first == "" {
			l.first = uri(st, x.Name)
		}
		return
	}
	if l.made == nil {
		l.made = map[inode]*made{}
	}
	l.made[key] = &made{step: step, name: name, left: x.Links - 1}
}

// warn tells of hard links that the target does not keep.
func (l *links) warn(p *planner) {
	if l.apart > 0 {
		p.sum.Warnings = append(p.sum.Warnings, steps.Warning{
			Code: "hard-links", Count: l.apart, Example: l.first,
			Text: "names of one file (hard links) become files of their own there",
		})
	}
}
