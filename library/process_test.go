package library

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain makes the test binary play a second process.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "child" {
		if err := play(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func play(role, arg string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	switch role {
	case "cat":
		f, err := os.Open(arg)
		if err != nil {
			return err
		}
		_, err = io.Copy(os.Stdout, f)
		return err
	case "umask":
		syscall.Umask(0o777)
		l, err := Open(ctx, arg, "")
		if err != nil {
			return err
		}
		defer l.Close()
		if err := l.SetSetting(ctx, "k", "v"); err != nil {
			return err
		}
		return checkModes(arg)
	case "open":
		l, err := Open(ctx, arg, "")
		if err == nil {
			return errors.Join(errors.New("it opened"), l.Close())
		}
		fmt.Println(err)
		if !errors.As(err, new(*AccessError)) {
			return fmt.Errorf("got a %T, want an AccessError", err)
		}
		return nil
	case "add":
		l, err := Open(ctx, arg, "")
		if err != nil {
			return err
		}
		defer l.Close()
		for i := range 10 {
			name := fmt.Sprintf("%d-%d", os.Getpid(), i)
			if err := l.AddVolume(ctx, Volume{Fingerprint: name, Name: name, MountPoint: "s3://" + name, Service: "s3"}); err != nil {
				return err
			}
			err := l.AddVolume(ctx, Volume{Fingerprint: fmt.Sprint("shared", i), Name: fmt.Sprint("shared", i)})
			if err != nil && !errors.As(err, new(*VolumeConflictError)) {
				return err
			}
		}
		fmt.Println(l.ThisDevice().ID)
		return nil
	}
	if role == "facts" {
		return playFacts(ctx, arg)
	}
	return fmt.Errorf("unknown role %q", role)
}

// child runs the role in another process; stop waits for its success.
func child(t *testing.T, role, arg string) (stdout io.Reader, stop func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "child", role, arg)
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return pipe, func() {
		t.Helper()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", role, err)
		}
	}
}

// Many processes meet an empty data directory at once: one library, one device, nothing lost.
func TestManyProcesses(t *testing.T) {
	const processes = 8
	data := filepath.Join(t.TempDir(), "data")
	var (
		pipes [processes]io.Reader
		stops [processes]func()
	)
	for i := range processes {
		pipes[i], stops[i] = child(t, "add", data)
	}
	ids := map[string]bool{}
	for i := range processes {
		line, err := bufio.NewReader(pipes[i]).ReadString('\n')
		if err != nil {
			t.Error(err)
		}
		ids[line] = true
		stops[i]()
	}
	if len(ids) != 1 {
		t.Errorf("the processes were %d devices, want 1", len(ids))
	}
	l := mustOpen(t, data, "")
	if volumes, err := l.Volumes(t.Context()); len(volumes) != processes*10+10 || err != nil {
		t.Errorf("got %d volumes, %v, want %d", len(volumes), err, processes*10+10)
	}
	if devices, err := l.Devices(t.Context()); len(devices) != 1 || err != nil {
		t.Errorf("got devices %v, %v, want one", devices, err)
	}
	if err := l.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(data, "libraries", ".*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Two openings in one process lose no locks to each other.
func TestManyInOneProcess(t *testing.T) {
	data := t.TempDir()
	done := make(chan error)
	for i := range 6 {
		go func() {
			done <- func() error {
				for j := range 4 {
					l, err := Open(t.Context(), data, "")
					if err != nil {
						return err
					}
					if err := l.SetSetting(t.Context(), fmt.Sprint(i, j), "v"); err != nil {
						return err
					}
					if err := l.Close(); err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	for range 6 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	l := mustOpen(t, data, "")
	for i := range 6 {
		for j := range 4 {
			if _, ok, err := l.Setting(t.Context(), fmt.Sprint(i, j)); !ok || err != nil {
				t.Errorf("setting %d %d is lost: %v", i, j, err)
			}
		}
	}
}

func TestPrivateWhateverTheUmask(t *testing.T) {
	data := filepath.Join(t.TempDir(), "a", "b")
	_, stop := child(t, "umask", data)
	stop()
	if err := checkModes(data); err != nil {
		t.Error(err)
	}
	l := mustOpen(t, data, "")
	defer l.Close()
	if err := checkModes(data); err != nil {
		t.Error(err)
	}
}

// A library that a copy has made readable for all becomes private again.
func TestModesAreTightened(t *testing.T) {
	data := t.TempDir()
	os.Chmod(data, 0o700)
	l := mustOpen(t, data, "")
	dir := l.Dir()
	l.Close()
	os.Chmod(dir, 0o755)
	os.Chmod(databasePath(dir), 0o644)
	mustOpen(t, data, "")
	if err := checkModes(data); err != nil {
		t.Error(err)
	}
}

func checkModes(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if got := info.Mode().Perm(); got != want {
			return fmt.Errorf("%s has mode %v, want %v", path, got, want)
		}
		return nil
	})
}

// An ordinary user meets directories that he may not read or write.
func TestWithoutPermission(t *testing.T) {
	base := t.TempDir()
	binary, credential := os.Args[0], (*syscall.Credential)(nil)
	if os.Getuid() == 0 { // whom nothing stops
		credential = &syscall.Credential{Uid: 65534, Gid: 65534}
		binary = filepath.Join(base, "test")
		data, err := os.ReadFile(os.Args[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(binary, data, 0o755); err != nil {
			t.Fatal(err)
		}
		for dir := base; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			os.Chmod(dir, 0o755)
		}
	}
	data := filepath.Join(base, "data")
	l := mustOpen(t, data, "")
	dir := l.Dir()
	l.Close()
	for _, tt := range []struct {
		name string
		mode map[string]os.FileMode
	}{
		{"data directory not to be read", map[string]os.FileMode{data: 0}},
		{"library not to be read", map[string]os.FileMode{data: 0o755, filepath.Dir(dir): 0o755, dir: 0}},
		{"database not to be read", map[string]os.FileMode{data: 0o755, filepath.Dir(dir): 0o755, dir: 0o755, databasePath(dir): 0}},
		{"library not to be written", map[string]os.FileMode{data: 0o755, filepath.Dir(dir): 0o755, dir: 0o555, databasePath(dir): 0o444, filepath.Join(data, "device.json"): 0o644, filepath.Join(data, "current"): 0o644}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for path, mode := range tt.mode {
				if err := os.Chmod(path, mode); err != nil {
					t.Fatal(err)
				}
			}
			defer func() {
				os.Chmod(data, 0o700)
				os.Chmod(filepath.Dir(dir), 0o700)
				os.Chmod(dir, 0o700)
				os.Chmod(databasePath(dir), 0o600)
			}()
			cmd := exec.Command(binary, "child", "open", data)
			cmd.Dir = "/"
			cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--data-dir") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	mustOpen(t, data, "")
}
