package catalog_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"sd/identity"
	"sd/library"
	"sd/library/catalog"
)

// TestMain makes the test binary play a second process.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "writer" {
		fmt.Fprintln(os.Stderr, write(context.Background(), os.Args[2]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// batch is how many files, all of one content of its own, a transaction of the writer puts into
// a new folder.
const batch = 150

func batchSum(n int) identity.Sum { return identity.Sum{byte(n), byte(n >> 8), 1} }

// write makes one folder after the other, and drops every third again. It prints the number of
// each transaction that it has done.
func write(ctx context.Context, data string) error {
	l, err := library.Open(ctx, data, "")
	if err != nil {
		return err
	}
	c := l.Catalog()
	counts, err := c.Count(ctx, 0)
	if err != nil {
		return err
	}
	first := 0
	if counts.Folders > 0 {
		root, err := c.FindFolder(ctx, "device:x", "")
		if err != nil {
			return err
		}
		if first, err = strconv.Atoi(root.Version); err != nil {
			return err
		}
	}
	for n := first; ; n++ {
		if err := c.Update(ctx, func(tx *catalog.Tx) error { return writeOne(tx, n) }); err != nil {
			return err
		}
		fmt.Println(n + 1)
	}
}

func writeOne(tx *catalog.Tx, n int) error {
	root, err := tx.Root("device:x")
	if err != nil {
		return err
	}
	dir, err := tx.AddFolder(catalog.Folder{Parent: root, Name: fmt.Sprint(n)})
	if err != nil {
		return err
	}
	var list []catalog.File
	for i := range batch {
		list = append(list, catalog.File{Name: fmt.Sprint(i), Size: 10, Version: identity.LocalVersion(1, uint64(n*batch+i))})
	}
	if err := tx.PutFiles(dir, list); err != nil {
		return err
	}
	for _, f := range list {
		if ok, err := tx.Identify(dir, f.Name, f.FileVersion(), batchSum(n), 0, catalog.Read); err != nil || !ok {
			return fmt.Errorf("identify: %v, %w", ok, err)
		}
	}
	if n%3 == 0 {
		old, found, err := tx.Folder(root, fmt.Sprint(n/3))
		if err != nil {
			return err
		}
		if found {
			if _, err := tx.DropFolder(old.ID); err != nil {
				return err
			}
		}
	}
	return tx.SetFolder(catalog.Folder{ID: root, Version: strconv.Itoa(n + 1)})
}

// A writer that is killed at any moment leaves whole transactions, all that it said were done among
// them.
func TestKilledWhileWriting(t *testing.T) {
	data := t.TempDir()
	l, err := library.Open(t.Context(), data, "")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for range 12 {
		child := exec.Command(os.Args[0], "writer", data)
		child.Stderr = os.Stderr
		pipe, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		done, lines := 0, bufio.NewScanner(pipe)
		for rounds := 1 + rand.IntN(12); rounds > 0 && lines.Scan(); rounds-- {
			done, _ = strconv.Atoi(lines.Text())
		}
		for range rand.IntN(200_000) { // some way into the next transaction
			_ = strconv.Itoa(done)
		}
		_ = child.Process.Kill()
		for lines.Scan() {
			if n, err := strconv.Atoi(lines.Text()); err == nil {
				done = n
			}
		}
		_ = child.Wait()
		if done == 0 {
			t.Fatal("the writer has done nothing")
		}
		whole(t, data, done)
	}
}

// whole looks whether the library holds the transactions up to at least done.
func whole(t *testing.T, data string, done int) {
	t.Helper()
	ctx := t.Context()
	l, err := library.Open(ctx, data, "")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Check(ctx); err != nil {
		t.Fatal(err)
	}
	c := l.Catalog()
	root, err := c.FindFolder(ctx, "device:x", "")
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(root.Version)
	if n < done {
		t.Errorf("there are %d transactions, want at least %d", n, done)
	}
	want := map[string]bool{}
	for i := range n {
		want[fmt.Sprint(i)] = true
		if i%3 == 0 {
			delete(want, fmt.Sprint(i/3))
		}
	}
	folders, err := c.Folders(ctx, root.ID)
	if err != nil || len(folders) != len(want) {
		t.Errorf("there are %d folders, want %d; %v", len(folders), len(want), err)
	}
	counts, err := c.Count(ctx, 0)
	if err != nil || counts.Proven != int64(len(want)*batch) || counts.Files != counts.Proven {
		t.Errorf("got %+v, %v, want %d files, all proven", counts, err, len(want)*batch)
	}
	contents := 0
	if err := c.EachCopy(ctx, func(content catalog.Content, copies []catalog.Copy) error {
		contents++
		if len(copies) != batch || content.BLAKE3 != batchSum(int(content.BLAKE3[0])+int(content.BLAKE3[1])<<8) {
			return errors.New("a content has not all its copies")
		}
		return nil
	}); err != nil || contents != len(want) {
		t.Errorf("there are %d contents, want %d; %v", contents, len(want), err)
	}
}
