package secrets

import (
	"bytes"
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zalando/go-keyring"
)

const hunter = "hunter2-wJalrXUtnFEMI"

// memory is a keyring that works.
type memory struct {
	mu    sync.Mutex
	items map[string]string
}

func (m *memory) ring() *ring {
	return &ring{
		patience: time.Minute,
		get: func(service, account string) (string, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			if v, ok := m.items[service+" "+account]; ok {
				return v, nil
			}
			return "", keyring.ErrNotFound
		},
		set: func(service, account, value string) error {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.items[service+" "+account] = value
			return nil
		},
		del: func(service, account string) error {
			m.mu.Lock()
			defer m.mu.Unlock()
			if _, ok := m.items[service+" "+account]; !ok {
				return keyring.ErrNotFound
			}
			delete(m.items, service+" "+account)
			return nil
		},
	}
}

func broken(err error) *ring {
	return &ring{
		patience: time.Minute,
		get:      func(string, string) (string, error) { return "", err },
		set:      func(string, string, string) error { return err },
		del:      func(string, string) error { return err },
	}
}

func hanging(t *testing.T) *ring {
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	return &ring{
		patience: time.Millisecond,
		get:      func(string, string) (string, error) { <-end; return "", nil },
		set:      func(string, string, string) error { <-end; return nil },
		del:      func(string, string) error { <-end; return nil },
	}
}

func TestStores(t *testing.T) {
	forgetful := (&memory{items: map[string]string{}}).ring()
	forgetful.set = func(string, string, string) error { return nil }
	for name, ring := range map[string]*ring{
		"no keyring": nil, "keyring": (&memory{items: map[string]string{}}).ring(), "hanging keyring": hanging(t), "forgetful keyring": forgetful,
		"broken keyring": broken(errors.New(`exec: "dbus-launch": executable file not found in $PATH`)),
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			s := &store{dir: filepath.Join(dir, "secrets"), ring: ring}
			if _, err := s.Get("a"); !errors.Is(err, iofs.ErrNotExist) {
				t.Errorf("Get of nothing: %v, want ErrNotExist", err)
			}
			if err := s.Delete("a"); !errors.Is(err, iofs.ErrNotExist) {
				t.Errorf("Delete of nothing: %v, want ErrNotExist", err)
			}
			if err := s.Set("", []byte(hunter)); err == nil {
				t.Error("a secret without a name was taken")
			}
			long := strings.Repeat("../x\x00", 1000)
			for _, v := range []string{hunter, "", "\x00\xff", strings.Repeat("x", 100000)} {
				for _, name := range []string{"a", "volume/f00", long} {
					if err := s.Set(name, []byte(v)); err != nil {
						t.Fatal(err)
					}
					if got, err := s.Get(name); string(got) != v || err != nil {
						t.Errorf("Get(%.20q) = %.20q, %v, want %.20q", name, got, err, v)
					}
					again := &store{dir: s.dir, ring: ring}
					if got, err := again.Get(name); string(got) != v || err != nil {
						t.Errorf("Get(%.20q) after reopening = %.20q, %v, want %.20q", name, got, err, v)
					}
				}
			}
			if err := s.Set("a", []byte(hunter)); err != nil {
				t.Fatal(err)
			}
			checkFiles(t, dir)
			if err := s.Delete("a"); err != nil {
				t.Error(err)
			}
			if _, err := s.Get("a"); !errors.Is(err, iofs.ErrNotExist) {
				t.Errorf("Get after Delete: %v, want ErrNotExist", err)
			}
			if got, err := s.Get(long); len(got) != 100000 || err != nil {
				t.Errorf("another secret is gone too: %v", err)
			}
			for _, text := range []string{fmt.Sprintf("%v %+v %#v", s, s, *s), slogText(s)} {
				if strings.Contains(text, hunter) || strings.Contains(text, "AGE-SECRET-KEY") {
					t.Errorf("printed: %s", text)
				}
			}
		})
	}
}

func slogText(v any) string {
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
	return b.String()
}

