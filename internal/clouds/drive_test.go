package clouds

import (
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/internal/clouds/drive"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/object"

	_ "github.com/rclone/rclone/backend/drive"
)

func driveRemote(t *testing.T, c *Clouds, root string, more ...string) fs.Fs {
	t.Helper()
	return remote(t, c, "drive", root, append([]string{
		"client_id", drive.ClientID, "client_secret", drive.ClientSecret, "token", c.Drive.Token(), "scope", "drive",
	}, more...)...)
}

func TestDriveByRclone(t *testing.T) {
	c := Start(t)
	c.Drive.SetPageSize(3)
	f := driveRemote(t, c, "", "upload_cutoff", "1Mi", "chunk_size", "1Mi")
	judge(t, f, func() map[string]string { return c.Drive.Tree() })
}

func TestDriveTwinsAndShortcuts(t *testing.T) {
	c := Start(t)
	f := driveRemote(t, c, "")
	first := c.Drive.Seed("docs/a.txt", []byte("one"))
	second := c.Drive.Twin("docs/a.txt", []byte("two"))
	c.Drive.Mkdir("twice")
	c.Drive.SeedIn(c.Drive.TwinFolder("twice"), "b.txt", []byte("three"))
	c.Drive.SeedShortcut("docs/link.txt", first)
	if first == second {
		t.Fatalf("twins have one id %s", first)
	}
	entries, err := f.List(t.Context(), "docs")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Remote())
	}
	slices.Sort(names)
	if want := []string{"docs/a.txt", "docs/a.txt", "docs/link.txt"}; !slices.Equal(names, want) {
		t.Errorf("rclone lists %v, want %v", names, want)
	}
	o, err := f.NewObject(t.Context(), "docs/link.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, o); got != "one" {
		t.Errorf("the shortcut reads %q, want %q", got, "one")
	}
	if got := len(c.Drive.Tree()); got != 7 {
		t.Errorf("the tree has %d entries, want 7: %v", got, c.Drive.Tree())
	}
}

func TestDriveDocuments(t *testing.T) {
	c := Start(t)
	id := c.Drive.SeedDoc("Plan", drive.Document, []byte("the plan"))
	f := driveRemote(t, c, "", "export_formats", "txt")
	o, err := f.NewObject(t.Context(), "Plan.txt")
	if err != nil {
		t.Fatal(err)
	}
	if o.Size() >= 0 {
		t.Errorf("the document has the size %d, want none", o.Size())
	}
	if got := content(t, o); got != "%.txt\nthe plan" {
		t.Errorf("the export is %q", got)
	}
	c.Drive.UnstableExports(true)
	if one, two := content(t, o), content(t, o); one == two {
		t.Errorf("two exports are both %q, want others", one)
	}
	c.Drive.EditDoc(id, []byte("another"))
	if err := o.Update(t.Context(), strings.NewReader("mine"), object.NewStaticObjectInfo("Plan.txt", time.Now(), 4, true, nil, nil)); err == nil {
		t.Error("a document was overwritten")
	}
}

func TestDriveSharing(t *testing.T) {
	c := Start(t)
	c.Drive.SeedShared("hers.txt", []byte("to read"), false)
	team := c.Drive.AddDrive("Team")
	c.Drive.SeedIn(team, "plans/x.txt", []byte("ours"))
	c.Drive.Seed("mine.txt", []byte("mine"))

	shared := driveRemote(t, c, "", "shared_with_me", "true")
	if got, want := listAll(t.Context(), t, shared, ""), (map[string]string{"hers.txt": "to read"}); !maps.Equal(got, want) {
		t.Errorf("shared with me are %v, want %v", got, want)
	}
	o, err := shared.NewObject(t.Context(), "hers.txt")
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Update(t.Context(), strings.NewReader("mine"), object.NewStaticObjectInfo("hers.txt", time.Now(), 4, true, nil, nil)); err == nil {
		t.Error("a file that is only to be read was written")
	}
	drive := driveRemote(t, c, "", "team_drive", team, "root_folder_id", team)
	if got := listAll(t.Context(), t, drive, ""); !maps.Equal(got, c.Drive.TreeOf(team)) || got["plans/x.txt"] != "ours" {
		t.Errorf("the shared drive has %v, want %v", got, c.Drive.TreeOf(team))
	}
	if got, want := listAll(t.Context(), t, driveRemote(t, c, ""), ""), (map[string]string{"mine.txt": "mine"}); !maps.Equal(got, want) {
		t.Errorf("My Drive has %v, want %v", got, want)
	}
}

func TestDriveQuota(t *testing.T) {
	c := Start(t)
	c.Drive.SetLimit(10)
	f := driveRemote(t, c, "")
	_, err := f.Put(t.Context(), strings.NewReader("eleven byte"), object.NewStaticObjectInfo("a", time.Now(), 11, true, nil, nil))
	if err == nil || !strings.Contains(err.Error(), "storageQuotaExceeded") {
		t.Errorf("a file that does not fit: got %v, want storageQuotaExceeded", err)
	}
}

// content reads a whole object.
func content(t *testing.T, o fs.Object) string {
	t.Helper()
	r, err := o.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
