//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/testserver"
)

// program is sd, run as a user of his own runs it: with a home, a data directory and
// a runtime directory in the workspace, and nothing of the real user's.
type program struct {
	binary string
	work   *workspace
	env    []string
}

// newProgram builds sd, unless binary names one.
func newProgram(ctx context.Context, w *workspace, binary string) (*program, error) {
	home, err := w.data("home")
	if err != nil {
		return nil, err
	}
	p := &program{work: w, env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "SD_DATA_DIR=" + home + "/data", "SD_RUNTIME_DIR=" + home + "/run",
		"TMPDIR=" + os.TempDir(), "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=" + testserver.AccessKey, "AWS_SECRET_ACCESS_KEY=" + testserver.SecretKey,
	}}
	if p.binary = w.path("data", "sd"); binary != "" {
		if p.binary, err = filepath.Abs(binary); err == nil {
			_, err = exec.LookPath(p.binary)
		}
		return p, err
	}
	progress("building sd")
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-trimpath", "-o", p.binary, "./cmd/sd")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build ./cmd/sd: %w\n%s", err, out)
	}
	return p, nil
}

// run runs one command and gives what it printed.
func (p *program) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, p.binary, args...)
	cmd.Env = p.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is ours to pass on
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("sd %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(errOut.Bytes()))
	}
	return out.Bytes(), nil
}

// mount mounts the tree; dir of what it returns is the mountpoint.
func (p *program) mount(ctx context.Context, flags ...string) (*mounted, error) {
	point, err := p.work.mountpoint("sd")
	if err != nil {
		return nil, err
	}
	// Cut short, it might leave a server that mounts later; it gives up by itself.
	out, err := p.run(context.WithoutCancel(ctx), append([]string{"--json", "mount", point}, flags...)...)
	if err != nil {
		return nil, errors.Join(err, p.umount(point))
	}
	var reply struct{ PID int }
	if err := json.Unmarshal(out, &reply); err != nil || reply.PID == 0 {
		return nil, errors.Join(fmt.Errorf("sd mount printed %q", out), p.umount(point))
	}
	m := &mounted{dir: point, pid: reply.PID}
	m.end = func() error {
		err := p.umount(point)
		if waitEnd(m.pid, 10*time.Second) {
			return err
		}
		_ = unix.Kill(m.pid, unix.SIGKILL)
		return errors.Join(err, fmt.Errorf("sd (pid %d) did not end after sd umount and was killed", m.pid))
	}
	return m, nil
}

// umount unmounts by force if asking does not help. It works in a cancelled run too.
func (p *program) umount(point string) error {
	if mountedAt(point) == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := p.run(ctx, "umount", point)
	if mountedAt(point) != "" {
		err = errors.Join(err, unmount(point))
	}
	return err
}

// mountLocal mounts and gives the folder that shows dir.
func (p *program) mountLocal(ctx context.Context, dir string) (*mounted, error) {
	m, err := p.mount(ctx)
	if err != nil {
		return nil, err
	}
	devices, err := os.ReadDir(filepath.Join(m.dir, "local"))
	if err == nil && len(devices) != 1 {
		err = fmt.Errorf("local/ has %d devices, want 1", len(devices))
	}
	if err != nil {
		return nil, errors.Join(err, m.end())
	}
	m.dir = filepath.Join(m.dir, "local", devices[0].Name(), dir)
	return m, nil
}

// addBucket adds a volume that all later mounts show.
func (p *program) addBucket(ctx context.Context, bucket, endpoint string) error {
	_, err := p.run(ctx, "volume", "add-cloud", bucket, "--service", "s3", "--bucket", bucket,
		"--region", testserver.Region, "--endpoint", endpoint)
	return err
}

// status is what of sd status matters here.
type status struct {
	Kernel struct {
		Requests map[string]int64
		Local    struct {
			Passthrough bool
			Why         string
		}
	}
	Volumes []struct {
		URI      string
		Requests map[string]int64
	}
}

// status asks the one mount that there is.
func (p *program) status(ctx context.Context) (status, error) {
	out, err := p.run(ctx, "--json", "status")
	if err != nil {
		return status{}, err
	}
	var all []status
	if err := json.Unmarshal(out, &all); err != nil || len(all) != 1 {
		return status{}, fmt.Errorf("sd status printed %q", out)
	}
	return all[0], nil
}

// kernelRequests counts the requests of the kernel since the mount. Some are sent
// without waiting for them, so it looks until no more come.
func (p *program) kernelRequests(ctx context.Context) (map[string]int64, error) {
	last := map[string]int64(nil)
	for range 50 {
		now, err := p.status(ctx)
		if err != nil {
			return nil, err
		}
		if maps.Equal(now.Kernel.Requests, last) {
			return last, nil
		}
		last = now.Kernel.Requests
	}
	return last, nil
}

// volumeRequests counts the requests to a bucket since the mount, by operation.
func (p *program) volumeRequests(ctx context.Context, bucket string) (map[string]int64, error) {
	now, err := p.status(ctx)
	if err != nil {
		return nil, err
	}
	for _, v := range now.Volumes {
		if v.URI == "s3://"+bucket {
			return v.Requests, nil
		}
	}
	return nil, fmt.Errorf("sd status does not know s3://%s", bucket)
}
