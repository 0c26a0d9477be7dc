package fs_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A faultOp is one thing that a program does in a folder, and what it makes of the
// objects there: keys are relative to the folder; those of folders end in a slash.
type faultOp struct {
	name          string
	requests      []string // those which the fault befalls
	before, after map[string]string
	do            func(dir string) error
	// done tells what objects do not: whether the mount shows that it was done.
	done func(dir string) bool
	// mayKeep: what the provider does not take is kept here, so that it succeeds.
	mayKeep bool
}

// any is content that is the mount's own business.
const anyContent = "\x00any"

func body(name string, size int) string {
	return strings.Repeat(name+"\n", 1+size/(len(name)+1))[:size]
}

// faultOps are all operations. Reading ones are hit in their reads, the others in the
// requests that change something.
func faultOps() []faultOp {
	file := map[string]string{"f": body("old", 3000)}
	folder := func(dir string) map[string]string {
		m := map[string]string{}
		for _, name := range []string{"1", "2", "3", "sub/4"} {
			m[dir+name] = body(name, 500)
		}
		return m
	}
	large := body("large", 9<<20)
	return []faultOp{
		{"stat", []string{"HEAD", "LIST"}, file, file, func(dir string) error {
			_, err := os.Lstat(dir + "/f")
			return err
		}, nil, false},
		{"list", []string{"LIST"}, file, file, func(dir string) error {
			list, err := os.ReadDir(dir)
			if err == nil && len(list) != 1 {
				return errors.New("the list is wrong")
			}
			return err
		}, nil, false},
		{"read", []string{"GET"}, map[string]string{"f": large[:700000]}, map[string]string{"f": large[:700000]}, func(dir string) error {
			got, err := os.ReadFile(dir + "/f")
			if err == nil && string(got) != large[:700000] {
				return errors.New("the bytes are wrong")
			}
			return err
		}, nil, false},
		{"create", writing, nil, map[string]string{"f": "new"}, func(dir string) error {
			return os.WriteFile(dir+"/f", []byte("new"), 0o644)
		}, nil, false},
		{"overwrite", writing, file, map[string]string{"f": "new"}, func(dir string) error {
			return os.WriteFile(dir+"/f", []byte("new"), 0o644)
		}, nil, false},
		{"large write", writing, file, map[string]string{"f": large}, func(dir string) error {
			return os.WriteFile(dir+"/f", []byte(large), 0o644)
		}, nil, false},
		{"append", writing, file, map[string]string{"f": file["f"] + "more"}, func(dir string) error {
			f, err := os.OpenFile(dir+"/f", os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return err
			}
			return closed(f, "more")
		}, nil, false},
		{"fsync", writing, file, map[string]string{"f": "new" + file["f"][3:]}, func(dir string) error {
			f, err := os.OpenFile(dir+"/f", os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte("new"), 0); err != nil {
				return err
			}
			return f.Sync()
		}, nil, false},
		{"truncate", writing, file, map[string]string{"f": file["f"][:100]}, func(dir string) error {
			return os.Truncate(dir+"/f", 100)
		}, nil, false},
		{"rename", writing, file, map[string]string{"g": file["f"]}, func(dir string) error {
			return os.Rename(dir+"/f", dir+"/g")
		}, nil, false},
		{"rename folder", writing, folder("a/"), folder("b/"), func(dir string) error {
			return os.Rename(dir+"/a", dir+"/b")
		}, nil, false},
		{"unlink", writing, file, nil, func(dir string) error { return os.Remove(dir + "/f") }, nil, false},
		{"mkdir", writing, nil, map[string]string{"new/": ""}, func(dir string) error { return os.Mkdir(dir+"/new", 0o755) }, nil, false},
		{"rmdir", writing, map[string]string{"old/": ""}, nil, func(dir string) error { return unix.Rmdir(dir + "/old") }, nil, false},
		{"chmod", writing, file, file, func(dir string) error {
			if err := os.Chmod(dir+"/f", 0o600); err != nil {
				return err
			}
			f, err := os.Open(dir + "/f")
			if err != nil {
				return err
			}
			defer f.Close()
			return f.Sync() // what was changed beside the bytes is at the provider then
		}, func(dir string) bool {
			st, err := os.Lstat(dir + "/f")
			return err == nil && st.Mode() == 0o600
		}, true},
		{"symlink", writing, nil, map[string]string{"l": anyContent}, func(dir string) error {
			return os.Symlink("target", dir+"/l")
		}, func(dir string) bool {
			target, err := os.Readlink(dir + "/l")
			return err == nil && target == "target"
		}, false},
	}
}

// cut keeps what a state is about: markers only where one is expected, and no copies
// that a conflict has made, which it gives apart.
func (op *faultOp) cut(objects map[string]string) (state map[string]string, conflicts []string) {
	state = map[string]string{}
	for key, content := range objects {
		_, old := op.before[key]
		_, made := op.after[key]
		switch {
		case strings.HasSuffix(key, "/") && !old && !made:
		case strings.Contains(key, "(conflict "):
			conflicts = append(conflicts, content)
		case op.after[key] == anyContent:
			state[key] = anyContent
		default:
			state[key] = content
		}
	}
	return state, conflicts
}

// lost names what is wrong in a state between before and after: foreign bytes, or an
// object that is gone although what it became is not there yet. "" is all well.
func (op *faultOp) lost(state map[string]string, conflicts []string) string {
	for key, content := range state {
		if old, ok := op.before[key]; ok && content == old {
			continue
		}
		if made, ok := op.after[key]; !ok || content != made {
			return "foreign bytes in " + key + ": " + brief(content)
		}
	}
	for key := range op.before {
		if _, ok := state[key]; ok {
			continue
		}
		for made, content := range op.after {
			if state[made] != content {
				return key + " is gone and " + made + " is not there"
			}
		}
	}
	known := map[string]bool{}
	for _, content := range op.before {
		known[content] = true
	}
	for _, content := range op.after {
		known[content] = true
	}
	for _, content := range conflicts {
		if !known[content] {
			return "a copy for a conflict holds foreign bytes: " + brief(content)
		}
	}
	return ""
}

func (op *faultOp) finished(state map[string]string) bool {
	if len(op.after) == 0 {
		return len(state) == 0
	}
	return maps.Equal(state, op.after)
}

// view tells whether the mount shows that the operation was done; ok is false where it
// cannot be seen.
func (op *faultOp) view(dir string) (done, ok bool) {
	objects := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		key := strings.TrimPrefix(p, dir+"/")
		if e.IsDir() {
			objects[key+"/"] = ""
			return nil
		}
		if e.Type()&os.ModeSymlink != 0 {
			objects[key] = anyContent
			return nil
		}
		b, err := os.ReadFile(p)
		objects[key] = string(b)
		return err
	})
	state, _ := op.cut(objects)
	return op.finished(state) && (op.done == nil || op.done(dir)), err == nil
}
