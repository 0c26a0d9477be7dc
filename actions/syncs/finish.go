package syncs

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/identity"
)

// maxNews is how many new files wait until it is known whether they are old ones under new
// names. Of more, each is copied.
const maxNews = 50_000

// finishSteps adds what comes after all names are known: renames, new files, removals, and the
// attributes of folders.
func (p *planner) finishSteps(ctx context.Context) error {
	if err := p.addEmpty(); err != nil {
		return err
	}
	late := 0
	for i := range p.news {
		n := &p.news[i]
		if p.steps[n.slot] != 0 {
			continue
		}
		if n.late {
			late++
		} else if err := p.addCopy(ctx, &n.row, n.to, n.slot, 0, n.note); err != nil {
			return err
		}
	}
	if err := p.selected.shrink(p); err != nil {
		return err
	}
	if err := p.addRemovals(); err != nil {
		return err
	}
	p.fence = late > 0
	for i := range p.news {
		n := &p.news[i]
		if p.steps[n.slot] != 0 {
			continue
		}
		if err := p.addCopy(ctx, &n.row, n.to, n.slot, 0, n.note); err != nil {
			return err
		}
	}
	if err := p.addMetas(); err != nil {
		return err
	}
	return p.estimate(ctx)
}

// mayBeRenamed tells whether new files on side i wait, because they may be there already.
func (p *planner) mayBeRenamed(i int) bool {
	if !p.last.known() || len(p.news) >= maxNews {
		return false
	}
	return p.canRename(i) != steps.NoMethod
}

// canRename is how files get another name on a side.
func (p *planner) canRename(i int) steps.Method {
	v, ok := p.sides[i].store.(*stores.Volume)
	if !ok {
		return steps.Rename
	}
	if _, ok := v.Backend().(backends.Renamer); ok {
		return steps.Rename
	}
	_, copies := v.Backend().(backends.Copier)
	if _, removes := v.Backend().(backends.Remover); copies && removes {
		return steps.ServerCopy
	}
	return steps.NoMethod
}

// bytesKey and fileKey find a removed file by what it holds, and by what it is on the side
// where it has another name now.
type (
	bytesKey struct {
		sum  identity.Sum
		size int64
	}
	fileKey struct {
		inode      uint64
		size, time int64
	}
)

// matchRenames turns a new file and a removal on the same side into a rename, if the new one
// is the removed one by proof, or is the same file on the side where the user renamed it.
func (p *planner) matchRenames(ctx context.Context) error {
	for i := range p.sides {
		if len(p.news) == 0 || len(p.dels[i]) == 0 || p.canRename(i) == steps.NoMethod {
			continue
		}
		bySum, byFile := map[bytesKey][]int{}, map[fileKey][]int{}
		for k := range p.dels[i] {
			d := &p.dels[i][k]
			if d.folder || !d.kept || d.size == 0 || p.steps[d.slot] != 0 {
				continue
			}
			if d.hasSum {
				bySum[bytesKey{d.sum, d.size}] = append(bySum[bytesKey{d.sum, d.size}], k)
			}
			if m := d.was.Marks[1-i]; m.Inode != 0 {
				byFile[fileKey{m.Inode, d.size, m.Time}] = append(byFile[fileKey{m.Inode, d.size, m.Time}], k)
			}
		}
		if err := p.knowNews(ctx, i, bySum); err != nil {
			return err
		}
		for k := range p.news {
			n := &p.news[k]
			if n.to != i || n.late {
				continue
			}
			e := n.row.e[1-i]
			var found []int
			if e.Inode != 0 {
				found = byFile[fileKey{e.Inode, e.Size, e.ModTime.UnixNano()}]
			}
			if len(found) == 0 && e.Proven {
				found = bySum[bytesKey{e.Sum, e.Size}]
			}
			for _, at := range found {
				if d := &p.dels[i][at]; p.steps[d.slot] == 0 {
					if err := p.rename(n, d, i); err != nil {
						return err
					}
					break
				}
			}
		}
	}
	return nil
}

