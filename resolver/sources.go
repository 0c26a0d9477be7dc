package resolver

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"time"

	"github.com/google/uuid"

	"sd/backends"
	"sd/identity"
	"sd/library"
	"sd/library/catalog"
	"sd/sdpath"
)

// Source is a copy of some content, and what there is to say for and against reading it.
type Source struct {
	Path sdpath.Path // nil where the library has lost the device or volume
	// Volume holds it: with its Backend for a Usable cloud copy; nil for another device's
	// copy, and where the system names no file system.
	Volume *Volume
	Name   string // on this device its absolute path, in a cloud volume its name in the Backend

	Place  catalog.Place
	Folder catalog.FolderID
	File   catalog.File // as it was when its content was proven

	Here   bool // on this device
	Online bool // its device, file system or service answers, as far as is known
	// Usable: its content is proven, it is online, and nothing speaks against it.
	Usable bool
	// Changed: it was looked at, and is not the version whose content was proven.
	Changed bool
	Medium  string        // of the Volume: MediumSSD, …
	Latency time.Duration // of the first byte, as measured last (Measured); 0 where it was not
	Why     string        // in words, what made its rank

	network bool // a local file on a server, which may not answer
	paid    bool // reading it may cost money
}

// Catalog returns the library's catalog.
func (r *Resolver) Catalog() *catalog.Catalog { return r.lib.Catalog() }

// Sources returns what is known of a content, and all its copies: the usable ones, the best
// first, then the others, each with a reason. Those on this device are looked at, and are
// usable only if they are still the versions that were proven; no service is asked. Copies on
// this device come before those on other devices and these before the cloud; ssd before
// hdd before network; then what costs nothing, and what answers soonest.
// An unknown id is a *NotIndexedError. Without copies the list is empty.
func (r *Resolver) Sources(ctx context.Context, id uuid.UUID) (catalog.Content, []Source, error) {
	c, list, err := r.Candidates(ctx, id)
	if err != nil {
		return c, nil, err
	}
	for i := range list {
		s := &list[i]
		if !s.Usable || !s.Here {
			continue
		}
		if err := s.Look(ctx); ctx.Err() != nil {
			return c, nil, ctx.Err()
		} else if err != nil {
			s.reject(err)
		}
	}
	rank(list)
	return c, list, nil
}

// Candidates is Sources from memory and the catalog alone: it looks at no file, so that
// those it calls usable still have to be (Look, Open).
func (r *Resolver) Candidates(ctx context.Context, id uuid.UUID) (catalog.Content, []Source, error) {
	c, err := r.Catalog().Content(ctx, id)
	if errors.Is(err, iofs.ErrNotExist) {
		return c, nil, &NotIndexedError{ID: id}
	}
	if err != nil {
		return c, nil, err
	}
	list, err := r.CandidatesOf(ctx, c)
	return c, list, err
}

// CandidatesOf is Candidates of a content that the caller has found.
func (r *Resolver) CandidatesOf(ctx context.Context, c catalog.Content) ([]Source, error) {
	copies, err := r.Catalog().Copies(ctx, c.Key)
	if err != nil {
		return nil, err
	}
	list := make([]Source, len(copies))
	for i, copy := range copies {
		list[i] = r.source(ctx, copy)
	}
	rank(list)
	return list, nil
}

// Rotten remembers that a copy holds other bytes than it was proven to have, though it is still
// the same version, so that the library can tell what it should hold.
func (r *Resolver) Rotten(ctx context.Context, s *Source, expected, actual identity.Sum) error {
	place, path, err := r.Placed(s.Path)
	if err != nil {
		return err
	}
	return r.lib.NoteRot(ctx, library.Rot{
		Place: place, Path: path, Size: s.File.Size, ModTime: s.File.ModTime, Expected: expected, Actual: actual,
	})
}

