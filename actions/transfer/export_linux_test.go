package transfer

import "time"

// NameFirst makes Transfers take the way of file systems on which a file cannot be made without
// a name.
func NameFirst(t *Transfers, dir string) error {
	at, err := t.folders.get(dir, "")
	if err != nil {
		return err
	}
	at.disk.cannotName()
	t.folders.put(at)
	return nil
}

// NoClones keeps Transfers from sharing blocks of files on the device dev with copies in dir.
func NoClones(t *Transfers, dir string, dev uint64) error {
	at, err := t.folders.get(dir, "")
	if err != nil {
		return err
	}
	at.disk.cannot(at.disk.noClone, dev)
	t.folders.put(at)
	return nil
}

// NoRanges keeps them from having the kernel copy such files.
func NoRanges(t *Transfers, dir string, dev uint64) error {
	at, err := t.folders.get(dir, "")
	if err != nil {
		return err
	}
	at.disk.cannot(at.disk.noRanges, dev)
	t.folders.put(at)
	return nil
}

// CloseIdle closes what nobody uses, as after a long time.
func CloseIdle(t *Transfers) {
	t.folders.mu.Lock()
	defer t.folders.mu.Unlock()
	t.folders.closeIdle(time.Now().Add(time.Hour))
}

// Resumable is the size from which on a local file that is half copied is gone on with.
const Resumable = resumable
