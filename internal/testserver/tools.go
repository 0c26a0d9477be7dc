package testserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Tool finds the program name in $SD_TOOLS, then in .tools/bin of the repository
// that the working directory is in, then in PATH.
func Tool(name string) (string, error) {
	var dirs []string
	if dir := os.Getenv("SD_TOOLS"); dir != "" {
		dirs = append(dirs, dir)
	}
	if root, err := repository(); err == nil {
		dirs = append(dirs, filepath.Join(root, ".tools", "bin"))
	}
	for _, dir := range dirs {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is not installed: run make tools", name)
	}
	return path, nil
}

// repository is the nearest directory upwards that holds a go.mod.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return "", errors.New("not inside a Go module")
	}
}
