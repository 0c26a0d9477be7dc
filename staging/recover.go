package staging

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sd/backends"
)

// bad is a record that cannot be read. It and all data beside it stay on the disk.
type bad struct {
	path   string
	since  time.Time
	reason error
}

// orphan is an upload that a process began and did not finish.
type orphan struct {
	path string
	uploadState
}

// adopt takes over what processes left that live no more.
func (s *Store) adopt() error {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return fmt.Errorf("staging folder: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(s.cfg.Dir, e.Name())
		if !e.IsDir() || !strings.HasPrefix(e.Name(), folderPrefix) || path == s.own.path {
			continue
		}
		d, err := holdFolder(path)
		if err != nil {
			return err
		}
		if d == nil {
			continue
		}
		s.adopted = append(s.adopted, d)
		if err := s.adoptFolder(d); err != nil {
			return err
		}
	}
	return nil
}

// errUsedBefore says that a file still holds the record that it held before it was used
// again: what the new one was to say has not reached the disk, and nobody was told of it.
var errUsedBefore = errors.New("an older record")

func (s *Store) adoptFolder(d *folder) error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("staging folder: %w", err)
	}
	used, doubt := map[string]bool{}, false
	for _, e := range entries {
		path := filepath.Join(d.path, e.Name())
		switch filepath.Ext(e.Name()) {
		case recordSuffix:
			f, err := s.load(d, path)
			if errors.Is(err, errUsedBefore) {
				os.Remove(path)
				continue
			}
			if err != nil {
				doubt = true
				s.setAside(path, err)
				continue
			}
			for _, l := range f.layers {
				used[l.path] = true
			}
		case badSuffix:
			doubt = true
			s.noteBad(path, errors.New("a former start could not read this journal record"))
		case uploadSuffix:
			s.adoptUpload(path)
		case doneSuffix:
			os.Remove(path)
		}
	}
	if doubt {
		return nil // a record that cannot be read may need any of the data
	}
	for _, e := range entries {
		path := filepath.Join(d.path, e.Name())
		if ext := filepath.Ext(e.Name()); ext == tempSuffix || ext == dataSuffix && !used[path] {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("staging folder: %w", err)
			}
		}
	}
	return nil
}

// setAside renames a record that cannot be read.
func (s *Store) setAside(path string, reason error) {
	aside := path + badSuffix
	if err := os.Rename(path, aside); err != nil {
		s.cfg.Log.Error("a journal record that cannot be read could not be renamed", "path", path, "error", err)
		aside = path
	}
	s.cfg.Log.Error("a journal record cannot be read; it and its data stay in the staging folder", "path", aside, "error", reason)
	s.noteBad(aside, reason)
}

func (s *Store) noteBad(path string, reason error) {
	since := time.Now()
	if info, err := os.Stat(path); err == nil {
		since = info.ModTime()
	}
	s.bad = append(s.bad, bad{path, since, reason})
}

// load makes the File of a record.
func (s *Store) load(d *folder, path string) (_ *File, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r, err := decode(data)
	if err != nil {
		return nil, err
	}
	if r.File != filepath.Base(path) {
		return nil, errUsedBefore
	}
	f := &File{
		store: s, volume: r.Volume, folder: d, name: string(r.Name), size: r.Size, since: r.Since,
		cond: backends.Cond{Absent: r.Absent, Version: r.Version}, meta: r.Meta.unpack(), mtime: r.Meta.ModTime,
		timeSet: r.TimeSet, tried: r.Tried, attempts: r.Attempts, record: path, over: r.Over, closed: true, recovered: true,
		seq: 1, ackSeq: 1, dataSeq: 1,
	}
	if r.MetaOnly {
		f.doneDataSeq = 1
	}
	f.acked = f.now()
	f.try(attempt{Size: r.Size, ModTime: r.Meta.ModTime}) // by the process that is gone
	if r.Reason != "" {
		f.reason = errors.New(r.Reason)
	}
	if r.Base != nil {
		f.entry, f.committed = r.Base.unpack(), true
	}
	switch {
	case r.OverBase && r.From != nil:
		f.base = s.reader(f, r.From.unpack())
		f.base.foreign = true
	case r.OverBase:
		f.base = s.reader(f, f.entry)
	}
	defer func() {
		if err != nil {
			for _, l := range f.layers {
				l.file.Close()
			}
		}
	}()
	for _, state := range r.Layers {
		l, err := openLayer(d, state)
		if err != nil {
			return nil, err
		}
		f.layers = append(f.layers, l)
	}
	if err := checkFiles(f.layers); err != nil {
		return nil, err
	}
	for _, l := range f.layers {
		if err := l.clean(); err != nil {
			return nil, full(err)
		}
	}
	for _, l := range f.layers {
		s.budget.take(l.paid)
	}
	s.files[f] = struct{}{}
	s.recovered = append(s.recovered, f)
	s.enqueue(f)
	return f, nil
}

