package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// mountInfo is what a mount tells of itself to every other command of its user: a
// small file in the runtime directory, next to the socket that it answers on.
type mountInfo struct {
	Mountpoint string    `json:"mountpoint"`
	PID        int       `json:"pid"`
	Started    time.Time `json:"started"`
	DataDir    string    `json:"data_dir"`
	Library    string    `json:"library"`
	ReadOnly   bool      `json:"read_only"`
	Version    string    `json:"version"`
	Log        string    `json:"log,omitempty"`
	Metrics    string    `json:"metrics,omitempty"`  // the URL of the endpoint
	NoIndex    bool      `json:"no_index,omitempty"` // runs no jobs either

	socket string
}

// register announces info in dir and listens for questions about it. The caller
// closes the listener and calls unregister.
func register(dir string, info *mountInfo) (net.Listener, error) {
	sum := sha256.Sum256([]byte(info.Mountpoint))
	base := filepath.Join(dir, hex.EncodeToString(sum[:8]))
	info.socket = base + ".sock"
	if len(info.socket) > 100 {
		return nil, fmt.Errorf("%s is too long a path for a socket: set SD_RUNTIME_DIR to a shorter folder", dir)
	}
	if err := os.Remove(info.socket); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	l, err := net.Listen("unix", info.socket)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(info)
	if err == nil {
		err = os.WriteFile(base+".tmp", text, 0o600)
	}
	if err == nil {
		err = os.Rename(base+".tmp", base+".json")
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// unregister takes info back. Another mount that has taken its place stays.
func unregister(info *mountInfo) {
	file := strings.TrimSuffix(info.socket, ".sock") + ".json"
	if now, err := readMountInfo(file); err == nil && now.PID == info.PID {
		os.Remove(file)
		os.Remove(info.socket)
	}
}

func readMountInfo(file string) (*mountInfo, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	info := new(mountInfo)
	if err := json.Unmarshal(text, info); err != nil {
		return nil, err
	}
	info.socket = strings.TrimSuffix(file, ".json") + ".sock"
	return info, nil
}

// liveMounts lists the mounts of this user whose process still listens, by mountpoint.
// What dead ones have left behind is removed.
func liveMounts(ctx context.Context) []*mountInfo {
	var live []*mountInfo
	for _, dir := range runtimeDirs() {
		if checkPrivate(dir) != nil {
			continue
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
		for _, file := range files {
			info, err := readMountInfo(file)
			if err != nil {
				continue
			}
			conn, err := (&net.Dialer{Timeout: controlTimeout}).DialContext(ctx, "unix", info.socket)
			if err != nil {
				if ctx.Err() == nil {
					unregister(info)
				}
				continue
			}
			conn.Close()
			live = append(live, info)
		}
	}
	sort.Slice(live, func(i, j int) bool { return live[i].Mountpoint < live[j].Mountpoint })
	return live
}

// mountAt is the live mount at exactly this path, or nil.
func mountAt(ctx context.Context, mountpoint string) *mountInfo {
	for _, m := range liveMounts(ctx) {
		if m.Mountpoint == mountpoint {
			return m
		}
	}
	return nil
}

// mountOver is the live mount that path lies in, with the path below it.
func mountOver(ctx context.Context, path string) (m *mountInfo, rel string) {
	for _, live := range liveMounts(ctx) {
		below, ok := strings.CutPrefix(path, strings.TrimSuffix(live.Mountpoint, "/")+"/")
		if path == live.Mountpoint {
			below, ok = "", true
		}
		if ok && (m == nil || len(live.Mountpoint) > len(m.Mountpoint)) {
			m, rel = live, below
		}
	}
	return m, rel
}
