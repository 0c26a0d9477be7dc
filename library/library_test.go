package library

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func mustOpen(t *testing.T, dataDir, name string) *Library {
	t.Helper()
	l, err := Open(t.Context(), dataDir, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestDefaultLibraryIsMadeAtFirstUse(t *testing.T) {
	data := filepath.Join(t.TempDir(), "deep", "a b?c#%41")
	if list, err := List(data); len(list) != 0 || err != nil {
		t.Errorf("List = %v, %v, want nothing", list, err)
	}
	l := mustOpen(t, data, "")
	if l.Name() != "default" || l.Dir() != filepath.Join(data, "libraries", "default.sdlibrary") {
		t.Errorf("got %q in %s", l.Name(), l.Dir())
	}
	devices, err := l.Devices(t.Context())
	if err != nil || len(devices) != 1 || !reflect.DeepEqual(devices[0], l.ThisDevice()) {
		t.Errorf("Devices = %v, %v, want %v", devices, err, l.ThisDevice())
	}
	l.Close()
	again := mustOpen(t, data, "")
	if got, want := again.ThisDevice(), l.ThisDevice(); got.ID != want.ID || got.Slug != want.Slug {
		t.Errorf("this device = %v, was %v", got, want)
	}
	files, err := migrations.ReadDir("schema")
	if err != nil {
		t.Fatal(err)
	}
	info, err := again.Info(t.Context())
	if err != nil || info.Devices != 1 || info.Schema != len(files) || info.ID == uuid.Nil || time.Since(info.Created) > time.Hour || info.Bytes == 0 {
		t.Errorf("Info = %+v, %v", info, err)
	}
	if err := again.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
}

func TestCreateListSwitch(t *testing.T) {
	ctx, data := t.Context(), t.TempDir()
	for _, name := range []string{"work", "photos", "日本 語"} {
		l, err := Create(ctx, data, name)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	var exists *ExistsError
	if _, err := Create(ctx, data, "work"); !errors.As(err, &exists) {
		t.Errorf("second Create: %v, want an ExistsError", err)
	}
	names := func() (s string) {
		list, err := List(data)
		if err != nil {
			t.Error(err)
		}
		for _, e := range list {
			s += e.Name
			if e.Current {
				s += "*"
			}
			s += " "
		}
		return s
	}
	if got, want := names(), "photos work* 日本 語 "; got != want {
		t.Errorf("libraries are %q, want %q", got, want)
	}
	if err := Switch(ctx, data, "photos"); err != nil {
		t.Error(err)
	}
	if got, want := names(), "photos* work 日本 語 "; got != want {
		t.Errorf("libraries are %q, want %q", got, want)
	}
	if l := mustOpen(t, data, ""); l.Name() != "photos" {
		t.Errorf("opened %q, want photos", l.Name())
	}
	var missing *NotFoundError
	if err := Switch(ctx, data, "nope"); !errors.As(err, &missing) || !strings.Contains(err.Error(), "photos, work") {
		t.Errorf("Switch to nope: %v", err)
	}
	if _, err := Open(ctx, data, "nope"); !errors.As(err, &missing) {
		t.Errorf("Open of nope: %v", err)
	}
}

func TestNamesCannotLeaveTheDirectory(t *testing.T) {
	data := t.TempDir()
	for _, name := range []string{".", "..", "../x", "a/b", `a\b`, "/etc", "-x", ".x", " x", "x ", "a\nb", "a\x00b", "a:b", "\xff", strings.Repeat("x", 101)} {
		var bad *NameError
		if _, err := Create(t.Context(), data, name); !errors.As(err, &bad) {
			t.Errorf("Create(%q): %v, want a NameError", name, err)
		}
		if _, err := Open(t.Context(), data, name); !errors.As(err, &bad) {
			t.Errorf("Open(%q): %v, want a NameError", name, err)
		}
		if err := Switch(t.Context(), data, name); !errors.As(err, &bad) {
			t.Errorf("Switch(%q): %v, want a NameError", name, err)
		}
	}
	if _, err := Create(t.Context(), data, ""); err == nil {
		t.Error("Create of an empty name worked")
	}
	if files, _ := os.ReadDir(data); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

func TestSettings(t *testing.T) {
	l := mustOpen(t, t.TempDir(), "")
	if v, ok, err := l.Setting(t.Context(), "k"); v != "" || ok || err != nil {
		t.Errorf("Setting = %q, %v, %v, want none", v, ok, err)
	}
	for _, want := range []string{"1", "", "x\x00y"} {
		if err := l.SetSetting(t.Context(), "k", want); err != nil {
			t.Error(err)
		}
		if v, ok, err := l.Setting(t.Context(), "k"); v != want || !ok || err != nil {
			t.Errorf("Setting = %q, %v, %v, want %q", v, ok, err, want)
		}
	}
	for range 2 {
		if err := l.RemoveSetting(t.Context(), "k"); err != nil {
			t.Error(err)
		}
		if v, ok, err := l.Setting(t.Context(), "k"); v != "" || ok || err != nil {
			t.Errorf("Setting = %q, %v, %v, want none", v, ok, err)
		}
	}
}

func TestGenerationSeesOtherConnections(t *testing.T) {
	data := t.TempDir()
	l, other := mustOpen(t, data, ""), mustOpen(t, data, "")
	last := int64(-1)
	generation := func() int64 {
		n, err := l.Generation(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if last = generation(); generation() != last {
		t.Error("the generation changes by itself")
	}
	for i, writer := range []*Library{other, l} {
		if err := writer.SetSetting(t.Context(), "k", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		now := generation()
		if now == last {
			t.Error("a commit did not change the generation")
		}
		last = now
	}
}

func TestCancelledContext(t *testing.T) {
	data := t.TempDir()
	l := mustOpen(t, data, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Devices(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Devices: %v, want Canceled", err)
	}
	if err := l.SetSetting(ctx, "k", "v"); !errors.Is(err, context.Canceled) {
		t.Errorf("SetSetting: %v, want Canceled", err)
	}
	if _, err := Open(ctx, data, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v, want Canceled", err)
	}
	if _, err := l.Generation(t.Context()); err != nil {
		t.Errorf("Generation after a cancelled call: %v", err)
	}
}

func TestUseAfterClose(t *testing.T) {
	l := mustOpen(t, t.TempDir(), "")
	for range 2 {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if _, err := l.Volumes(t.Context()); !errors.Is(err, iofs.ErrClosed) {
		t.Errorf("Volumes: %v, want ErrClosed", err)
	}
	if _, err := l.Generation(t.Context()); !errors.Is(err, iofs.ErrClosed) {
		t.Errorf("Generation: %v, want ErrClosed", err)
	}
	if err := l.SetSetting(t.Context(), "k", "v"); !errors.Is(err, iofs.ErrClosed) {
		t.Errorf("SetSetting: %v, want ErrClosed", err)
	}
}
