//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// appendBytes adds a little to the end of a large file.
func (d *distance) appendBytes(more *grid) workload {
	size := pick(d.bench, int64(100<<20), int64(20<<20))
	took := more.measure(fmt.Sprintf("append 1 KiB to %d MiB until durable, s", size>>20), "", nil)
	sent := more.measure("KiB sent for it", "", nil)
	fetched := more.measure("KiB fetched for it", "", nil)
	line := bytes.Repeat([]byte("0123456789abcde\n"), 64)
	return workload{
		name: "append", bucket: changeBucket, rows: []*row{took, sent, fetched},
		prepare: func(ctx context.Context, s *site) error {
			if err := s.empty(); err != nil {
				return err
			}
			return s.server.Put(ctx, s.bucket, largeName, newBlocks(size), size, nil)
		},
		measure: func(ctx context.Context, s *site, c contender, m *mounted) error {
			if err := rest(ctx, s); err != nil {
				return err
			}
			o, err := within(ctx, m, d.limit(), func(ctx context.Context, _ *atomic.Int64) error {
				f, err := os.OpenFile(filepath.Join(m.dir, largeName), os.O_WRONLY|os.O_APPEND, 0)
				if err != nil {
					return err
				}
				defer f.Close()
				if _, err := f.Write(line); err != nil {
					return err
				}
				if err := f.Close(); err != nil {
					return err
				}
				return s.durable(ctx, 1, size+int64(len(line)), func(int) string { return largeName })
			})
			if err != nil {
				return err
			}
			took.add(c.name, o.took.Seconds())
			sent.add(c.name, float64(s.meter.up.Load())/1024)
			fetched.add(c.name, float64(s.meter.down.Load())/1024)
			if o.cut {
				for _, r := range []*row{took, sent, fetched} {
					r.mark(c.name)
				}
				return nil
			}
			return s.compareAppended(ctx, size, line)
		},
	}
}

// compareAppended looks at the bytes of the longer file at the server.
func (s *site) compareAppended(ctx context.Context, size int64, line []byte) error {
	if err := eachBlock(ctx, s.path(largeName), size, func(uint64) {}); err != nil {
		return err
	}
	f, err := os.Open(s.path(largeName))
	if err != nil {
		return err
	}
	defer f.Close()
	tail := make([]byte, len(line))
	if _, err := f.ReadAt(tail, size); err != nil {
		return err
	}
	if !bytes.Equal(tail, line) {
		return fmt.Errorf("the server has other bytes at the end than were appended")
	}
	return nil
}

// renameFolder renames a folder of many objects.
func (d *distance) renameFolder(more *grid) workload {
	n := pick(d.bench, 1000, 100)
	took := more.measure(fmt.Sprintf("rename a folder of %s objects, s", figure(float64(n))), "", nil)
	asked := more.measure("requests of this rename", "", nil)
	return workload{
		name: "rename", bucket: changeBucket, rows: []*row{took, asked},
		prepare: func(ctx context.Context, s *site) error {
			if err := s.empty(); err != nil {
				return err
			}
			return s.server.Fill(ctx, s.bucket, n, func(i int) (string, []byte) { return "old/" + smallName(i), smallContent(i)[:1024] })
		},
		measure: func(ctx context.Context, s *site, c contender, m *mounted) error {
			if err := rest(ctx, s); err != nil {
				return err
			}
			o, err := within(ctx, m, d.limit(), func(context.Context, *atomic.Int64) error {
				return os.Rename(filepath.Join(m.dir, "old"), filepath.Join(m.dir, "new"))
			})
			if err != nil {
				return err
			}
			took.add(c.name, o.took.Seconds())
			asked.add(c.name, float64(s.faults.Count("")))
			if o.cut {
				took.mark(c.name)
				asked.mark(c.name)
				return nil
			}
			return s.compareRenamed(n)
		},
	}
}

// compareRenamed looks whether the server has all objects in their new place alone.
func (s *site) compareRenamed(n int) error {
	for i := range n {
		if !s.whole("new/"+smallName(i), 1024) {
			return fmt.Errorf("the server does not have new/%s", smallName(i))
		}
	}
	if left, _ := filepath.Glob(s.path("old/small-*")); len(left) > 0 {
		return fmt.Errorf("the server still has %d objects in their old place", len(left))
	}
	return nil
}

