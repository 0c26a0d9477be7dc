package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// dataDir is where libraries and the secrets file lie. It may not exist yet.
func (a *app) dataDir() (string, error) {
	for _, dir := range []string{a.dataDirFlag, os.Getenv("SD_DATA_DIR")} {
		if dir != "" {
			return filepath.Abs(dir)
		}
	}
	return homeDir("XDG_DATA_HOME", ".local/share", "--data-dir or SD_DATA_DIR")
}

// stateDir is where logs lie.
func stateDir() (string, error) {
	return homeDir("XDG_STATE_HOME", ".local/state", "XDG_STATE_HOME")
}

// cacheDir is where the disk cache lies unless a flag says otherwise.
func cacheDir() (string, error) {
	return homeDir("XDG_CACHE_HOME", ".cache", "--cache-dir")
}

// homeDir is the folder "sd" in the XDG directory that the variable names, or in
// its default below HOME. An XDG variable that is not absolute counts as unset.
func homeDir(variable, underHome, remedy string) (string, error) {
	if dir := os.Getenv(variable); filepath.IsAbs(dir) {
		return filepath.Join(dir, "sd"), nil
	}
	home := os.Getenv("HOME")
	if !filepath.IsAbs(home) {
		return "", fmt.Errorf("HOME is not set, so there is no place for sd's files: set HOME, or %s", remedy)
	}
	return filepath.Join(home, underHome, "sd"), nil
}

// runtimeDirs are the places where mounts may be registered, the one to use first.
// A mount made in a session that has XDG_RUNTIME_DIR is thus found from one that has
// none, such as a cron job.
func runtimeDirs() []string {
	if dir := os.Getenv("SD_RUNTIME_DIR"); dir != "" {
		return []string{dir}
	}
	var dirs []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		dirs = append(dirs, filepath.Join(dir, "sd"))
	}
	uid := os.Getuid()
	if uid == 0 {
		dirs = append(dirs, "/run/sd")
	}
	dirs = append(dirs, fmt.Sprintf("/run/user/%d/sd", uid), filepath.Join("/tmp", fmt.Sprintf("sd-%d", uid)))
	return dirs
}

// makeRuntimeDir creates the first of runtimeDirs that can be had, for us alone.
func makeRuntimeDir() (string, error) {
	var errs []error
	for _, dir := range runtimeDirs() {
		err := os.Mkdir(dir, 0o700)
		if err != nil && !errors.Is(err, os.ErrExist) {
			errs = append(errs, err)
			continue
		}
		if err := checkPrivate(dir); err != nil {
			errs = append(errs, err)
			continue
		}
		return dir, nil
	}
	return "", fmt.Errorf("no folder for run-time files: %w; set SD_RUNTIME_DIR", errors.Join(errs...))
}

// checkPrivate refuses a folder that another user could have put there.
func checkPrivate(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !ownedByUs(info) {
		return fmt.Errorf("%s must be a folder that only you can read", dir)
	}
	return nil
}
