package staging

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sd/backends"
)

// A journal record says what a File was when it was acknowledged: all that another
// process needs to upload it. It lies beside the data in a file of its own, which is
// replaced as a whole. Names are kept as bytes, since JSON strings hold UTF-8 only.
type record struct {
	File     string       `json:"file"` // its own name: a file that is used again may hold an older record
	Volume   string       `json:"volume"`
	Name     []byte       `json:"name"`
	Since    time.Time    `json:"since"`
	Size     int64        `json:"size"`
	Absent   bool         `json:"absent,omitempty"`  // the condition of the commit
	Version  string       `json:"version,omitempty"` // the same
	Base     *objectState `json:"base,omitempty"`
	OverBase bool         `json:"over_base,omitempty"` // base, or from, shows where no layer does
	From     *objectState `json:"from,omitempty"`      // another object, which is to be copied
	MetaOnly bool         `json:"meta_only,omitempty"`
	Layers   []layerState `json:"layers,omitempty"`
	Meta     metaState    `json:"meta"`
	TimeSet  bool         `json:"time_set,omitempty"`
	Tried    []attempt    `json:"tried,omitempty"`
	Attempts int          `json:"attempts,omitempty"`
	Reason   string       `json:"reason,omitempty"`
	Over     string       `json:"over,omitempty"` // the record, in this folder or another, that this one replaces
}

type objectState struct {
	Name    []byte    `json:"name"`
	Size    int64     `json:"size"`
	Version string    `json:"version"`
	ModTime time.Time `json:"mtime"`
	Meta    metaState `json:"meta"`
	HasMeta bool      `json:"has_meta,omitempty"`
}

type layerState struct {
	File  string  `json:"file"`
	Size  int64   `json:"size"`
	Under int64   `json:"under"`
	Valid []int64 `json:"valid,omitempty"` // offsets and ends in turn
	Data  []byte  `json:"data,omitempty"`  // what is valid, where File may not have reached the disk
}

type metaState struct {
	ModTime     time.Time         `json:"mtime"`
	Mode        uint32            `json:"mode,omitempty"`
	UID         *uint32           `json:"uid,omitempty"`
	GID         *uint32           `json:"gid,omitempty"`
	LinkTarget  []byte            `json:"link,omitempty"`
	BLAKE3      string            `json:"blake3,omitempty"`
	ContentType string            `json:"type,omitempty"`
	Xattrs      map[string][]byte `json:"xattrs,omitempty"`
}

// envelope is what a record file holds.
type envelope struct {
	Format int             `json:"format"`
	CRC32C string          `json:"crc32c"`
	Record json.RawMessage `json:"record"`
}

const format = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encode(r *record) ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope{format, fmt.Sprintf("%08x", crc32.Checksum(body, castagnoli)), body})
}

// decode reads a record and checks all that is needed to trust it.
func decode(data []byte) (*record, error) {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("journal record: %w", err)
	}
	if e.Format != format {
		return nil, fmt.Errorf("journal record has format %d; this release knows %d", e.Format, format)
	}
	if sum := fmt.Sprintf("%08x", crc32.Checksum(e.Record, castagnoli)); sum != e.CRC32C {
		return nil, errors.New("journal record does not have its checksum")
	}
	r := &record{}
	if err := json.Unmarshal(e.Record, r); err != nil {
		return nil, fmt.Errorf("journal record: %w", err)
	}
	return r, r.check()
}

func (r *record) check() error {
	if r.Volume == "" || len(r.Name) == 0 || r.Size < 0 || r.OverBase && r.Base == nil && r.From == nil {
		return errors.New("journal record is not complete")
	}
	below := int64(0)
	switch {
	case r.OverBase && r.From != nil:
		below = r.From.Size
	case r.OverBase:
		below = r.Base.Size
	}
	for _, l := range r.Layers {
		if l.File == "" || l.File != filepath.Base(l.File) || !strings.HasSuffix(l.File, dataSuffix) {
			return fmt.Errorf("journal record names the file %q", l.File)
		}
		valid, ok := l.ranges()
		if l.Data != nil && valid.bytes() != int64(len(l.Data)) {
			return errors.New("journal record has bytes for other ranges")
		}
		if !ok || l.Under < 0 || l.Size < 0 {
			return errors.New("journal record has ranges out of order")
		}
		if l.Under > below {
			return errors.New("journal record shows bytes that are not there")
		}
		below = l.Size
	}
	if below != r.Size {
		return errors.New("journal record has a size that is not its layers'")
	}
	return nil
}

// ranges returns what is valid, and whether that makes sense.
func (l *layerState) ranges() (ranges, bool) {
	if len(l.Valid)%2 != 0 {
		return nil, false
	}
	var r ranges
	last := int64(-1)
	for i := 0; i < len(l.Valid); i += 2 {
		s := span{l.Valid[i], l.Valid[i+1]}
		if s.off <= last || s.end <= s.off || s.end > l.Size {
			return nil, false
		}
		r, last = append(r, s), s.end
	}
	return r, true
}