// unpack unpacks an archive of small files.
func (d *distance) unpack(more *grid) workload {
	files, folders := pick(d.bench, 500, 60), pick(d.bench, 20, 4)
	rate := more.measure(fmt.Sprintf("tar -x of %d files of 4 KiB in %d folders until durable, files/s", files, folders), "", nil)
	asked := more.measure("requests for each of these files", "", nil)
	key := func(i int) string { return fmt.Sprintf("folder-%02d/%s", i%folders, smallName(i)) }
	return workload{
		name: "tar", bucket: changeBucket, rows: []*row{rate, asked}, prepare: emptySite,
		measure: func(ctx context.Context, s *site, c contender, m *mounted) error {
			archive := d.work.path("data", "small.tar")
			if err := packSmall(archive, files, folders, key); err != nil {
				return err
			}
			if err := rest(ctx, s); err != nil {
				return err
			}
			o, err := within(ctx, m, d.limit(), func(ctx context.Context, _ *atomic.Int64) error {
				if err := command(ctx, "tar", "-x", "-f", archive, "-C", m.dir); err != nil {
					return err
				}
				return s.durable(ctx, files, 4096, key)
			})
			if err != nil {
				return err
			}
			for o.n = 0; o.n < int64(files) && s.whole(key(int(o.n)), 4096); o.n++ {
			}
			rate.add(c.name, o.rate())
			if asked.add(c.name, float64(s.faults.Count(""))/float64(max(1, o.n))); o.cut {
				rate.mark(c.name)
				asked.mark(c.name)
			}
			return nil
		},
	}
}

// packSmall makes an archive of small files, folder by folder.
func packSmall(name string, files, folders int, key func(i int) string) error {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for folder := range folders {
		h := &tar.Header{Typeflag: tar.TypeDir, Name: filepath.Dir(key(folder)) + "/", Mode: 0o755}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
	}
	for i := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: key(i), Mode: 0o644, Size: 4096}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := w.Write(smallContent(i)[:4096]); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o600)
}

// command runs a program that must succeed.
func command(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// clone clones a small git repository.
func (d *distance) clone(more *grid) workload {
	files := pick(d.bench, 60, 20)
	took := more.measure(fmt.Sprintf("git clone of %d files, s", files), "", nil)
	asked := more.measure("requests of this clone", "", nil)
	return workload{
		name: "clone", bucket: changeBucket, rows: []*row{took, asked}, prepare: emptySite,
		measure: func(ctx context.Context, s *site, c contender, m *mounted) error {
			repository, err := d.makeRepository(ctx, files)
			if err != nil {
				return err
			}
			if err := rest(ctx, s); err != nil {
				return err
			}
			into := filepath.Join(m.dir, "clone")
			o, err := within(ctx, m, 3*d.limit(), func(ctx context.Context, _ *atomic.Int64) error {
				return command(ctx, "git", "clone", "-q", "file://"+repository, into)
			})
			if err != nil {
				return err
			}
			took.add(c.name, o.took.Seconds())
			if asked.add(c.name, float64(s.faults.Count(""))); o.cut {
				took.mark(c.name)
				asked.mark(c.name)
				return nil
			}
			_, err = within(ctx, m, 3*d.limit(), func(ctx context.Context, _ *atomic.Int64) error {
				return command(ctx, "git", "-c", "safe.directory=*", "-C", into, "diff", "--quiet", "HEAD")
			})
			return err
		},
	}
}

// makeRepository makes a repository with some history, once.
func (d *distance) makeRepository(ctx context.Context, files int) (string, error) {
	dir := d.work.path("data", "repository")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := command(ctx, "git", "init", "-q", dir); err != nil {
		return "", err
	}
	for commit := range 3 {
		for i := commit; i < files; i += 3 {
			name := filepath.Join(dir, fmt.Sprintf("folder-%d", i%5), smallName(i))
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				return "", err
			}
			if err := os.WriteFile(name, smallContent(i)[:2048], 0o600); err != nil {
				return "", err
			}
		}
		if err := command(ctx, "git", "-C", dir, "add", "."); err != nil {
			return "", err
		}
		err := command(ctx, "git", "-C", dir, "-c", "user.name=bench", "-c", "user.email=bench@example.org", "commit", "-q", "-m", fmt.Sprint("part ", commit))
		if err != nil {
			return "", err
		}
	}
	return dir, nil
}