// source judges one copy.
func (r *Resolver) source(ctx context.Context, c catalog.Copy) Source {
	s := Source{Name: c.Path, Place: c.Place, Folder: c.Folder, File: c.File}
	var err error
	if s.Path, err = r.URI(c.Place, c.Path); err != nil {
		s.Why = "nobody knows where: " + err.Error()
		return s
	}
	switch p := s.Path.(type) {
	case sdpath.Physical:
		err = r.onDevice(ctx, &s, p)
	case sdpath.Cloud:
		err = r.inCloud(ctx, &s, p)
	}
	switch {
	case err != nil:
		s.Why = err.Error()
	case !s.File.Proof.Proven():
		s.Why = "probable only: it was moved or its attributes were changed since it was read; to be read again"
	default:
		s.Usable = true
		s.Why = s.where() + ", " + proven(s.File.Proof)
	}
	return s
}

// onDevice finds the file system of a device's file.
func (r *Resolver) onDevice(ctx context.Context, s *Source, p sdpath.Physical) error {
	d, err := r.Device(p.DeviceSlug)
	if err != nil {
		return err
	}
	if s.Here = d.ID == r.ThisDevice().ID; !s.Here {
		return errors.New("device offline: it cannot be reached from this one")
	}
	s.Name = localPath(p.Path)
	v, online, err := r.detector.lately(ctx, s.Name, d.ID)
	if err != nil {
		return err
	}
	s.Online = online
	if v != nil {
		s.Volume, s.Medium, s.network = v, v.Info.Medium, v.Info.Kind == KindNetwork || v.Info.Kind == KindCloud
	}
	if !online {
		return fmt.Errorf("offline: the file system at %s does not answer", v.Identifier)
	}
	return nil
}

// inCloud finds the volume of an object. It asks nobody.
func (r *Resolver) inCloud(ctx context.Context, s *Source, p sdpath.Cloud) error {
	v, name, err := r.Resolve(ctx, p)
	if err != nil {
		return err
	}
	s.Volume, s.Name, s.Medium, s.Online = v, name, MediumNetwork, true
	s.paid = !nearby(v.Info.Config["endpoint"])
	s.Latency = r.latencies.of(v.Fingerprint)
	if h, ok := v.Backend.(backends.HealthReporter); ok {
		if h := h.Health(); !h.Online {
			s.Online = false
			return fmt.Errorf("volume offline: %s", h.Err)
		}
	}
	return nil
}

// Asleep tells that nothing speaks against a copy but that its volume did not answer lately. To
// read it costs no wait: what is cached is there, and all else is refused at once, which has the volume
// looked for again. Nobody else might do that.
func (s *Source) Asleep() bool {
	return !s.Usable && !s.Here && !s.Online && s.Volume != nil && s.Volume.Backend != nil && s.File.Proof.Proven()
}

// reject notes that a file was found not to be what the catalog says.
func (s *Source) reject(err error) {
	s.Usable, s.Changed = false, errors.Is(err, backends.ErrChanged)
	switch {
	case s.Changed:
		s.Why = "skipped: changed since it was identified"
	case errors.Is(err, iofs.ErrNotExist):
		s.Why = "skipped: not there any more, or its drive is not plugged in"
	case errors.Is(err, iofs.ErrPermission):
		s.Why = "skipped: this user may not read it"
	case errors.Is(err, backends.ErrOffline):
		s.Online = false
		s.Why = "offline: its file system does not answer"
	default:
		s.Why = "skipped: " + err.Error()
	}
}

// where says what kind of place s lies at.
func (s *Source) where() string {
	switch {
	case s.Here && s.Medium != "":
		return "local " + s.Medium
	case s.Here:
		return "local disk"
	case s.Volume == nil:
		return "another device"
	}
	text := string(s.Volume.Service) + " in the cloud"
	if !s.paid {
		text = string(s.Volume.Service) + " on the local network"
	}
	if s.Latency > 0 {
		text += fmt.Sprintf(" (first byte after %v)", s.Latency.Round(time.Millisecond))
	}
	return text
}

func proven(p catalog.Proof) string {
	switch p {
	case catalog.Stored:
		return "proven by the BLAKE3 stored with it"
	case catalog.Checksum:
		return "proven by its service's checksum"
	case catalog.Passed:
		return "proven when all of it was read through a mount"
	}
	return "proven by reading"
}
