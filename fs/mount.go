package fs

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/cache"
	"sd/rename"
	"sd/resolver"
	"sd/sdpath"
	"sd/staging"
)

// Config says what to mount and how. Resolver, Cache and Mountpoint are required.
type Config struct {
	Resolver   *resolver.Resolver
	Cache      *cache.Cache
	Mountpoint string // an absolute path of an existing directory

	ReadOnly   bool
	AllowOther bool // let other users in, by the permissions of each file
	// UID, GID and Umask are what cloud files and the fixed folders show; nil is the
	// mounting user, his group and 022. Local files show their own.
	UID, GID, Umask *uint32
	// MetadataTTL is how long a listing of a cloud folder is believed; 0 is a minute.
	MetadataTTL time.Duration
	// Staging and Renames make volumes writable; without them they are read-only. The
	// caller opens them and closes them after Wait. What Staging has recovered is shown.
	Staging *staging.Store
	Renames *rename.Journal
	Facts   Facts // nil: what listings do not tell is not remembered
	// Search gives at most limit hits for a query, the best first: under which name each is
	// to be shown, and what it is. It stops at yield's first error. Names may repeat and may
	// be any. A query that makes no sense is fs.ErrInvalid. nil: there is no folder search/.
	Search func(ctx context.Context, query string, limit int, yield func(name string, target sdpath.Path) error) error
	// Changes is told of what is changed in volumes; nil: nobody is.
	Changes Changes
	// OverlayDir is a folder for the files that desktops leave everywhere; "" refuses them.
	OverlayDir string
	// ReadAhead is the kernel's read-ahead for the mount in bytes; it takes root to
	// set it. 0 is 1 MiB.
	ReadAhead int64
	Debug     bool         // log every request
	Log       *slog.Logger // nil is slog.Default
}

// Server is one live mount. Its methods are safe for concurrent use.
type Server struct {
	cfg     Config
	raw     *raw
	fuse    *fuse.Server
	tree    *tree
	started time.Time
	served  chan struct{} // closed when the kernel has let go of the mount
}

// Mount mounts the tree and serves it; when it returns, the mount answers. The
// process's umask is cleared, for files are made with the modes that the callers
// ask for. The caller keeps Resolver and Cache, and closes them after Wait.
func Mount(cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.MetadataTTL == 0 {
		cfg.MetadataTTL = time.Minute
	}
	if cfg.ReadAhead == 0 {
		cfg.ReadAhead = 1 << 20
	}
	clearUmask()
	t, err := newTree(&cfg)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, tree: t, started: time.Now(), served: make(chan struct{})}
	s.raw = newRaw(fusefs.NewNodeFS(t.newRoot(cfg.Search), &fusefs.Options{NullPermissions: true}))

	logger := slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug)
	server, err := fuse.NewServer(s.raw, cfg.Mountpoint, mountOptions(&cfg, logger))
	if err != nil {
		t.close()
		return nil, fmt.Errorf("mount %s: %w", cfg.Mountpoint, err)
	}
	s.fuse = server
	t.mounted(server)
	go func() {
		server.Serve()
		s.raw.dirs.closeAll()
		t.close()
		close(s.served)
	}()
	if err := server.WaitMount(); err != nil {
		server.Unmount()
		return nil, fmt.Errorf("mount %s: %w", cfg.Mountpoint, err)
	}
	if err := raiseReadAhead(cfg.Mountpoint, cfg.ReadAhead); err != nil {
		cfg.Log.Debug("the kernel's read-ahead stays at its default", "err", err)
	}
	return s, nil
}

// fsType is the subtype that mount tables show: fuse.sd.
const fsType = "sd"

func mountOptions(cfg *Config, logger *log.Logger) *fuse.MountOptions {
	o := &fuse.MountOptions{
		Name:                 fsType,
		FsName:               fsType,
		AllowOther:           cfg.AllowOther,
		MaxWrite:             1 << 20,
		MaxBackground:        1024, // reads that hang on one dead server must not keep out the others
		MaxStackDepth:        2,
		EnableLocks:          true,
		EnableSymlinkCaching: true,
		DirectMount:          os.Geteuid() == 0,
		ExtraCapabilities:    extraCapabilities,
		Debug:                cfg.Debug,
		Logger:               logger,
	}
	// The kernel checks permissions, except where only root may come in, to whom they
	// do not apply: each check after a change in a directory would cost a request.
	if cfg.AllowOther || os.Geteuid() != 0 {
		o.Options = append(o.Options, "default_permissions")
		o.EnableAcl = true // which implies the former
	}
	if cfg.ReadOnly {
		o.Options = append(o.Options, "ro")
	}
	return o
}

// Mountpoint is the directory on which the tree is mounted.
func (s *Server) Mountpoint() string { return s.cfg.Mountpoint }

// Wait blocks until the tree is unmounted, by Unmount or by anybody else.
func (s *Server) Wait() { <-s.served }

// Done is closed when Wait would return.
func (s *Server) Done() <-chan struct{} { return s.served }

// Unmount unmounts the tree and waits until it is served no more. A tree in use
// gives an error that wraps EBUSY, and stays mounted.
func (s *Server) Unmount() error {
	select {
	case <-s.served:
		return nil
	default:
	}
	if err := s.fuse.Unmount(); err != nil {
		select {
		case <-s.served: // somebody else has unmounted it
			return nil
		default:
			return fmt.Errorf("unmount %s: %w", s.cfg.Mountpoint, err)
		}
	}
	<-s.served
	return nil
}

// Detach takes the tree out of the name space at once, in use or not. Files that
// are open stay usable until they are closed or this process ends.
func (s *Server) Detach() error { return detach(s.cfg.Mountpoint) }

// Status is a snapshot of a mount for people and scripts.
type Status struct {
	Mountpoint string           `json:"mountpoint"`
	Started    time.Time        `json:"started"`
	ReadOnly   bool             `json:"read_only"`
	Requests   map[string]int64 `json:"requests"` // FUSE requests since the mount, by operation
	Local      LocalStatus      `json:"local"`
}

// LocalStatus tells which of the kernel's short cuts local files use.
type LocalStatus struct {
	// Passthrough: the kernel reads and writes local files without this process.
	Passthrough bool   `json:"passthrough"`
	Why         string `json:"why,omitempty"` // why not
	// Watched: changes made behind the mount are seen at once; else within a second.
	Watched bool `json:"watched"`
}

// Status tells how the mount fares. It asks nobody and does not block.
func (s *Server) Status() Status {
	return Status{
		Mountpoint: s.cfg.Mountpoint,
		Started:    s.started,
		ReadOnly:   s.cfg.ReadOnly,
		Requests:   s.raw.counts.snapshot(),
		Local:      s.tree.local.status(),
	}
}
