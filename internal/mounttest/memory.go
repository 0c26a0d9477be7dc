package mounttest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"

	"sd/backends"
	"sd/backends/mem"
)

// Stores in the memory of the process that serves the mount, for Volume.Memory.
const (
	Objects = "objects" // every verb
	Drive   = "drive"   // the verbs of a drive: mem.Drive
	Folding = "folding" // a drive that does not tell upper case from lower case
)

// memories are the stores in memory of this process, by Volume.Identifier, each as others have
// it who change it.
var memories = struct {
	mu     sync.Mutex
	stores map[string]*mem.Store
}{stores: map[string]*mem.Store{}}

// memory makes the volume's store in memory.
func (v Volume) memory() (backends.Backend, error) {
	cfg := mem.Config{PageSize: v.PageSize, Capacity: v.Capacity, Limits: backends.UploadLimits{MaxPut: v.MaxPut}}
	var b backends.Backend
	var s *mem.Store
	switch v.Memory {
	case Objects:
		s = mem.New(cfg)
		b = s
	case Drive:
		d := mem.NewDrive(cfg)
		b, s = d, d.Store()
	case Folding:
		d := mem.NewFoldingDrive(cfg)
		b, s = d, d.Store()
	default:
		return nil, fmt.Errorf("no such store in memory: %q", v.Memory)
	}
	memories.mu.Lock()
	defer memories.mu.Unlock()
	memories.stores[v.Identifier] = s
	return b, nil
}

// behind is one thing that somebody else does to a store in memory.
type behind struct {
	Volume, Do, Name, To, Content string
}

// did is what came of it.
type did struct {
	Err      string
	Content  string
	Names    []string
	Requests map[string]int64
	Watches  int
}

// do does what a line of JSON says.
func (b *behind) do(ctx context.Context, line string) did {
	if err := json.Unmarshal([]byte(line), b); err != nil {
		return did{Err: err.Error()}
	}
	memories.mu.Lock()
	s := memories.stores[b.Volume]
	memories.mu.Unlock()
	if s == nil {
		return did{Err: "nobody has used it yet: " + b.Volume}
	}
	var d did
	var err error
	switch b.Do {
	case "put":
		_, err = s.Put(ctx, b.Name, strings.NewReader(b.Content), int64(len(b.Content)), backends.Meta{}, backends.Cond{})
	case "document":
		err = s.Document(b.Name, b.Content)
	case "remove":
		err = s.Remove(ctx, b.Name, backends.Cond{})
	case "rename":
		err = s.Rename(ctx, b.Name, b.To, backends.Cond{})
	case "mkdir":
		err = s.Mkdir(ctx, b.Name)
	case "list":
		err = s.List(ctx, b.Name, func(page []backends.Entry) error {
			for _, e := range page {
				d.Names = append(d.Names, e.Name)
			}
			return nil
		})
	case "get":
		d.Content, err = content(ctx, s, b.Name)
	case "emit":
		s.Emit(b.Name, b.Content == "below")
	}
	stats := s.Stats()
	d.Requests, d.Watches = stats.Requests, s.Watches()
	if err != nil {
		d.Err = err.Error()
	}
	return d
}

// content reads a whole file of a store.
func content(ctx context.Context, b backends.Backend, name string) (string, error) {
	r, _, err := b.Get(ctx, name, "", 0, -1)
	if err != nil {
		return "", err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	return string(data), err
}

// A Memory is a store in memory, as somebody has it who does not go by the mount. The mount
// must have looked into its volume before it is used.
type Memory struct {
	m      *Mount
	volume string
}

// Memory gives the store of the volume with that identifier.
func (m *Mount) Memory(volume string) Memory { return Memory{m, volume} }

func (m Memory) ask(b behind) did {
	m.m.t.Helper()
	b.Volume = m.volume
	line, err := json.Marshal(b)
	if err != nil {
		m.m.t.Fatal(err)
	}
	var d did
	m.m.ask("behind "+string(line), &d)
	return d
}

func (m Memory) must(b behind) did {
	m.m.t.Helper()
	d := m.ask(b)
	if d.Err != "" {
		m.m.t.Fatalf("%s %q: %s", b.Do, b.Name, d.Err)
	}
	return d
}

// Put writes a file.
func (m Memory) Put(name, content string) {
	m.m.t.Helper()
	m.must(behind{Do: "put", Name: name, Content: content})
}

// Document makes a document, or changes it.
func (m Memory) Document(name, content string) {
	m.m.t.Helper()
	m.must(behind{Do: "document", Name: name, Content: content})
}

// Remove removes a file.
func (m Memory) Remove(name string) { m.m.t.Helper(); m.must(behind{Do: "remove", Name: name}) }

// Rename renames a file or a folder.
func (m Memory) Rename(name, to string) {
	m.m.t.Helper()
	m.must(behind{Do: "rename", Name: name, To: to})
}

// Mkdir makes a folder.
func (m Memory) Mkdir(name string) { m.m.t.Helper(); m.must(behind{Do: "mkdir", Name: name}) }

// Emit tells those who watch the store of a change that has not happened.
func (m Memory) Emit(name string, below bool) {
	m.m.t.Helper()
	b := behind{Do: "emit", Name: name}
	if below {
		b.Content = "below"
	}
	m.must(b)
}

// Names lists a folder.
func (m Memory) Names(dir string) []string {
	m.m.t.Helper()
	return m.must(behind{Do: "list", Name: dir}).Names
}

// Content reads a file.
func (m Memory) Content(name string) string {
	m.m.t.Helper()
	return m.must(behind{Do: "get", Name: name}).Content
}

// Requests counts what the store was asked so far, by operation, for Put and the others too.
func (m Memory) Requests() map[string]int64 { m.m.t.Helper(); return m.must(behind{}).Requests }

// Watches tells how many listen to its changes; none if nobody has used it yet.
func (m Memory) Watches() int { m.m.t.Helper(); return m.ask(behind{}).Watches }