// checkFiles looks for secrets in the clear and for files that others can read.
func checkFiles(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "secrets"), func(path string, d iofs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := iofs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		if data, _ := os.ReadFile(path); bytes.Contains(data, []byte(hunter)) || strings.HasPrefix(d.Name(), ".new") {
			t.Errorf("%s should not be there: %q", path, data)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestPrivateWhateverTheUmask(t *testing.T) {
	dir := t.TempDir()
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	s := &store{dir: filepath.Join(dir, "secrets")}
	if err := s.Set("a", []byte(hunter)); err != nil {
		t.Fatal(err)
	}
	checkFiles(t, dir)
	os.Chmod(s.keyPath(), 0o644)
	if _, err := s.Get("a"); err != nil {
		t.Error(err)
	}
	checkFiles(t, dir)
}

// The place is remembered: the keyring may come and go.
func TestTheKeyringComesAndGoes(t *testing.T) {
	m := &memory{items: map[string]string{}}
	dir := filepath.Join(t.TempDir(), "secrets")
	with, without := &store{dir: dir, ring: m.ring()}, &store{dir: dir}
	if err := without.Set("a", []byte("in a file")); err != nil {
		t.Fatal(err)
	}
	if got, err := with.Get("a"); string(got) != "in a file" || err != nil {
		t.Errorf("Get = %q, %v", got, err)
	}
	if err := with.Set("a", []byte("in the keyring")); err != nil || len(m.items) != 1 {
		t.Fatalf("Set: %v; the keyring has %d items, want 1", err, len(m.items))
	}
	if got, err := with.Get("a"); string(got) != "in the keyring" || err != nil {
		t.Errorf("Get = %q, %v", got, err)
	}
	var locked *KeyringError
	for _, s := range []*store{without, {dir: dir, ring: hanging(t)}, {dir: dir, ring: broken(errors.New("locked"))}} {
		if got, err := s.Get("a"); !errors.As(err, &locked) || !strings.Contains(err.Error(), "sd volume login") {
			t.Errorf("Get = %q, %v, want a KeyringError", got, err)
		}
		if err := s.Delete("a"); !errors.As(err, &locked) {
			t.Errorf("Delete: %v, want a KeyringError", err)
		}
	}
	// Another data directory of the same user is not in the way.
	other := &store{dir: filepath.Join(t.TempDir(), "secrets"), ring: with.ring}
	if err := other.Set("a", []byte("another")); err != nil || len(m.items) != 2 {
		t.Errorf("Set: %v; the keyring has %d items, want 2", err, len(m.items))
	}
	if err := other.Delete("a"); err != nil {
		t.Error(err)
	}
	os.Remove(with.path("a"))
	if got, err := with.Get("a"); string(got) != "in the keyring" || err != nil {
		t.Errorf("without its file: Get = %q, %v", got, err)
	}
	if err := without.Set("a", []byte("in a file again")); err != nil {
		t.Fatal(err)
	}
	if got, err := with.Get("a"); string(got) != "in a file again" || err != nil {
		t.Errorf("Get = %q, %v", got, err)
	}
}

func TestDamagedFiles(t *testing.T) {
	s := &store{dir: filepath.Join(t.TempDir(), "secrets")}
	for _, name := range []string{"a", "b"} {
		if err := s.Set(name, []byte(hunter)); err != nil {
			t.Fatal(err)
		}
	}
	sound, _ := os.ReadFile(s.path("a"))
	other, _ := os.ReadFile(s.path("b"))
	flipped := bytes.Clone(sound)
	flipped[len(flipped)-1] ^= 1
	check := func(what string) {
		t.Helper()
		var damaged *DamagedError
		v, err := s.Get("a")
		if !errors.As(err, &damaged) || !strings.Contains(err.Error(), "sd volume login") || strings.Contains(err.Error(), hunter) {
			t.Errorf("%s: Get = %q, %v, want a DamagedError", what, v, err)
		}
	}
	for what, content := range map[string][]byte{
		"empty": {}, "garbage": []byte("garbage"), "cut": sound[:len(sound)/2], "cut by one": sound[:len(sound)-1], "flipped": flipped, "another's": other, "longer": append(bytes.Clone(sound), 0),
	} {
		os.WriteFile(s.path("a"), content, 0o600)
		check(what)
	}
	os.WriteFile(s.path("a"), sound, 0o600)
	identity, _ := os.ReadFile(s.keyPath())
	for what, content := range map[string][]byte{"empty key": {}, "garbage key": identity[:20], "two keys": append(bytes.Clone(identity), identity...)} {
		os.WriteFile(s.keyPath(), content, 0o600)
		check(what)
		_, gerr := s.Get("a")
		for _, err := range []error{gerr, s.Set("c", []byte(hunter)), s.Update("a", func([]byte) ([]byte, error) { return []byte("x"), nil })} {
			if !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), "remove "+s.keyPath()) || strings.Contains(err.Error(), string(identity[:20])) {
				t.Errorf("%s: %v, want an error that says which file to remove, without the key", what, err)
			}
		}
	}
	os.Remove(s.keyPath())
	check("no key")
	if err := s.Set("c", []byte(hunter)); err != nil { // makes a new key
		t.Error(err)
	}
	check("another key")
	if err := s.Set("a", []byte(hunter)); err != nil {
		t.Error(err)
	}
	if v, err := s.Get("a"); string(v) != hunter || err != nil {
		t.Errorf("after setting it again: Get = %q, %v", v, err)
	}
}

