package staging

import (
	"context"
	"fmt"
	iofs "io/fs"
	"time"
)

// Flush is what close(2) promises: it is Sync, or with WriteBack it returns when the
// bytes, and what is to become of them, are on the local disk. The upload follows.
func (f *File) Flush(ctx context.Context) error {
	if !f.store.cfg.WriteBack {
		return f.Sync(ctx)
	}
	f.mu.Lock()
	closed, lost, dirty, noted := f.closed, f.lost, f.seq > f.doneSeq, f.ackSeq >= f.seq
	small, borrows := f.size <= f.store.cfg.PartSize, f.borrows()
	name := f.name
	f.mu.Unlock()
	switch {
	case closed:
		return f.fail("flush", iofs.ErrClosed)
	case lost != nil && dirty:
		return f.fail("flush", lost)
	case !f.Dirty() || noted:
		return nil
	case borrows: // nothing here would bring its bytes back if the other object was changed
		return f.Sync(ctx)
	}
	if small {
		// With all its bytes here, not even a change in the store can keep it from being
		// uploaded. If they cannot be had now, the upload will ask for them.
		if err := f.Absorb(ctx); err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if err := f.acknowledge(nil); err != nil {
		return &iofs.PathError{Op: "flush", Path: name, Err: err}
	}
	return nil
}

// Keep is for what Sync or Flush could not commit when the last handle is closed: the
// bytes stay on the local disk after Close, are listed by Pending with err, and are
// uploaded when that becomes possible.
func (f *File) Keep(err error) {
	f.mu.Lock()
	noted := err == nil && f.ackSeq >= f.seq
	f.mu.Unlock()
	if noted || !f.Dirty() {
		return
	}
	if failed := f.acknowledge(err); failed != nil {
		// They are kept as long as this process lives, which is all that can be done.
		f.store.cfg.Log.Error("bytes that were not uploaded could not be noted on the disk", "name", f.Name(), "error", failed)
		f.mu.Lock()
		f.kept = true
		f.mu.Unlock()
		f.store.enqueue(f)
	}
}

// acknowledge writes the journal record of f as it is now, and queues f for upload.
func (f *File) acknowledge(reason error) error {
	f.journal.Lock()
	defer f.journal.Unlock()
	f.mu.Lock()
	if reason != nil {
		f.reason = reason
		f.attempts = max(f.attempts, 1)
	}
	f.mu.Unlock()
	if err := f.note(); err != nil {
		return err
	}
	f.store.enqueue(f)
	f.compact()
	return nil
}

// note writes the record of all that was written so far, and freezes it. It needs
// journal.
func (f *File) note() error {
	f.io.Lock()
	f.mu.Lock()
	if !f.dirty() {
		f.mu.Unlock()
		f.io.Unlock()
		return nil
	}
	f.pinTime()
	if f.record == "" {
		f.record = f.path(recordSuffix)
		f.since = time.Now()
	}
	// Nothing may be written to these layers until the record is there. Only then are
	// they what was acknowledged.
	layers := f.layers
	for _, l := range layers {
		l.users++
	}
	now := f.now()
	state := f.state(&now, layers)
	f.mu.Unlock()
	f.io.Unlock()

	err := f.putDown(state, layers)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range layers {
		l.users--
		l.acked = l.acked || err == nil
	}
	if err == nil {
		f.ackSeq, f.acked = now.seq, now
		return nil
	}
	if f.ackSeq == 0 {
		f.record = ""
	}
	return full(err)
}

// putDown brings a record, and first the bytes that it names, to the disk. A few bytes go
// into the record itself: that is one wait for the disk instead of two. It needs journal.
func (f *File) putDown(state *record, layers []*layer) error {
	if len(layers) == 1 && layers[0].valid.bytes() <= inlineBytes {
		data, err := layers[0].bytes()
		if err != nil {
			return err
		}
		state.Layers[0].Data = data
	} else if err := syncAll(layers); err != nil {
		return err
	}
	return f.writeRecord(state)
}

// inlineBytes is how many bytes may go into a record.
const inlineBytes = 64 << 10

// bytes are those that are valid, one after another.
func (l *layer) bytes() ([]byte, error) {
	data := make([]byte, 0, l.valid.bytes())
	for _, s := range l.valid {
		n := len(data)
		data = data[:n+int(s.end-s.off)]
		if err := readZeros(l.file, data[n:], s.off); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// syncAll brings the bytes of frozen layers to the disk.
func syncAll(layers []*layer) error {
	for _, l := range layers {
		if l.synced.Swap(true) {
			continue
		}
		if err := datasync(l.file); err != nil {
			l.synced.Store(false)
			return fmt.Errorf("staging file: %w", err)
		}
	}
	return nil
}

// writeRecord replaces the record, and removes layers that the new one names no more.
// It needs journal.
func (f *File) writeRecord(state *record) error {
	data, err := encode(state)
	if err != nil {
		return fmt.Errorf("journal record: %w", err)
	}
	f.mu.Lock()
	first := f.ackSeq == 0
	f.mu.Unlock()
	if first {
		err = newFile(f.record, data, &f.store.trash)
	} else {
		err = f.folder.replaceFile(f.record, data, true)
	}
	if err != nil {
		return err
	}
	for _, l := range f.obsolete {
		f.drop(l)
	}
	f.obsolete = nil
	return nil
}

// rejournal brings the record, if there is one, in line with what has become of f. What
// was written since the last acknowledgement does not become part of it. It needs
// journal.
func (f *File) rejournal() error {
	f.mu.Lock()
	if f.ackSeq == 0 {
		f.mu.Unlock()
		return nil
	}
	layers := f.ackedLayers()
	state := f.state(&f.acked, layers)
	f.mu.Unlock()
	return f.putDown(state, layers)
}

// unjournal removes the record: the store has it all, or nobody wants it. It needs
// journal.
func (f *File) unjournal() {
	f.mu.Lock()
	path := f.record
	f.record, f.ackSeq, f.acked, f.kept = "", 0, moment{}, false
	for _, l := range f.layers {
		l.acked = false
	}
	obsolete := f.obsolete
	f.obsolete = nil
	f.mu.Unlock()
	if path != "" {
		if err := f.store.trash.add(path); err != nil {
			f.store.cfg.Log.Warn("a journal record was not removed", "error", err)
		}
	}
	for _, l := range obsolete {
		f.drop(l)
	}
	f.store.unqueue(f)
}

// beforeSync brings the journal up to what is about to be uploaded, so that after a
// crash the store's object is known to be ours. Only files that are in the journal
// already need that. A full disk must not keep bytes from the store.
func (f *File) beforeSync() {
	f.journal.Lock()
	defer f.journal.Unlock()
	f.mu.Lock()
	behind := f.ackSeq > 0 && f.seq > f.ackSeq
	f.mu.Unlock()
	if behind {
		if err := f.note(); err != nil {
			f.store.cfg.Log.Warn("the journal was not brought up to date", "error", err)
		}
	}
	f.compact()
}

// settle removes a record that is done with, and f itself if it was closed and nothing
// waits.
func (f *File) settle() {
	f.journal.Lock()
	defer f.journal.Unlock()
	f.settleNoted(false)
}

// settleNoted does the same, and brings the record up to date if f has changed. It
// needs journal.
func (f *File) settleNoted(changed bool) {
	f.mu.Lock()
	busy, done := f.commit != nil, f.discarded || f.doneSeq >= f.seq
	noted := f.ackSeq > 0
	covered := noted && (f.discarded || f.doneSeq >= f.ackSeq)
	f.mu.Unlock()
	err := error(nil)
	if covered && !busy {
		f.unjournal()
	} else if noted && !busy && changed {
		err = f.rejournal()
	}
	if err != nil {
		f.store.cfg.Log.Warn("the journal was not brought up to date", "error", err)
	}
	f.mu.Lock()
	gone := f.closed && f.commit == nil && f.ackSeq == 0 && (!f.kept || done) && !f.freed
	f.freed = f.freed || gone
	f.mu.Unlock()
	if gone {
		f.free()
	}
}
