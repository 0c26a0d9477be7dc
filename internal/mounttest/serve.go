package mounttest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"sd/backends"
	"sd/cache"
	"sd/fs"
	"sd/library"
	"sd/rename"
	"sd/resolver"
	"sd/sdpath"
	"sd/staging"
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

// served is everything that a mount consists of.
type served struct {
	resolver *resolver.Resolver
	staging  *staging.Store  // nil if read-only
	renames  *rename.Journal // nil with it
	fs       *fs.Server
	hooks    hooks

	recovered chan struct{} // closed when renames of a former mount were looked after
}

// serve mounts, answers commands, and unmounts when they end.
func serve(cfg childConfig) error {
	ctx, end := context.WithCancel(context.Background())
	defer end()
	if cfg.Debug {
		slog.SetLogLoggerLevel(slog.LevelDebug)
	}
	lib, err := cfg.library(ctx)
	if err != nil {
		return err
	}
	defer lib.Close()
	s := &served{hooks: hooks{hits: cfg.Hits}}
	factories := map[sdpath.Service]resolver.Factory{}
	for _, service := range sdpath.Services() {
		factories[service] = cfg.open
	}
	if s.resolver, err = resolver.New(lib, factories); err != nil {
		return err
	}
	defer s.resolver.Close()
	for _, v := range cfg.Volumes {
		g := v.general()
		if _, err := s.resolver.FindCloudVolume(g.Service, g.Identifier); err == nil {
			continue // by the mount before
		}
		c := resolver.CloudVolume{Service: g.Service, Identifier: g.Identifier, Config: g.Config}
		if _, err := s.resolver.AddCloud(ctx, c); err != nil {
			return err
		}
	}
	tiers := cache.Config{MaxBytes: cfg.CacheBytes}
	if cfg.DiskCache > 0 {
		tiers.Dir, tiers.MaxDisk = filepath.Join(cfg.Data, "cache"), cfg.DiskCache
	}
	blocks, err := cache.New(tiers)
	if err != nil {
		return err
	}
	defer blocks.Close()
	tree := fs.Config{
		Resolver: s.resolver, Cache: blocks, Mountpoint: cfg.Dir, ReadOnly: cfg.ReadOnly, AllowOther: cfg.AllowOther,
		MetadataTTL: cfg.MetadataTTL, Debug: cfg.Debug, Facts: lib, OverlayDir: filepath.Join(cfg.Data, "overlay"),
	}
	if cfg.Hits != nil {
		tree.Search = s.hooks.search
	}
	if cfg.Record {
		tree.Changes = &s.hooks
	}
	if !cfg.ReadOnly {
		if err := s.openWriting(cfg); err != nil {
			return err
		}
		tree.Staging, tree.Renames = s.staging, s.renames
	}
	if s.fs, err = fs.Mount(tree); err != nil {
		return errors.Join(err, s.closeWriting())
	}
	s.begin(ctx)
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if err := s.reply(ctx, in.Text()); err != nil {
			return err
		}
	}
	err = s.fs.Unmount()
	end()
	<-s.recovered
	return errors.Join(err, s.closeWriting())
}

// library opens the test's library, with its devices.
func (cfg childConfig) library(ctx context.Context) (*library.Library, error) {
	lib, err := library.Open(ctx, cfg.Data, "")
	if err != nil {
		return nil, err
	}
	this := lib.ThisDevice()
	if this.Slug != Device {
		_, err = lib.RenameDevice(ctx, this.ID, "This device")
	}
	for _, name := range cfg.Devices {
		if err == nil {
			_, err = lib.AddDevice(ctx, library.Device{ID: uuid.New(), Name: name})
		}
	}
	if err != nil {
		return nil, errors.Join(err, lib.Close())
	}
	return lib, nil
}

// openWriting opens what it takes to change volumes, and finds what earlier mounts
// have left to do.
func (s *served) openWriting(cfg childConfig) (err error) {
	s.staging, err = staging.Open(staging.Config{
		Dir: filepath.Join(cfg.Data, "staging"), MaxBytes: cfg.StagingBytes, WriteBack: cfg.WriteBack, Device: Device,
		Backend: s.backend, Patience: cfg.StagingStall, RetryMin: cfg.RetryMin, RetryMax: cfg.RetryMax,
		Committed: func(volume, name string, e backends.Entry) { s.fs.Committed(volume, name, e) },
		Conflict:  func(volume, name, copy string) { s.fs.Conflicted(volume, name, copy) },
	})
	if err != nil {
		return err
	}
	s.renames, err = rename.Open(rename.Config{
		Dir: filepath.Join(cfg.Data, "renames"), Backend: s.backend, Settle: cfg.RenameSettle,
		RetryMin: cfg.RetryMin, RetryMax: cfg.RetryMax,
	})
	return err
}

// begin starts what goes on beside the tree.
func (s *served) begin(ctx context.Context) {
	s.recovered = make(chan struct{})
	if s.staging != nil {
		s.staging.Start()
	}
	go func() {
		defer close(s.recovered)
		if s.renames == nil {
			return
		}
		if err := s.renames.Recover(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("renames of an earlier mount are not finished", "err", err)
		}
	}()
}

func (s *served) closeWriting() error {
	var errs []error
	if s.renames != nil {
		errs = append(errs, s.renames.Close())
	}
	if s.staging != nil {
		errs = append(errs, s.staging.Close())
	}
	return errors.Join(errs...)
}

// backend is the store of the volume with this fingerprint.
func (s *served) backend(ctx context.Context, fingerprint string) (backends.Backend, error) {
	volumes, err := s.resolver.Volumes(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, v := range volumes {
		if v.Fingerprint == fingerprint {
			if v, _, err = s.resolver.Resolve(ctx, sdpath.Cloud{Service: v.Service, Identifier: v.Identifier}); err != nil {
				return nil, err
			}
			return v.Backend, nil
		}
	}
	return nil, fmt.Errorf("no such volume: %s", fingerprint)
}

// open is the resolver's factory for the volumes of cfg.
func (cfg childConfig) open(_ context.Context, lv library.Volume) (backends.Backend, error) {
	for _, v := range cfg.Volumes {
		g := v.general()
		if g.Service == lv.Service && g.Identifier == lv.Identifier && g.Config["endpoint"] == lv.Config["endpoint"] {
			return v.open()
		}
	}
	return nil, fmt.Errorf("no such volume: %s://%s", lv.Service, lv.Identifier)
}