// Stores that come at once make one key.
func TestConcurrentFirstUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if err := (&store{dir: dir}).Set(fmt.Sprint(i), []byte(hunter)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range 16 {
		if v, err := (&store{dir: dir}).Get(fmt.Sprint(i)); string(v) != hunter || err != nil {
			t.Errorf("secret %d = %q, %v", i, v, err)
		}
	}
}

func TestHaveKeyring(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "")
	for address, want := range map[string]bool{"": false, "autolaunch:": false, "unix:path=/nowhere": true} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
		if got := haveKeyring(); got != want {
			t.Errorf("with the bus %q haveKeyring = %v, want %v", address, got, want)
		}
	}
	// A bus that is not there is no keyring.
	s := Open(t.TempDir())
	if err := s.Set("a", []byte(hunter)); err != nil {
		t.Error(err)
	}
	if v, err := s.Get("a"); string(v) != hunter || err != nil {
		t.Errorf("Get = %q, %v", v, err)
	}
}

// TestUpdate changes one secret from many places at once, and loses none of the changes.
func TestUpdate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s := &store{dir: dir} // as another process would
			for range 4 {
				if err := s.Update("a", func(old []byte) ([]byte, error) { return append(old, 'x'), nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	s := &store{dir: dir}
	if v, err := s.Get("a"); string(v) != strings.Repeat("x", 32) || err != nil {
		t.Errorf("got %q, %v, want 32 times x", v, err)
	}
	stop := errors.New("stop")
	if err := s.Update("a", func([]byte) ([]byte, error) { return []byte("y"), stop }); err != stop {
		t.Errorf("got %v, want the error of change", err)
	}
	os.WriteFile(s.path("a"), []byte("garbage"), 0o600)
	err := s.Update("a", func(old []byte) ([]byte, error) {
		if old != nil {
			t.Errorf("a damaged secret is given as %q", old)
		}
		return []byte("new"), nil
	})
	if v, _ := s.Get("a"); string(v) != "new" || err != nil {
		t.Errorf("got %q, %v, want new", v, err)
	}
	locked := &store{dir: dir, ring: broken(errors.New("locked"))}
	os.WriteFile(s.path("a"), inKeyring, 0o600)
	err = locked.Update("a", func([]byte) ([]byte, error) { t.Error("asked without the old secret"); return nil, nil })
	if !errors.As(err, new(*KeyringError)) {
		t.Errorf("got %v, want a KeyringError: the other secrets in it would be lost", err)
	}
	// Who has all of them gives them anew.
	if err := locked.Set("a", []byte("all")); err != nil {
		t.Error(err)
	}
	if v, err := locked.Get("a"); string(v) != "all" || err != nil {
		t.Errorf("got %q, %v, want all", v, err)
	}
}