func packMeta(m backends.Meta) metaState {
	return metaState{m.ModTime, m.Mode, m.UID, m.GID, []byte(m.LinkTarget), m.BLAKE3, m.ContentType, m.Xattrs}
}

func (m *metaState) unpack() backends.Meta {
	return backends.Meta{ModTime: m.ModTime, Mode: m.Mode, UID: m.UID, GID: m.GID, LinkTarget: string(m.LinkTarget),
		BLAKE3: m.BLAKE3, ContentType: m.ContentType, Xattrs: m.Xattrs}
}

func packEntry(e backends.Entry) *objectState {
	o := &objectState{Name: []byte(e.Name), Size: e.Size, Version: e.Version, ModTime: e.ModTime}
	if e.Meta != nil {
		o.Meta, o.HasMeta = packMeta(*e.Meta), true
	}
	return o
}

func (o *objectState) unpack() backends.Entry {
	e := backends.Entry{Name: string(o.Name), Size: o.Size, Version: o.Version, ModTime: o.ModTime}
	if o.HasMeta {
		m := o.Meta.unpack()
		e.Meta = &m
	}
	return e
}

// state makes the record of f as it was at m, in these layers. It needs mu.
func (f *File) state(m *moment, layers []*layer) *record {
	r := &record{
		File: filepath.Base(f.record), Volume: f.volume, Name: []byte(f.name), Since: f.since, Size: m.size, Absent: f.cond.Absent, Version: f.cond.Version,
		OverBase: f.base != nil, MetaOnly: f.committed && m.dataSeq == f.doneDataSeq, Meta: packMeta(m.meta),
		TimeSet: m.timeSet, Tried: f.tried, Attempts: f.attempts,
	}
	if f.committed {
		r.Base = packEntry(f.entry)
	}
	if f.borrows() {
		r.From = packEntry(f.base.Entry)
	}
	r.Over = f.over
	if f.reason != nil {
		r.Reason = f.reason.Error()
	}
	for _, l := range layers {
		s := layerState{File: filepath.Base(l.path), Size: l.size, Under: l.under}
		for _, v := range l.valid {
			s.Valid = append(s.Valid, v.off, v.end)
		}
		r.Layers = append(r.Layers, s)
	}
	return r
}

const (
	dataSuffix   = ".data"
	recordSuffix = ".json"
	uploadSuffix = ".upload"
	badSuffix    = ".bad"
	tempSuffix   = ".tmp"
	doneSuffix   = ".done"
)

// replaceFile makes path hold data: after a crash it holds the old bytes or the new
// ones. With durable that is so after a loss of power too, and the new names of the
// folder are on the disk when it returns.
func (d *folder) replaceFile(path string, data []byte, durable bool) error {
	temp := path + tempSuffix
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return full(err)
	}
	_, err = file.Write(data)
	if err == nil && durable {
		err = datasync(file)
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
		return full(err)
	}
	if durable {
		return full(d.dir.Sync())
	}
	return nil
}

// newFile makes path, of which there is none, hold data, and is as durable as
// replaceFile for half the price: to sync a file that has just got its name brings the
// name to the disk with it, on file systems with a journal. A process that dies before
// leaves no such file; a loss of power before may leave one that is cut short, which
// nobody has been told of.
func newFile(path string, data []byte, old *trash) error {
	temp := path + tempSuffix
	file := old.take(temp)
	if file == nil {
		var err error
		if file, err = os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
			return full(err)
		}
	}
	defer file.Close()
	_, err := file.Write(data)
	if err == nil {
		err = file.Truncate(int64(len(data)))
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
		return full(err)
	}
	if err = file.Sync(); err != nil {
		os.Remove(path)
	}
	return full(err)
}

// uploadState remembers an upload, for the process that has to drop it.
type uploadState struct {
	Volume string `json:"volume"`
	Name   []byte `json:"name"`
	ID     string `json:"id"`
}

// rememberUpload returns the file that tells of an upload, "" if there is none.
func (f *File) rememberUpload(name, id string) string {
	data, err := json.Marshal(uploadState{f.volume, []byte(name), id})
	path := f.path(uploadSuffix)
	if err == nil {
		err = f.folder.replaceFile(path, data, false)
	}
	if err != nil {
		f.store.cfg.Log.Warn("an upload is not noted; after a crash its parts would stay", "name", name, "error", err)
		return ""
	}
	return path
}

func (f *File) forgetUpload(path string) {
	if path != "" {
		os.Remove(path)
	}
}

// path is a new name in the folder of f.
func (f *File) path(suffix string) string {
	return filepath.Join(f.folder.path, fmt.Sprintf("%s-%d%s", f.store.tag, f.store.lastID.Add(1), suffix))
}
