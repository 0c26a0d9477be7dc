package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// readyVariable marks the process that a background mount starts: it names the file
// descriptor on which the parent waits for one readyReport.
const readyVariable = "SD_READY_FD"

// startTimeout bounds how long a mount may take to be served; it asks no provider.
const startTimeout = 60 * time.Second

// readyReport is what the child tells its parent, once.
type readyReport struct {
	Error      string `json:"error,omitempty"`
	Mountpoint string `json:"mountpoint,omitempty"`
}

// isDaemon says whether this process is the child of a background mount.
func isDaemon() bool { return os.Getenv(readyVariable) != "" }

// startDaemon runs this program again with the same arguments, in a session of its
// own, and returns when it says that the tree is served, or with what went wrong.
func startDaemon(ctx context.Context, arguments []string, logFile *os.File) (pid int, report readyReport, err error) {
	exe, err := os.Executable()
	if err != nil {
		return 0, report, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, report, err
	}
	defer r.Close()
	child := exec.Command(exe, arguments...)
	child.Env = append(os.Environ(), readyVariable+"=3")
	child.Stdout, child.Stderr = logFile, logFile
	child.ExtraFiles = []*os.File{w}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = child.Start()
	w.Close()
	if err != nil {
		return 0, report, err
	}

	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = r.SetReadDeadline(time.Now()) })()
	err = json.NewDecoder(r).Decode(&report)
	switch {
	case err == nil && report.Error == "":
		pid = child.Process.Pid
		return pid, report, child.Process.Release()
	case err == nil:
		_ = child.Wait()
		if strings.Contains(report.Error, "fusermount") {
			report.Error += "; what it said is in " + logFile.Name()
		}
		return 0, report, errors.New(report.Error)
	case ctx.Err() != nil:
		_ = child.Process.Kill()
		_ = child.Wait()
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return 0, report, fmt.Errorf("the mount was not ready within %v; see %s", startTimeout, logFile.Name())
		}
		return 0, report, ctx.Err()
	}
	err = child.Wait()
	return 0, report, fmt.Errorf("the mount process ended unexpectedly (%v); see %s", err, logFile.Name())
}

// reportReady tells whoever waits for this mount: the parent of a background mount,
// or systemd.
func reportReady(report readyReport) {
	if isDaemon() {
		pipe := os.NewFile(3, "ready")
		_ = json.NewEncoder(pipe).Encode(report)
		pipe.Close()
		return
	}
	if socket := os.Getenv("NOTIFY_SOCKET"); socket != "" && report.Error == "" {
		if conn, err := net.Dial("unixgram", socket); err == nil {
			_, _ = io.WriteString(conn, "READY=1\n")
			conn.Close()
		}
	}
}

// maxLog is the size in bytes above which a log is put aside when a mount starts.
const maxLog = 4 << 20

// logPath is where the mount at mountpoint logs when it is in the background.
func logPath(mountpoint string) (string, error) {
	dir, err := stateDir()
	if err != nil {
		return "", err
	}
	name := strings.ReplaceAll(strings.Trim(mountpoint, "/"), "/", "-")
	return filepath.Join(dir, "mount-"+name+".log"), nil
}

// openLog opens that log to append to.
func openLog(mountpoint string) (*os.File, error) {
	name, err := logPath(mountpoint)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, err
	}
	if info, err := os.Stat(name); err == nil && info.Size() > maxLog {
		if err := os.Rename(name, name+".old"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
}
