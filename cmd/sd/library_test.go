package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLibraries(t *testing.T) {
	s := newSandbox(t)
	s.must("library", "info").want(t, 0, "default", "")
	s.must("library", "create", "work").want(t, 0, "work", "")
	s.run("library", "create", "work").want(t, 1, "", "exists already")

	var list []struct {
		Name    string
		Current bool
	}
	current := func() (name string, count int) {
		s.decode(&list, "library", "list")
		for _, l := range list {
			if l.Current {
				name = l.Name
			}
		}
		return name, len(list)
	}
	if name, count := current(); name != "default" || count != 2 {
		t.Errorf("got %d libraries, %q in use; want 2, default", count, name)
	}
	s.must("library", "switch", "work").want(t, 0, "work", "")
	if name, _ := current(); name != "work" {
		t.Errorf("after the switch %q is in use", name)
	}

	var info struct {
		Name    string
		Path    string
		Devices int
	}
	s.decode(&info, "library", "info")
	if info.Name != "work" || info.Devices != 1 {
		t.Errorf("got %+v", info)
	}
	s.decode(&info, "--library", "default", "library", "info")
	if info.Name != "default" {
		t.Errorf("--library default gave %+v", info)
	}
	if want := filepath.Join(s.home, ".local/share/sd"); !isBelow(info.Path, want) {
		t.Errorf("the library is in %s, want it below %s", info.Path, want)
	}
}

// TestDataDirs checks who decides where the data lies.
func TestDataDirs(t *testing.T) {
	s := newSandbox(t)
	flag, variable, xdg := t.TempDir(), t.TempDir(), t.TempDir()
	env := []string{"XDG_DATA_HOME=" + xdg}
	s.runWith("", env, "library", "info").want(t, 0, filepath.Join(xdg, "sd"), "")
	env = append(env, "SD_DATA_DIR="+variable)
	s.runWith("", env, "library", "info").want(t, 0, variable, "")
	s.runWith("", env, "library", "info", "--data-dir", flag).want(t, 0, flag, "")
	if _, err := os.Stat(filepath.Join(s.home, ".local/share/sd")); !os.IsNotExist(err) {
		t.Errorf("the default data directory was made too: %v", err)
	}
}

func TestDevices(t *testing.T) {
	s := newSandbox(t)
	var devices []deviceRow
	s.decode(&devices, "device", "list")
	if len(devices) != 1 || !devices[0].This || devices[0].Slug == "" {
		t.Fatalf("got %+v, want this device", devices)
	}
	s.must("device", "rename", "Jamie's MacBook Pro").want(t, 0, "local/jamies-macbook-pro", "")
	s.must("path", "/etc/hosts").want(t, 0, "local://jamies-macbook-pro/etc/hosts\n", "")
	s.must("device", "rename", "jamies-macbook-pro", "Home Server 2024").want(t, 0, "home-server-2024", "")
	s.decode(&devices, "device", "list")
	if devices[0].Name != "Home Server 2024" || devices[0].URI != "local://home-server-2024/" {
		t.Errorf("got %+v", devices[0])
	}
	s.must("path", "local://"+devices[0].ID.String()+"/etc").want(t, 0, "local/home-server-2024/etc\n", "")
	s.run("device", "rename", "!!!").want(t, 1, "", "!!!")
	s.must("device", "list").want(t, 0, "home-server-2024", "")
}

func isBelow(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}