func openLayer(d *folder, state layerState) (*layer, error) {
	valid, _ := state.ranges()
	path := filepath.Join(d.path, state.File)
	flags := os.O_RDWR
	if state.Data != nil {
		flags |= os.O_CREATE
	}
	file, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := restore(file, valid, state); err != nil {
		file.Close()
		return nil, full(err)
	}
	l := &layer{file: file, path: path, valid: valid, size: state.Size, under: state.Under, acked: true}
	l.paid = valid.bytes()
	return l, nil
}

// checkFiles looks whether the files of layers hold the bytes that show. Behind what
// the layers above show of one, its file may end: it was about to be merged.
func checkFiles(layers []*layer) error {
	shown := int64(math.MaxInt64)
	for i := len(layers) - 1; i >= 0; i-- {
		l := layers[i]
		info, err := l.file.Stat()
		if err != nil {
			return err
		}
		needed := l.valid.lastBefore(shown)
		if info.Size() < needed {
			return fmt.Errorf("%s has %d bytes of %d", l.path, info.Size(), needed)
		}
		shown = min(shown, l.under)
	}
	return nil
}

// restore writes the bytes that a record holds itself, which after a loss of power its
// file may not have.
func restore(file *os.File, valid ranges, state layerState) error {
	rest := state.Data
	for _, s := range valid {
		if rest == nil {
			return nil
		}
		if _, err := file.WriteAt(rest[:s.end-s.off], s.off); err != nil {
			return err
		}
		rest = rest[s.end-s.off:]
	}
	return nil
}

// Recovered returns the acknowledged files that former processes left, and that are
// not uploaded yet. The caller owns one reference to each, and gives it back by Close.
// Each is uploaded in any case. A second call returns none.
func (s *Store) Recovered() []*File {
	s.mu.Lock()
	defer s.mu.Unlock()
	files := s.recovered
	s.recovered = nil
	for _, f := range files {
		f.mu.Lock()
		f.closed = false
		f.mu.Unlock()
	}
	return files
}

// Find returns the file that waits for its upload to name, also where it was closed.
// The caller owns a reference, and gives it back by Close; there is one reference for
// all callers, so do not call it for a File that is open.
func (s *Store) Find(volume, name string) (*File, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.files {
		f.mu.Lock()
		found := f.volume == volume && f.name == name && f.ackSeq > 0 && !f.discarded && !f.freed
		if found {
			f.closed = false
		}
		f.mu.Unlock()
		if found {
			return f, true
		}
	}
	return nil, false
}

// adoptUpload reads what is known of an upload. Its parts are of no use any more: what
// was acknowledged is sent again from its bytes here.
func (s *Store) adoptUpload(path string) {
	o := orphan{path: path}
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &o.uploadState)
	}
	if err != nil || o.ID == "" {
		s.cfg.Log.Warn("the note of an upload cannot be read; its parts may stay in the store", "path", path, "error", err)
		os.Remove(path)
		return
	}
	s.orphans = append(s.orphans, o)
}

// dropOrphan aborts an upload; it tries until it works or the Store is closed.
func (s *Store) dropOrphan(o orphan) {
	for fails := 1; ; fails++ {
		err := s.abort(o)
		if err == nil || errors.Is(err, iofs.ErrNotExist) {
			os.Remove(o.path)
			return
		}
		select {
		case <-time.After(s.pause(fails)):
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *Store) abort(o orphan) error {
	if s.cfg.Backend == nil {
		return errors.ErrUnsupported
	}
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	b, err := s.cfg.Backend(ctx, o.Volume)
	if err != nil {
		// A volume that is not known any more may come back.
		return fmt.Errorf("volume: %v", err)
	}
	u, ok := b.(backends.Uploader)
	if !ok {
		return errors.ErrUnsupported
	}
	upload, err := u.Upload(ctx, string(o.Name), o.ID, backends.Meta{})
	if err != nil {
		return err
	}
	return upload.Abort(ctx)
}
