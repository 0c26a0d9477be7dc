package syncs

import (
	"context"
	"errors"
	iofs "io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"sd/actions/compare"
	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
)

// frame is a folder that the walk is in.
type frame struct {
	rel  string
	e    [2]*stores.Entry // nil: it is not there, or nothing is known of it
	want [2]bool          // it is to be there, even with nothing in it
	made [2]slot          // the step that makes it, once it is known that one does
	live [2]int           // what lies in it when all is done
	// touched: what lies in it on the second side changes, and with that its time.
	touched bool
}

// makeRoots makes the two folders themselves where they are not there.
func (p *planner) makeRoots() error {
	p.frames = append(p.frames[:0], frame{})
	root := &p.frames[0]
	for i := range p.sides {
		if !p.sides[i].missing {
			root.e[i] = &stores.Entry{Kind: stores.Dir} // or it comes with its first file
		}
	}
	return nil
}

// enter takes a folder as the one that the walk is in. What has its name and is to go or to come
// on a side gives way to it, or waits until it is gone.
func (p *planner) enter(r *row) error {
	p.frames = append(p.frames, frame{rel: r.rel, e: r.e})
	for n := range p.open {
		o := &p.open[n]
		if o.rel != r.rel || r.e[o.side] == nil == o.comes {
			continue
		}
		switch {
		case o.now != nil: // the folder will be on the side of the file as well, or was there
			gives := o.now.row
			o.now = nil
			if _, err := p.renameBoth(&gives, 1-o.side); err != nil {
				return err
			}
		case o.comes:
			p.news[o.at].late = true
		case p.steps[p.dels[o.side][o.at].slot] == 0:
			if err := p.removeFile(&p.dels[o.side][o.at], o.side, 0); err != nil {
				return err
			}
			p.fence = true
		}
	}
	return nil
}

// opened is a file that goes or comes, and whose name a folder may have that is met later: "a"
// comes before "a.txt", and that before "a/".
type opened struct {
	rel   string
	side  int
	comes bool
	at    int       // in planner.dels, or in planner.news
	now   *newcomer // one that is not in planner.news: it is copied when there is no folder
}

// close forgets the files whose folder would have been met before rel; "" is the end.
func (p *planner) close(ctx context.Context, rel string) error {
	for n := len(p.open) - 1; n >= 0 && (rel == "" || !strings.HasPrefix(rel, p.open[n].rel)); n-- {
		now := p.open[n].now
		p.open = p.open[:n]
		if now == nil {
			continue
		}
		if p.mayBeRenamed(now.to) {
			p.news = append(p.news, *now)
			continue
		}
		if err := p.addCopy(ctx, &now.row, now.to, now.slot, 0, now.note); err != nil {
			return err
		}
	}
	return nil
}

// top is the innermost folder.
func (p *planner) top() *frame { return &p.frames[len(p.frames)-1] }

// leave leaves the folders that do not hold rel, "" all but the root.
func (p *planner) leave(rel string) error {
	for len(p.frames) > 1 {
		f := *p.top()
		if rel != "" && strings.HasPrefix(rel, f.rel) && len(rel) > len(f.rel) && rel[len(f.rel)] == '/' {
			return nil
		}
		p.frames = p.frames[:len(p.frames)-1]
		p.meta(&f)
		for i := range p.sides {
			if err := p.left(&f, i); err != nil {
				return err
			}
			if f.live[i] > 0 || f.made[i] != 0 && p.steps[f.made[i]] > 0 || f.e[i] != nil && !f.e[i].Bare {
				p.top().live[i]++
			}
		}
	}
	return nil
}

// left sees to it that a folder is there that has nothing in it and is wanted.
func (p *planner) left(f *frame, i int) error {
	there := f.e[i] != nil && !(f.e[i].Bare && f.live[i] == 0)
	if !f.want[i] || there || f.made[i] != 0 && p.steps[f.made[i]] != 0 {
		return nil
	}
	if f.live[i] > 0 { // in a volume it comes with what is in it
		if f.made[i] != 0 {
			p.steps[f.made[i]] = always
		}
		return nil
	}
	if p.filter.Chooses() || !p.holdsEmpty(i) {
		return nil
	}
	if p.sides[i].flat { // names that are escaped come last: perhaps one of them lies in it
		if p.empty[i] == nil {
			p.empty[i] = map[string]frame{}
		}
		p.empty[i][f.rel] = *f
		return nil
	}
	if err := p.ensure(f.rel, i); err != nil {
		return err
	}
	return p.mkdir(f, i)
}