// knowNews asks a store what new objects of the size of a removed file carry: one request is
// less than sending the file.
func (p *planner) knowNews(ctx context.Context, i int, bySum map[bytesKey][]int) error {
	if p.sides[1-i].local {
		return nil
	}
	sizes := map[int64]bool{}
	for key := range bySum {
		sizes[key.size] = true
	}
	var list []stores.Entry
	var at []*row
	for k := range p.news {
		n := &p.news[k]
		if e := n.row.e[1-i]; n.to == i && !n.late && !e.Proven && e.Meta == nil && sizes[e.Size] {
			list, at = append(list, *e), append(at, &n.row)
		}
	}
	return p.know(ctx, 1-i, list, at, true)
}

// rename gives what is to be removed on side i the name of the new file.
func (p *planner) rename(n *newcomer, d *removal, i int) error {
	d.renamed = true
	e := n.row.e[1-i]
	step := steps.Step{
		Op: steps.OpRename, Method: steps.Rename, From: p.refOf(i, d.name), To: p.ref(i, n.row.rel), Kind: d.kind,
		Size: d.size, ModTime: d.mtime, Version: d.ver, Absent: true, Note: "renamed on the other side",
	}
	if e.HasMode {
		step.Mode = e.Mode
	}
	if d.hasSum {
		step.Sum = d.sum.String()
	}
	if p.canRename(i) == steps.Rename {
		p.sum.Method(steps.Rename, d.size)
		p.sum.Saved += d.size
		if err := p.add(n.slot, 0, step); err != nil {
			return err
		}
		p.steps[d.slot] = p.steps[n.slot]
		return nil
	}
	step.Op, step.Method = steps.OpCopy, steps.ServerCopy
	p.countCopy(&step)
	if err := p.add(n.slot, 0, step); err != nil {
		return err
	}
	return p.add(d.slot, n.slot, steps.Step{
		Op: steps.OpRemove, From: step.From, Kind: d.kind, Size: d.size, ModTime: d.mtime, Version: d.ver, Note: step.Note,
	})
}

// addRemovals adds what is to go: files in the order of names, then folders from the inside
// out. They begin when all copies have ended.
func (p *planner) addRemovals() error {
	for i := range p.sides {
		p.fence = true
		for k := range p.dels[i] {
			if d := &p.dels[i][k]; !d.folder && p.steps[d.slot] == 0 {
				if err := p.removeFile(d, i, 0); err != nil {
					return err
				}
			}
		}
		p.fence = true
		for k := len(p.dels[i]) - 1; k >= 0; k-- {
			if d := &p.dels[i][k]; d.folder {
				step := steps.Step{Op: steps.OpRmdir, From: p.refOf(i, d.name), Kind: backends.Dir}
				if err := p.add(d.slot, 0, step); err != nil {
					return err
				}
			}
		}
	}
	p.fence = false
	return nil
}

// addMetas gives folders, and files of which nothing else has changed, the attributes that
// they have on the first side. That comes last, because files change the times of folders.
func (p *planner) addMetas() error {
	p.fence = true
	for k := len(p.metas) - 1; k >= 0; k-- {
		r := &p.metas[k]
		from := 0
		if r.e[0] == nil || r.e[1] == nil {
			if from = 1; r.e[0] != nil {
				from = 0
			}
		}
		e := r.e[from]
		step := steps.Step{
			Op: steps.OpMeta, From: p.refOf(from, e.Name), To: p.refOf(1-from, p.nameOn(r, 1-from)), Kind: e.Kind,
			ModTime: e.ModTime.UnixNano(), Mode: e.Mode,
		}
		if err := p.add(p.slot(), 0, step); err != nil {
			return err
		}
	}
	p.fence = false
	return nil
}

// setsTimes is how exactly folders get their times.
const setsTimes = time.Microsecond

