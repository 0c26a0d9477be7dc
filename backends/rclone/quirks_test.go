package rclone

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/clouds"
)

func names(t *testing.T, s Store, dir string) (all []string) {
	t.Helper()
	err := s.List(t.Context(), dir, func(page []backends.Entry) error {
		for _, e := range page {
			all = append(all, e.Name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

func read(t *testing.T, s Store, name, version string) string {
	t.Helper()
	r, _, err := s.Get(t.Context(), name, version, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func put(t *testing.T, s Store, name, content string) backends.Entry {
	t.Helper()
	e, err := s.Put(t.Context(), name, strings.NewReader(content), int64(len(content)), backends.Meta{}, backends.Cond{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestTwins(t *testing.T) {
	c := clouds.Start(t)
	ids := []string{c.Drive.Seed("d/a.txt", []byte("one")), c.Drive.Twin("d/a.txt", []byte("two"))}
	contents := map[string]string{ids[0]: "one", ids[1]: "two"}
	slices.Sort(ids)
	s := open(t, cloudConfig(c, "drive"))
	second := suffixed("a.txt", ids[1], shortID)
	if got, want := names(t, s, "d"), []string{second, "a.txt"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i, name := range []string{"a.txt", second} {
		if got := read(t, s, "d/"+name, ""); got != contents[ids[i]] {
			t.Errorf("%s holds %q, want %q", name, got, contents[ids[i]])
		}
	}
	put(t, s, "d/"+second, "new")
	if item, _ := c.Drive.Item(ids[1]); string(item.Content) != "new" {
		t.Errorf("the twin holds %q after a write", item.Content)
	}
	if err := s.Remove(t.Context(), "d/a.txt", backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	// The one that is left has the name for itself, and keeps the other one.
	for _, name := range []string{"a.txt", second} {
		if got := read(t, s, "d/"+name, ""); got != "new" {
			t.Errorf("%s holds %q", name, got)
		}
	}
	if got := names(t, s, "d"); !slices.Equal(got, []string{"a.txt"}) {
		t.Errorf("got %q", got)
	}
}

func TestTwinFolders(t *testing.T) {
	c := clouds.Start(t)
	ids := []string{c.Drive.Mkdir("dir"), c.Drive.TwinFolder("dir")}
	slices.Sort(ids)
	c.Drive.SeedIn(ids[0], "in", []byte("lower"))
	c.Drive.SeedIn(ids[1], "in", []byte("higher"))
	s := open(t, cloudConfig(c, "drive"))
	second := suffixed("dir", ids[1], shortID)
	if got := read(t, s, "dir/in", "") + read(t, s, second+"/in", ""); got != "lowerhigher" {
		t.Errorf("got %q", got)
	}
	put(t, s, second+"/new", "x")
	if got := c.Drive.TreeOf(ids[1]); got["new"] != "x" {
		t.Errorf("the twin holds %q", got)
	}
	if err := s.(backends.Renamer).Rename(t.Context(), second, "moved", backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	if got := names(t, s, "moved"); !slices.Equal(got, []string{"in", "new"}) {
		t.Errorf("got %q", got)
	}
	if got := read(t, s, "dir/in", ""); got != "lower" {
		t.Errorf("the other twin holds %q", got)
	}
}

func TestDocuments(t *testing.T) {
	c := clouds.Start(t)
	id := c.Drive.SeedDoc("letter", "application/vnd.google-apps.document", []byte("dear"))
	cfg := cloudConfig(c, "drive")
	cfg.Spool = filepath.Join(t.TempDir(), "cache", "documents") // made when it is needed
	s := open(t, cfg)
	if got := names(t, s, ""); !slices.Equal(got, []string{"letter.docx"}) {
		t.Fatalf("got %q", got)
	}
	e, err := s.Stat(t.Context(), "letter.docx")
	if err != nil || e.Unsized || e.Size == 0 || e.Version == "" || e.Meta == nil || e.Meta.Mode&0o222 != 0 {
		t.Fatalf("got %+v, %v", e, err)
	}
	if got := read(t, s, "letter.docx", e.Version); int64(len(got)) != e.Size {
		t.Errorf("got %d bytes, want %d", len(got), e.Size)
	}
	if _, err := s.Put(t.Context(), "letter.docx", strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{}); !errors.Is(err, iofs.ErrPermission) {
		t.Errorf("writing a document: %v", err)
	}
	c.Drive.EditDoc(id, []byte("dear all"))
	now, err := s.Stat(t.Context(), "letter.docx")
	if err != nil || now.Version == e.Version {
		t.Errorf("after an edit: %+v, %v", now, err)
	}
	if err := s.Remove(t.Context(), "letter.docx", backends.Cond{}); err != nil {
		t.Error(err)
	}
}

func TestLoginEndsAndHeals(t *testing.T) {
	for kind, revoke := range map[string]func(*clouds.Clouds){
		"drive":    func(c *clouds.Clouds) { c.Drive.Revoke() },
		"onedrive": func(c *clouds.Clouds) { c.OneDrive.Revoke() },
		"dropbox":  func(c *clouds.Clouds) { c.Dropbox.Revoke() },
	} {
		t.Run(kind, func(t *testing.T) {
			c := clouds.Start(t)
			cfg := cloudConfig(c, kind)
			var mu sync.Mutex
			secrets, _ := cfg.Secrets()
			cfg.Secrets = func() (map[string]string, error) {
				mu.Lock()
				defer mu.Unlock()
				return secrets, nil
			}
			s := open(t, cfg)
			put(t, s, "file", "x")
			revoke(c)
			_, err := s.Stat(t.Context(), "file")
			if !errors.Is(err, iofs.ErrPermission) || !s.Health().Expired {
				t.Fatalf("got %v and %+v, want no permission and an ended login", err, s.Health())
			}
			if token := secrets["token"]; strings.Contains(err.Error(), token) {
				t.Error("the error holds the token")
			}
			fresh, _ := cloudConfig(c, kind).Secrets()
			mu.Lock()
			secrets = fresh
			mu.Unlock()
			st := storeOf(s)
			st.mu.Lock()
			st.login.asked = time.Time{} // 2 s are over
			st.mu.Unlock()
			if _, err := s.Stat(t.Context(), "file"); err != nil || s.Health().Expired {
				t.Errorf("with a new login: %v, %+v", err, s.Health())
			}
		})
	}
}

func TestRenewedTokensAreKept(t *testing.T) {
	c := clouds.Start(t)
	cfg := cloudConfig(c, "drive")
	var kept []string
	cfg.SaveToken = func(token string) error {
		kept = append(kept, token)
		return nil
	}
	s := open(t, cfg)
	put(t, s, "file", "x")
	c.Drive.Expire()
	st := storeOf(s)
	if err := st.Close(); err != nil { // the next request reads the token anew
		t.Fatal(err)
	}
	old, _ := cfg.Secrets()
	old["token"] = strings.Replace(old["token"], `"expiry":"2`, `"expiry":"1`, 1)
	if got := read(t, s, "file", ""); got != "x" {
		t.Errorf("got %q", got)
	}
	if len(kept) == 0 || !strings.Contains(kept[0], "access_token") {
		t.Errorf("kept %d tokens, want the renewed one", len(kept))
	}
}

func TestDeadService(t *testing.T) {
	c := clouds.Start(t)
	cfg := cloudConfig(c, "onedrive")
	cfg.Patience, cfg.Stall, cfg.ProbeEvery = 2*time.Second, time.Second, 20*time.Millisecond
	s := open(t, cfg)
	put(t, s, "file", "x")
	c.OneDrive.Dead(true)
	if _, err := s.Stat(t.Context(), "file"); !errors.Is(err, backends.ErrOffline) {
		t.Errorf("got %v", err)
	}
	if s.Health().Online {
		t.Error("it is still believed to be online")
	}
	c.OneDrive.Heal()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		_, err := s.Stat(ctx, "file")
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("it does not recover: %v", err)
		}
	}
}

func TestLostAnswerMakesNoTwin(t *testing.T) {
	c := clouds.Start(t)
	s := open(t, cloudConfig(c, "drive"))
	put(t, s, "d/other", "y")
	c.Drive.LostAnswer("files.create", 1)
	e, err := s.Put(t.Context(), "d/file", strings.NewReader("content"), 7, backends.Meta{}, backends.Cond{Absent: true})
	if err != nil || e.Size != 7 {
		t.Errorf("got %+v, %v", e, err)
	}
	if got := names(t, s, "d"); !slices.Equal(got, []string{"file", "other"}) {
		t.Errorf("got %q", got)
	}
}

func TestListingIsOneRequestAPage(t *testing.T) {
	c := clouds.Start(t)
	for i := range 100 {
		c.Drive.Seed(path.Join("d", "f"+strings.Repeat("x", i)), []byte("x"))
	}
	s := open(t, cloudConfig(c, "drive"))
	names(t, s, "d")
	c.Drive.Forget()
	names(t, s, "d")
	if n := c.Drive.Count("files.list"); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}
