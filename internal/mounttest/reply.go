package mounttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"sd/sdpath"
	"sd/staging"
)

// reply answers one command of the test.
func (s *served) reply(ctx context.Context, line string) error {
	command, rest, _ := strings.Cut(line, " ")
	switch command {
	case "usage":
		return answer(usage())
	case "goroutines":
		return answer(stacks())
	case "status":
		return answer(s.fs.Status())
	case "pending":
		list := []staging.Pending{}
		if s.staging != nil {
			list = append(list, s.staging.Pending()...)
		}
		return answer(list)
	case "drain":
		limit, err := time.ParseDuration(rest)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return answer(text(s.drain(ctx)))
	case "changes":
		return answer(s.hooks.take())
	case "searches":
		s.hooks.mu.Lock()
		defer s.hooks.mu.Unlock()
		return answer(s.hooks.searches)
	case "refresh":
		return answer(text(s.fs.Refresh(ctx, rest)))
	case "settle":
		volume, name, err := s.inVolume(rest)
		if err != nil {
			return err
		}
		return answer(text(s.fs.Settle(ctx, volume, name)))
	case "behind":
		return answer(new(behind).do(ctx, rest))
	case "replace":
		done := s.fs.Heed()
		defer done()
		return answer(text(os.Rename(rest+".new", rest)))
	case "remove":
		if _, err := s.resolver.Remove(ctx, rest); err != nil {
			return answer(text(err))
		}
		return answer(text(s.fs.Reload(ctx)))
	case "changed":
		return answer(text(s.changed(ctx, rest)))
	}
	return fmt.Errorf("no such command: %s", line)
}

// drain waits until nothing is left to do at the providers.
func (s *served) drain(ctx context.Context) error {
	if s.staging == nil {
		return nil
	}
	select {
	case <-s.recovered:
	case <-ctx.Done():
	}
	err := errors.Join(s.staging.Drain(ctx), s.fs.Carry(ctx))
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for len(s.renames.Pending()) > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(err, fmt.Errorf("renames are left: %+v", s.renames.Pending()))
		}
	}
	return err
}

// inVolume reads "BUCKET/NAME" or a URI: the volume's fingerprint, and a name in it.
func (s *served) inVolume(path string) (volume, name string, err error) {
	bucket, name, _ := strings.Cut(path, "/")
	service := sdpath.S3
	if p, err := sdpath.Parse(path); err == nil {
		if cloud, ok := p.(sdpath.Cloud); ok {
			service, bucket, name = cloud.Service, cloud.Identifier, cloud.Path
		}
	}
	v, err := s.resolver.FindCloudVolume(service, bucket)
	if err != nil {
		return "", "", err
	}
	return v.Fingerprint, name, nil
}

// changed asks the provider for a name, round the mount, and tells the mount what is there.
func (s *served) changed(ctx context.Context, path string) error {
	volume, name, err := s.inVolume(path)
	if err != nil {
		return err
	}
	b, err := s.backend(ctx, volume)
	if err != nil {
		return err
	}
	e, err := b.Stat(ctx, name)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		s.fs.Changed(volume, name, nil)
	case err != nil:
		return err
	default:
		s.fs.Changed(volume, name, &e)
	}
	return nil
}

// usage is the child's half of Mount.Usage.
func usage() Usage {
	runtime.GC()
	u := Usage{Goroutines: runtime.NumGoroutine()}
	if list, err := os.ReadDir("/proc/self/fd"); err == nil {
		u.Descriptors = len(list) - 1 // that of the folder itself
	}
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64); err == nil {
			u.RSS = pages * int64(os.Getpagesize())
		}
	}
	return u
}

func stacks() string {
	buf := make([]byte, 1<<19)
	return string(buf[:runtime.Stack(buf, true)])
}

// answer writes one line of JSON.
func answer(what any) error {
	var line bytes.Buffer
	if err := json.NewEncoder(&line).Encode(what); err != nil {
		return err
	}
	_, err := os.Stdout.Write(line.Bytes())
	return err
}

// text is an error as an answer: "" is none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
