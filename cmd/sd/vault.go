package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"sync"
	"time"

	"sd/library"
	"sd/secrets"
)

// vault holds the secrets of one volume: texts by name, kept as one JSON object.
type vault struct {
	keys   secrets.Store
	volume string // its name, for messages
	at     string // in keys

	forgotten func() bool // the volume has been removed; nil: it has not
}

func newVault(keys secrets.Store, v library.Volume) vault {
	return vault{keys: keys, volume: v.Name, at: secretName(v)}
}

// secretName is where a volume's secrets lie in the secrets store.
func secretName(v library.Volume) string { return "volume/" + v.Fingerprint }

// all reads the secrets, of which there is at least one.
func (v vault) all() (map[string]string, error) {
	all, err := v.some()
	if err == nil && len(all) == 0 {
		err = &secretError{v.volume, "is not on this machine"}
	}
	return all, err
}

// some is all, and empty where there is none.
func (v vault) some() (map[string]string, error) {
	all := map[string]string{}
	text, err := v.keys.Get(v.at)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(text, &all) != nil {
		return nil, &secretError{v.volume, "cannot be read"}
	}
	return all, nil
}

// get reads one secret.
func (v vault) get(key string) (string, error) {
	all, err := v.all()
	if err != nil {
		return "", err
	}
	if all[key] == "" {
		return "", &secretError{v.volume, "is not on this machine"}
	}
	return all[key], nil
}

// set replaces the secrets that change names; an empty one goes.
func (v vault) set(change map[string]string) error {
	return v.update(func(all map[string]string) bool {
		for key, text := range change {
			if text == "" {
				delete(all, key)
				continue
			}
			all[key] = text
		}
		return true
	})
}

// replace is set for who has all of them: what is there and cannot be read is in nobody's way.
func (v vault) replace(all map[string]string) error {
	err := v.set(all)
	if !errors.As(err, new(*secrets.KeyringError)) {
		return err
	}
	all = maps.Clone(all)
	maps.DeleteFunc(all, func(_, text string) bool { return text == "" })
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return v.keys.Set(v.at, text)
}

// saveToken keeps a token that the service has given in place of an older one. One that is
// kept already and lives longer stays: another process was given it later. Not one that lives
// longer than any: the clock was wrong when it came. Of a volume that was removed while it was in
// use nothing is kept.
func (v vault) saveToken(key, token string) error {
	err := v.update(func(all map[string]string) bool {
		if kept := expiry(all[key]); kept.After(expiry(token)) && time.Until(kept) < longestToken {
			return false
		}
		all[key] = token
		return true
	})
	if errors.Is(err, errForgotten) {
		return nil
	}
	return err
}

var errForgotten = errors.New("the volume has been removed")

// longestToken is more than access tokens live anywhere; Microsoft's may do so for 28 hours.
const longestToken = 48 * time.Hour

// expiry is when the access token of a token ends; the zero time where it does not tell.
func expiry(token string) time.Time {
	var t struct{ Expiry time.Time }
	if json.Unmarshal([]byte(token), &t) != nil {
		return time.Time{}
	}
	return t.Expiry
}

// update changes the secrets as one step, whoever else does so at the same time. What
// cannot be read is replaced.
func (v vault) update(change func(map[string]string) bool) error {
	return v.keys.Update(v.at, func(old []byte) ([]byte, error) {
		all := map[string]string{}
		if json.Unmarshal(old, &all) != nil || all == nil {
			all = map[string]string{}
		}
		if old == nil && v.forgotten != nil && v.forgotten() {
			return nil, errForgotten
		}
		if !change(all) {
			return old, nil
		}
		return json.Marshal(all)
	})
}

// secretError says that a volume's secret is not there to be used. It is fs.ErrPermission.
type secretError struct{ volume, what string }

func (e *secretError) Error() string {
	return fmt.Sprintf("the key of volume %s %s: '%s' asks for it again", quote(e.volume), e.what, loginCommand(e.volume))
}

func (*secretError) Unwrap() error { return fs.ErrPermission }

// pocket is a secrets.Store in memory: what a volume is tried out with before it is added.
type pocket struct {
	mu    sync.Mutex
	items map[string][]byte
}

func (p *pocket) Get(name string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v, ok := p.items[name]; ok {
		return v, nil
	}
	return nil, &fs.PathError{Op: "get secret", Path: name, Err: fs.ErrNotExist}
}

func (p *pocket) Set(name string, v []byte) error {
	return p.Update(name, func([]byte) ([]byte, error) { return v, nil })
}

func (p *pocket) Update(name string, change func([]byte) ([]byte, error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, err := change(p.items[name])
	if err != nil {
		return err
	}
	if p.items == nil {
		p.items = map[string][]byte{}
	}
	p.items[name] = v
	return nil
}

func (p *pocket) Delete(name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.items[name]; !ok {
		return &fs.PathError{Op: "delete secret", Path: name, Err: fs.ErrNotExist}
	}
	delete(p.items, name)
	return nil
}
