package mounttest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"sd/backends"
	"sd/backends/s3"
	"sd/cache"
	"sd/fs"
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
)

// Main is to be called from TestMain: it runs the tests, or serves a mount where
// Start has run the binary once more. It ends the process.
func Main(m *testing.M) {
	text := os.Getenv(configEnv)
	if text == "" {
		os.Exit(m.Run())
	}
	var cfg childConfig
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		panic(err)
	}
	if err := serve(cfg); err != nil {
		fmt.Fprintln(os.Stderr, "mounttest:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve mounts, answers commands, and unmounts when they end.
func serve(cfg childConfig) error {
	ctx := context.Background()
	if cfg.Debug {
		slog.SetLogLoggerLevel(slog.LevelDebug)
	}
	lib, err := library.Open(ctx, cfg.Data, "")
	if err != nil {
		return err
	}
	defer lib.Close()
	if this := lib.ThisDevice(); this.Slug != Device {
		if _, err := lib.RenameDevice(ctx, this.ID, "This device"); err != nil {
			return err
		}
	}
	for _, name := range cfg.Devices {
		if _, err := lib.AddDevice(ctx, library.Device{ID: uuid.New(), Name: name}); err != nil {
			return err
		}
	}
	r, err := resolver.New(lib, map[sdpath.Service]resolver.Factory{sdpath.S3: cfg.open})
	if err != nil {
		return err
	}
	defer r.Close()
	for _, v := range cfg.Volumes {
		c := resolver.CloudVolume{Service: sdpath.S3, Identifier: v.Bucket, Config: map[string]string{"endpoint": v.Endpoint}}
		if _, err := r.AddCloud(ctx, c); err != nil {
			return err
		}
	}
	blocks, err := cache.New(cache.Config{MaxBytes: cfg.CacheBytes})
	if err != nil {
		return err
	}
	defer blocks.Close()
	w, err := openWriting(ctx, cfg, r)
	if err != nil {
		return err
	}
	defer w.close()
	s, err := fs.Mount(fs.Config{
		Resolver: r, Cache: blocks, Mountpoint: cfg.Dir, ReadOnly: cfg.ReadOnly, AllowOther: cfg.AllowOther,
		MetadataTTL: cfg.MetadataTTL, Debug: cfg.Debug,
		Staging: w.staging, Renames: w.renames, Facts: lib, OverlayDir: filepath.Join(cfg.Data, "overlay"),
	})
	if err != nil {
		return err
	}
	if err := w.start(ctx, s); err != nil {
		return err
	}
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if err := reply(in.Text(), s); err != nil {
			return err
		}
	}
	return s.Unmount()
}

// reply answers one command of the test.
func reply(line string, s *fs.Server) error {
	command, _, _ := strings.Cut(line, " ")
	switch command {
	case "usage":
		return answer(usage())
	case "goroutines":
		return answer(stacks())
	case "status":
		return answer(s.Status())
	}
	return fmt.Errorf("no such command: %s", line)
}

// open is the resolver's factory for the volumes of cfg.
func (cfg childConfig) open(_ context.Context, lv library.Volume) (backends.Backend, error) {
	for _, v := range cfg.Volumes {
		if v.Bucket != lv.Identifier || v.Endpoint != lv.Config["endpoint"] {
			continue
		}
		c := s3.Config{
			Bucket: v.Bucket, Endpoint: v.Endpoint, Region: "us-east-1", Anonymous: v.AccessKey == "", AccessKeyID: v.AccessKey,
			Patience: v.Patience, Stall: v.Stall, ProbeEvery: v.Probing, PageSize: v.PageSize,
		}
		if v.AccessKey != "" {
			c.Secret = func() (string, string, error) { return v.SecretKey, "", nil }
		}
		return s3.New(c)
	}
	return nil, fmt.Errorf("no such volume: %s", lv.Identifier)
}
