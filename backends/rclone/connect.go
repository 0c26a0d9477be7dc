package rclone

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"
	"maps"
	"net/http/httptrace"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config"
	"github.com/rclone/rclone/fs/config/configmap"
	"github.com/rclone/rclone/fs/config/configstruct"
	"github.com/rclone/rclone/lib/atexit"
)

// conn is an open remote. It is replaced as a whole after its login was refused.
type conn struct {
	fs       fs.Fs
	features *fs.Features
	base     context.Context // carries the configuration of requests; ends with close
	end      context.CancelFunc
	section  string // under which rclone finds its options
	info     *fs.RegInfo
	options  *options

	mu   sync.Mutex
	subs map[string]fs.Fs // by id of their root folder
}

// with returns ctx with the configuration of c's requests.
func (c *conn) with(ctx context.Context) context.Context { return fs.CopyConfig(ctx, c.base) }

func (c *conn) close() {
	c.end()
	forget(c.section)
	go func() { // it may wait for connections that do not answer
		c.mu.Lock()
		all := append(mapValues(c.subs), c.fs)
		c.mu.Unlock()
		for _, f := range all {
			if shutdown := f.Features().Shutdown; shutdown != nil {
				_ = shutdown(c.with(context.Background()))
			}
		}
	}()
}

func mapValues(m map[string]fs.Fs) (all []fs.Fs) {
	for _, f := range m {
		all = append(all, f)
	}
	return all
}

// at returns the file system whose root is the folder of that id.
func (c *conn) at(id string) (fs.Fs, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.subs[id]; ok {
		return f, nil
	}
	m := c.options.mapper(c.info)
	m.AddGetter(configmap.Simple{"root_folder_id": id}, configmap.PriorityNormal)
	f, err := c.info.NewFs(c.base, c.section, "", m)
	if err == nil {
		c.subs[id] = f
	}
	return f, err
}

var sections atomic.Int64

// open makes the remote. What it needs of the network is part of the operation of ctx.
func (s *store) open(ctx context.Context, secrets map[string]string) (*conn, error) {
	base, end := context.WithCancel(context.Background())
	base = httptrace.WithClientTrace(base, s.rest.Trace("LOGIN"))
	base, ci := fs.AddConfig(base)
	ci.HTTPProxy = s.cfg.HTTPProxy
	if s.cfg.CACert != "" {
		ci.CaCert = []string{s.cfg.CACert}
	}
	ci.UserAgent = "sd"
	ci.ConnectTimeout = fs.Duration(3 * time.Second)
	ci.Timeout = fs.Duration(20 * time.Second)
	ci.LowLevelRetries = 5
	ci.Transfers, ci.Checkers = 16, 16
	ci.DisableHTTP2 = true
	ci.AskPassword = false
	prefix := "sd" + strconv.FormatInt(sections.Add(1), 10) + "-"
	info, err := fs.Find(s.remote.Type)
	if err != nil {
		end()
		return nil, err
	}
	c := &conn{base: base, end: end, info: info, section: prefix + s.remote.Name, subs: map[string]fs.Fs{}}
	c.options = register(s, prefix, secrets)
	f, err := carry(ctx, func(context.Context) (fs.Fs, error) {
		return info.NewFs(base, c.section, s.cfg.Root, c.options.mapper(info))
	})
	switch {
	case errors.Is(err, fs.ErrorIsFile):
		err = fmt.Errorf("the root %q is a file: %w", s.cfg.Root, iofs.ErrInvalid)
		fallthrough
	case err != nil:
		end()
		s.refuse(c, err)
		forget(c.section)
		return nil, err
	}
	c.fs, c.features = f, f.Features()
	return c, nil
}

// options are those of one remote, with its secrets. rclone reads and renews them.
type options struct {
	store *store
	name  string // of the remote; "" for the one that the store shows
	given map[string]string

	mu     sync.Mutex
	values map[string]string
}

// Get implements configmap.Getter.
func (o *options) Get(key string) (string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	v, ok := o.values[key]
	return v, ok && v != ""
}

// Set implements configmap.Setter. A renewed token is kept before it is used.
func (o *options) Set(key, value string) {
	o.mu.Lock()
	o.values[key] = value
	o.mu.Unlock()
	if key != "token" {
		return
	}
	var err error
	switch cfg := &o.store.cfg; {
	case o.name == "" && cfg.SaveToken != nil:
		err = cfg.SaveToken(value)
	case o.name != "" && cfg.SaveTokenOf != nil:
		err = cfg.SaveTokenOf(o.name, value)
	}
	if err != nil {
		slog.Warn("the renewed login of a volume could not be kept: it ends with this process", "volume", o.store.remote.Name, "err", err)
	}
}

// mapper returns what rclone reads options from: o, and else the defaults.
func (o *options) mapper(info *fs.RegInfo) *configmap.Map {
	return configmap.New().AddGetter(o, configmap.PriorityConfig).AddGetter(defaults{info}, configmap.PriorityDefault).AddSetter(o)
}

