// Package secrets keeps credentials at rest: in the keyring of the user's desktop where
// there is one that answers, else in files that are encrypted with a key beside them and
// readable for this user alone. No error and no printed form of anything here holds a secret.
package secrets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
)

// Store keeps secrets by name. Its methods are safe for concurrent use, also by several
// processes, and block on the disk and for at most two seconds on a keyring.
type Store interface {
	// Get returns the secret. One that is not there is fs.ErrNotExist, one that cannot be
	// read a *DamagedError or *KeyringError.
	Get(name string) ([]byte, error)
	// Set keeps v under name in place of what was there, which need not be readable.
	Set(name string, v []byte) error
	// Update replaces the secret by what change makes of it (nil where there is none, or where
	// it is damaged), while no other Update of this store goes on. An error of change is
	// returned as it is, and leaves all as it was. Equal bytes are not written. A keyring that
	// does not give out the old secret is a *KeyringError: only Set replaces what nobody can read.
	Update(name string, change func(old []byte) ([]byte, error)) error
	// Delete removes the secret. One that is not there is fs.ErrNotExist.
	Delete(name string) error
}

// Open returns the store of a data directory. It reads and makes nothing yet.
func Open(dataDir string) Store {
	s := &store{dir: filepath.Join(dataDir, "secrets")}
	if haveKeyring() {
		s.ring = systemRing()
	}
	return s
}

// DamagedError says that a stored secret, or the key of them all, cannot be read any more.
type DamagedError struct {
	Name string
	Path string
	Err  error
}

func (e *DamagedError) Error() string {
	if errors.Is(e.Err, ErrKey) {
		return fmt.Sprintf("the key that all secrets are encrypted with is damaged: remove %s, and give all of them again, each with \"sd volume login NAME\"", e.Path)
	}
	return fmt.Sprintf("the stored secret %q cannot be read (%s: %v): %s", e.Name, e.Path, e.Err, again)
}

// Unwrap returns what was found.
func (e *DamagedError) Unwrap() error { return e.Err }

// ErrKey is the Err of a DamagedError where it is the key of all secrets that is damaged.
// Until its file is removed, no secret is read and none is kept.
var ErrKey = errors.New("it is no key")

// KeyringError says that a secret lies in the desktop's keyring, which does not give it out.
type KeyringError struct {
	Name string
	Err  error
}

func (e *KeyringError) Error() string {
	return fmt.Sprintf("the secret %q is in the keyring of the desktop, which does not give it out (%v): log in to the desktop and unlock it, or %s", e.Name, e.Err, again)
}

// Unwrap returns what the keyring said.
func (e *KeyringError) Unwrap() error { return e.Err }

const again = `give it anew with "sd volume login NAME"`

// inKeyring is the content of a secret's file when the secret is in the keyring. The one
// file says where the secret is, so that the two places never disagree.
var inKeyring = []byte("keyring\n")

type store struct {
	dir  string
	ring *ring // nil: there is none
}

func (s *store) Get(name string) ([]byte, error) {
	path := s.path(name)
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		// The file may be lost and the keyring not.
		if key, err := s.readKey(); err == nil && s.ring != nil {
			if v, err := s.ring.read(key.account(name)); err == nil {
				return v, nil
			}
		}
		return nil, &iofs.PathError{Op: "get secret", Path: name, Err: iofs.ErrNotExist}
	case err != nil:
		return nil, fmt.Errorf("secret %q: %w", name, err)
	}
	key, err := s.readKey()
	if err != nil {
		return nil, &DamagedError{Name: name, Path: s.keyPath(), Err: err}
	}
	if !bytes.Equal(data, inKeyring) {
		v, err := key.decrypt(name, data)
		if err != nil {
			return nil, &DamagedError{Name: name, Path: path, Err: err}
		}
		return v, nil
	}
	if s.ring == nil {
		return nil, &KeyringError{Name: name, Err: errors.New("there is none in this session")}
	}
	v, err := s.ring.read(key.account(name))
	if err != nil {
		return nil, &KeyringError{Name: name, Err: err}
	}
	return v, nil
}

func (s *store) Set(name string, v []byte) error {
	if name == "" {
		return errors.New("a secret needs a name")
	}
	key, err := s.makeKey()
	if err != nil {
		return fmt.Errorf("secret %q: %w", name, err)
	}
	data := inKeyring
	if s.ring == nil || s.ring.write(key.account(name), v) != nil {
		if data, err = key.encrypt(name, v); err != nil {
			return fmt.Errorf("secret %q: %w", name, err)
		}
	}
	if err := writeFile(s.path(name), data); err != nil {
		return fmt.Errorf("secret %q: %w", name, err)
	}
	return nil
}

func (s *store) Update(name string, change func(old []byte) ([]byte, error)) error {
	unlock, err := s.lock("updating")
	if err != nil {
		return fmt.Errorf("secret %q: %w", name, err)
	}
	defer unlock()
	old, err := s.Get(name)
	var damaged *DamagedError
	switch {
	case errors.As(err, &damaged), errors.Is(err, iofs.ErrNotExist):
		old = nil
	case err != nil:
		return err
	}
	v, err := change(bytes.Clone(old))
	if err != nil || old != nil && bytes.Equal(v, old) {
		return err
	}
	return s.Set(name, v)
}

func (s *store) Delete(name string) error {
	path := s.path(name)
	data, err := os.ReadFile(path)
	if errors.Is(err, iofs.ErrNotExist) {
		return &iofs.PathError{Op: "delete secret", Path: name, Err: iofs.ErrNotExist}
	}
	if err != nil {
		return fmt.Errorf("secret %q: %w", name, err)
	}
	if bytes.Equal(data, inKeyring) {
		// Without the key nobody finds the secret again.
		if key, err := s.readKey(); err == nil {
			if s.ring == nil {
				return &KeyringError{Name: name, Err: errors.New("there is none in this session")}
			}
			if err := s.ring.remove(key.account(name)); err != nil {
				return &KeyringError{Name: name, Err: err}
			}
		}
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("secret %q: %w", name, err)
	}
	return nil
}

// path hides the name, which may hold what a file name may not.
func (s *store) path(name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(s.dir, hex.EncodeToString(sum[:16])+".secret")
}
