package secrets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"filippo.io/age"
)

// key is what the secrets of one data directory are encrypted with.
type key struct{ identity *age.X25519Identity }

func (s *store) keyPath() string { return filepath.Join(s.dir, "identity.txt") }

// readKey reads the key; fs.ErrNotExist says that there is none.
func (s *store) readKey() (key, error) {
	data, err := os.ReadFile(s.keyPath())
	if err != nil {
		return key{}, err
	}
	if fi, err := os.Stat(s.keyPath()); err == nil && fi.Mode().Perm()&0o077 != 0 {
		_ = os.Chmod(s.keyPath(), 0o600) // a copy may have opened it to all
	}
	identity, err := age.ParseX25519Identity(strings.TrimSpace(string(data)))
	if err != nil {
		return key{}, ErrKey // without age's words, which may quote it
	}
	return key{identity}, nil
}

// makeKey reads the key and makes it at first use. Processes that come at once get the same.
func (s *store) makeKey() (key, error) {
	if k, err := s.readKey(); !errors.Is(err, iofs.ErrNotExist) {
		return k, s.damaged(err)
	}
	unlock, err := s.lock("lock")
	if err != nil {
		return key{}, err
	}
	defer unlock()
	if k, err := s.readKey(); !errors.Is(err, iofs.ErrNotExist) {
		return k, s.damaged(err)
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return key{}, err
	}
	return key{identity}, writeFile(s.keyPath(), []byte(identity.String()+"\n"))
}

// damaged puts an error of readKey in the words of all who read secrets.
func (s *store) damaged(err error) error {
	if errors.Is(err, ErrKey) {
		return &DamagedError{Name: "all", Path: s.keyPath(), Err: err}
	}
	return err
}

// lock waits until this process alone has the lock of that name. The disk frees it when the
// process ends.
func (s *store) lock(name string) (unlock func(), err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chmod(s.dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(s.dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock.Chmod(0o600); err != nil {
		lock.Close()
		return nil, err
	}
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
		if err == nil {
			return func() { lock.Close() }, nil
		}
		if err != syscall.EINTR {
			lock.Close()
			return nil, &os.PathError{Op: "flock", Path: lock.Name(), Err: err}
		}
	}
}

// account names a secret in the keyring, which all data directories of a user share.
func (k key) account(name string) string {
	sum := sha256.Sum256([]byte(k.identity.Recipient().String()))
	return hex.EncodeToString(sum[:8]) + "/" + name
}

// sealed is what is encrypted. The name makes sure that a file was not put in the place of
// another.
type sealed struct {
	Name  string
	Value []byte
}

func (k key) encrypt(name string, v []byte) ([]byte, error) {
	plain, err := json.Marshal(sealed{name, v})
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, k.identity.Recipient())
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func (k key) decrypt(name string, data []byte) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(data), k.identity)
	if err != nil {
		if errors.As(err, new(*age.NoIdentityMatchError)) {
			return nil, errors.New("it was encrypted with another key")
		}
		return nil, errors.New("it is damaged")
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil, errors.New("it is damaged")
	}
	var s sealed
	if json.Unmarshal(plain, &s) != nil || s.Name != name {
		return nil, errors.New("it is not the secret of that name")
	}
	return s.Value, nil
}

// writeFile replaces the file at path in one step, for this user alone, and returns when the
// disk has it.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := f.Chmod(0o600); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	// The name, too: an older login may be good for nothing by now.
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