// meta has the attributes of a folder set at the end of a mirror, if it is on both local sides
// and has others, or will have another time.
func (p *planner) meta(f *frame) {
	if p.mode != steps.Mirror || !p.bothLocal() || f.e[0] == nil || f.e[1] == nil {
		return
	}
	r := row{rel: f.rel, folder: true, e: f.e}
	if f.touched || r.attributesDiffer(p) || r.e[0].ModTime.Sub(r.e[1].ModTime).Abs() >= max(setsTimes, p.window()) {
		p.metas = append(p.metas, r)
	}
}

func (p *planner) bothLocal() bool { return p.sides[0].local && p.sides[1].local }

// attributesDiffer tells whether two local files have other permissions or owners.
func (r *row) attributesDiffer(p *planner) bool {
	a, b := r.e[0], r.e[1]
	if !p.bothLocal() || a.Kind == stores.Symlink || p.sides[0].plain || p.sides[1].plain {
		return false
	}
	return a.Mode&stores.Permissions != b.Mode&stores.Permissions || os.Geteuid() == 0 && (a.UID != b.UID || a.GID != b.GID)
}

// EmptyError says that a side is empty which was not when both were last the same.
type EmptyError struct {
	URI   string
	Files int64 // that it had
}

func (e *EmptyError) Error() string {
	return fmt.Sprintf("%s has no files, and had %d when it was last synced: nothing was done. Is a disk missing there? If all of them were deleted on purpose, --max-delete 100%% says so", e.URI, e.Files)
}

// MaxDeleteError says that a sync would remove more files than it may.
type MaxDeleteError struct {
	URI            string
	Deletes, Files int64 // to be removed, of so many
	Max            int64
}

func (e *MaxDeleteError) Error() string {
	return fmt.Sprintf("%d of the %d files in %s would be removed, and no more than %d may: nothing was done. If that is right, --max-delete %d allows it", e.Deletes, e.Files, e.URI, e.Max, e.Deletes)
}

const (
	defaultMaxDelete = 25 // percent of the files
	alwaysDelete     = 10 // files
)

// maxDelete is how many of so many files may be removed; all tells that the user means all.
func maxDelete(rule string, files int64) (n int64, all bool, err error) {
	switch rule {
	case "":
		return max(files*defaultMaxDelete/100, alwaysDelete), false, nil
	case "none":
		return files, true, nil
	}
	text, percent := strings.CutSuffix(rule, "%")
	n, err = strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || percent && n > 100 {
		return 0, false, fmt.Errorf("--max-delete %q: want a number of files, a percentage such as 25%%, or \"none\" for no limit", rule)
	}
	if percent {
		return files * n / 100, n == 100, nil
	}
	return n, false, nil
}

// CheckMaxDelete tells what is wrong with a value for Options.MaxDelete.
func CheckMaxDelete(rule string) error {
	_, _, err := maxDelete(rule, 0)
	return err
}

// guard refuses a plan that removes more than it may, or that takes a side for emptied that is
// perhaps only not there.
func (p *planner) guard(ctx context.Context) error {
	for i := range p.sides {
		s, other := &p.sides[i], &p.sides[1-i]
		deletes := int64(0)
		for k := range p.dels[1-i] {
			if d := &p.dels[1-i][k]; !d.folder && !d.renamed {
				deletes++
			}
		}
		most, all, err := maxDelete(p.spec.Options.MaxDelete, other.files)
		if err != nil {
			return err
		}
		if s.files == 0 && deletes > 0 && p.last.Count > 0 && !all {
			return &EmptyError{URI: s.uri(""), Files: p.last.Count}
		}
		if s.files == 0 && deletes > 0 && p.last.Count == 0 && s.dir != "" { // a bucket lists nothing below a name that is mistyped
			if _, err := s.store.Stat(ctx, s.dir); err != nil {
				return fmt.Errorf("%s has nothing, and %d files in %s would be removed: %w", s.uri(""), deletes, other.uri(""), err)
			}
		}
		if deletes > most {
			return &MaxDeleteError{URI: other.uri(""), Deletes: deletes, Files: other.files, Max: most}
		}
	}
	return nil
}