// addEmpty makes the folders of volumes in which nothing is.
func (p *planner) addEmpty() error {
	for i := range p.empty {
		for _, rel := range slices.Sorted(maps.Keys(p.empty[i])) {
			f := p.empty[i][rel]
			if err := p.mkdir(&f, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// holdsEmpty tells whether a side can have a folder with nothing in it.
func (p *planner) holdsEmpty(i int) bool {
	v, ok := p.sides[i].store.(*stores.Volume)
	if !ok {
		return true
	}
	_, ok = v.Backend().(backends.DirMaker)
	return ok
}

// wanted notes that the folder of r is to be on side i, where it is not, and returns the
// slot of the step that makes it.
func (p *planner) wanted(i int) slot {
	f := p.top()
	f.want[i] = true
	if f.made[i] == 0 {
		f.made[i] = p.slot()
	}
	return f.made[i]
}

// touch notes that the folder of rel changes on side i.
func (p *planner) touch(rel string, i int) {
	for n := len(p.frames) - 1; i == 1 && n >= 0; n-- {
		if p.frames[n].rel == parentOf(rel) {
			p.frames[n].touched = true
			return
		}
	}
}

// count notes that a name will be there on side i.
func (p *planner) count(rel string, i int) {
	f := p.top()
	if f.rel == parentOf(rel) {
		f.live[i]++
	}
	if len(p.empty[i]) > 0 && compare.Odd(rel) {
		for dir := parentOf(rel); dir != ""; dir = parentOf(dir) {
			if f, ok := p.empty[i][dir]; ok {
				p.steps[f.made[i]] = always
				delete(p.empty[i], dir)
			}
		}
	}
}

// ensure makes the folders above rel on side i that are not there.
func (p *planner) ensure(rel string, i int) error {
	if p.sides[i].flat {
		return nil // there they come with their first file
	}
	if err := p.ensureRoot(i); err != nil {
		return err
	}
	dir := parentOf(rel)
	if dir == "" {
		return nil
	}
	at := 1
	for end := 0; end < len(dir); at++ {
		if next := strings.IndexByte(dir[end+1:], '/'); next >= 0 {
			end += 1 + next
		} else {
			end = len(dir)
		}
		path := dir[:end]
		if at == len(p.frames) {
			p.frames = append(p.frames, frame{rel: path})
		} else if p.frames[at].rel != path { // the filter does not choose it
			p.frames = append(p.frames[:at], append([]frame{{rel: path}}, p.frames[at:]...)...)
		}
		f := &p.frames[at]
		if f.e[i] == nil && (f.made[i] == 0 || p.steps[f.made[i]] == 0) {
			if err := p.mkdir(f, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// ensureRoot makes the folder of a side itself.
func (p *planner) ensureRoot(i int) error {
	root := &p.frames[0]
	if root.e[i] != nil || root.made[i] != 0 {
		return nil
	}
	// The folders above it are made too: nobody else does.
	var above []string
	for dir := parentPath(p.sides[i].dir); dir != ""; dir = parentPath(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, iofs.ErrNotExist) {
			break
		}
		above = append(above, dir)
	}
	for n := len(above) - 1; n >= 0; n-- {
		if err := p.add(p.slot(), 0, steps.Step{Op: steps.OpMkdir, To: p.refOf(i, above[n]), Kind: backends.Dir, Absent: true}); err != nil {
			return err
		}
	}
	return p.mkdir(root, i)
}

// mkdir adds the step that makes a folder on side i, like that of the other side.
func (p *planner) mkdir(f *frame, i int) error {
	if f.made[i] == 0 {
		f.made[i] = p.slot()
	}
	step := steps.Step{Op: steps.OpMkdir, To: p.ref(i, f.rel), Kind: backends.Dir, Absent: true}
	like := f.e[1-i]
	if like != nil && f.rel != "" {
		step.From = p.refOf(1-i, like.Name)
		if like.HasMode {
			step.Mode = like.Mode
		}
		if p.sides[i].local && p.sides[1-i].local {
			p.metas = append(p.metas, row{rel: f.rel, folder: true, e: f.e})
		}
	}
	if f.rel != "" {
		p.fence = p.fence || p.isFileAt(f.rel, i)
	}
	p.touch(f.rel, i)
	p.sum.Folders++
	return p.add(f.made[i], 0, step)
}

// isFileAt tells whether a local side has something else where a folder is to go.
func (p *planner) isFileAt(rel string, i int) bool {
	if !p.sides[i].local || p.sides[i].missing {
		return false
	}
	info, err := os.Lstat(p.sides[i].name(rel))
	return err == nil && !info.IsDir()
}

// isFolderAt tells whether a local side has a folder where a file is to go.
func (p *planner) isFolderAt(rel string, i int) bool {
	if !p.sides[i].local || p.sides[i].missing {
		return false
	}
	info, err := os.Lstat(p.sides[i].name(rel))
	return err == nil && info.IsDir()
}

// parentOf is the folder of a name, "" at the top.
func parentOf(rel string) string {
	at := strings.LastIndexByte(rel, '/')
	if at < 0 {
		return ""
	}
	return rel[:at]
}

// parentPath is the folder of a local path, "" for the root.
func parentPath(name string) string {
	at := strings.LastIndexByte(name, '/')
	if at <= 0 {
		return ""
	}
	return name[:at]
}

func (p *planner) ref(i int, rel string) steps.Ref { return p.refOf(i, p.sides[i].name(rel)) }

func (p *planner) refOf(i int, name string) steps.Ref {
	return steps.Ref{Store: p.sides[i].index, Name: name}
}
