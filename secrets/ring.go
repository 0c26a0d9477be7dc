package secrets

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/zalando/go-keyring"
)

// service is what our secrets are filed under in the keyring.
const service = "sd"

// ring is the keyring of the desktop, with a bound on how long it may take: it may be waiting
// for a password that nobody types.
type ring struct {
	get      func(service, account string) (string, error)
	set      func(service, account, value string) error
	del      func(service, account string) error
	patience time.Duration

	hung atomic.Bool // it did not answer once, and is not asked again
}

var errHung = errors.New("it does not answer")

func systemRing() *ring {
	return &ring{get: keyring.Get, set: keyring.Set, del: keyring.Delete, patience: 2 * time.Second}
}

// haveKeyring tells whether it makes sense to ask for one. Elsewhere the keyring library would
// start a bus of its own, which nobody ends.
func haveKeyring() bool {
	if runtime.GOOS == "darwin" {
		return true
	}
	if address := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" && address != "autolaunch:" {
		return true
	}
	if os.Getuid() == 0 {
		return false
	}
	_, err := os.Stat(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "bus"))
	return err == nil && os.Getenv("XDG_RUNTIME_DIR") != ""
}

func (r *ring) read(account string) ([]byte, error) {
	text, err := r.bounded(func() (string, error) { return r.get(service, account) })
	if err != nil {
		return nil, err
	}
	v, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("what it gave is damaged") // not the error, which quotes from it
	}
	return v, nil
}

// write also reads back: a keyring that takes a secret and forgets it is none.
func (r *ring) write(account string, v []byte) error {
	text := base64.StdEncoding.EncodeToString(v)
	got, err := r.bounded(func() (string, error) {
		if err := r.set(service, account, text); err != nil {
			return "", err
		}
		return r.get(service, account)
	})
	if err == nil && got != text {
		err = errors.New("it does not keep what it takes")
	}
	return err
}

func (r *ring) remove(account string) error {
	_, err := r.bounded(func() (string, error) { return "", r.del(service, account) })
	if errors.Is(err, keyring.ErrNotFound) {
		return nil
	}
	return err
}

// bounded calls fn and gives up on it after a while. A call that hangs cannot be ended, so it
// is left behind, once.
func (r *ring) bounded(fn func() (string, error)) (string, error) {
	if r.hung.Load() {
		return "", errHung
	}
	type answer struct {
		text string
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		text, err := fn()
		done <- answer{text, err}
	}()
	timer := time.NewTimer(r.patience)
	defer timer.Stop()
	select {
	case a := <-done:
		return a.text, a.err
	case <-timer.C:
		r.hung.Store(true)
		return "", errHung
	}
}