type defaults struct{ info *fs.RegInfo }

// Get implements configmap.Getter.
func (d defaults) Get(key string) (string, bool) {
	opt := d.info.Options.Get(key)
	if opt == nil {
		return "", false
	}
	if v, err := configstruct.InterfaceToString(opt.Default); err == nil {
		return v, true
	}
	return opt.String(), true
}

// forced are options that are ours to choose, and preferred those that a user may change.
var (
	forced = map[string]map[string]string{
		"drive":   {"upload_cutoff": "4Mi"},
		"dropbox": {"batch_mode": "off", "async_batch": "false"},
		"sftp":    {"ask_password": "false"},
		"ftp":     {"ask_password": "false"},
	}
	preferred = map[string]map[string]string{
		"drive": {"pacer_min_sleep": "10ms", "pacer_burst": "100", "skip_dangling_shortcuts": "true"},
		"sftp":  {"disable_hashcheck": "true", "shell_type": "none"},
	}
)

// registry holds the options of open remotes by their sections, for remotes that stand on
// others are opened by rclone itself, which looks for the others by their names.
var registry sync.Map // of *options

// register makes the options of s's remote, and of those that it stands on, known to rclone
// under names that begin with prefix.
func register(s *store, prefix string, secrets map[string]string) *options {
	var own *options
	add := func(r *Remote) {
		o := &options{store: s, values: map[string]string{}, given: maps.Clone(secrets)}
		maps.Copy(o.values, preferred[r.Type])
		for k, v := range r.Options {
			o.values[k] = r.rename(v, prefix)
		}
		o.values["type"] = r.Type
		if token := secrets["token_"+r.Name]; token != "" {
			o.values["token"] = token
		}
		if r.Name == s.remote.Name {
			own = o
		} else {
			o.name = r.Name
		}
		for k, v := range secrets {
			of, option, named := strings.Cut(k, ":")
			switch {
			case named && of == r.Name:
				o.values[option] = r.rename(v, prefix)
			case !named && o == own && !strings.HasPrefix(k, "token_") && k != "config_password":
				o.values[k] = v
			}
		}
		maps.Copy(o.values, forced[r.Type])
		o.values["token"] = s.toRenew(o.values["token"])
		registry.Store(prefix+r.Name, o)
	}
	for _, r := range s.remote.others {
		if r.Name != s.remote.Name {
			add(r)
		}
	}
	add(s.remote)
	return own
}

// rename puts prefix before the names of other remotes in an option.
func (r *Remote) rename(value, prefix string) string {
	for name := range r.others {
		if name == r.Name || !strings.Contains(value, name+":") {
			continue
		}
		value = regexp.MustCompile(`(^|[ =,"'])`+regexp.QuoteMeta(name)+":").ReplaceAllString(value, "${1}"+prefix+name+":")
	}
	return value
}

// standsOn tells whether an option of r, or of a remote that r stands on, names the remote of
// that name.
func (r *Remote) standsOn(name string) bool {
	seen := map[*Remote]bool{}
	var names func(*Remote) bool
	names = func(at *Remote) bool {
		if seen[at] {
			return false
		}
		seen[at] = true
		for _, value := range at.Options {
			for other, remote := range at.others {
				if remote != at && strings.Contains(value, other+":") && (other == name || names(remote)) {
					return true
				}
			}
		}
		return false
	}
	return names(r)
}

// registered are the options that register made known with those of that section.
func registered(section string) (all []*options) {
	prefix, _, _ := strings.Cut(section, "-")
	registry.Range(func(key, o any) bool {
		if strings.HasPrefix(key.(string), prefix+"-") {
			all = append(all, o.(*options))
		}
		return true
	})
	return all
}

// forget drops what register made known for the remote of that section.
func forget(section string) {
	prefix, _, _ := strings.Cut(section, "-")
	registry.Range(func(key, _ any) bool {
		if strings.HasPrefix(key.(string), prefix+"-") {
			registry.Delete(key)
		}
		return true
	})
}

// calm makes rclone a library in this process: it writes no log, reads no configuration, and
// does not end the process upon signals.
var calm = sync.OnceFunc(func() {
	atexit.IgnoreSignals()
	fs.SetLogger(slog.DiscardHandler)
	fs.GetConfig(context.Background()).LogLevel = fs.LogLevelEmergency
	_ = config.SetConfigPath("")
	find := func(section string) *options {
		o, _ := registry.Load(section)
		found, _ := o.(*options)
		return found
	}
	fs.ConfigFileGet = func(section, key string) (string, bool) {
		if o := find(section); o != nil {
			return o.Get(key)
		}
		return "", false
	}
	fs.ConfigFileHasSection = func(section string) bool { return find(section) != nil }
	fs.ConfigFileSet = func(section, key, value string) error {
		if o := find(section); o != nil {
			o.Set(key, value)
		}
		return nil
	}
})
