package testserver_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sd/internal/testserver"
)

func TestServersKeepObjects(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...string) *testserver.Server{
		"versitygw": testserver.Versitygw, "gofakes3": testserver.Gofakes3,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "bucket")
			if err := s.MakeBucket(t.Context(), "bucket"); err != nil {
				t.Errorf("second MakeBucket: %v", err)
			}
			objects := []string{"a/b.txt", "hello", "odd +%?#&=~ ümläut", "x", "empty", "", "日本/語", "y"}
			s.MustPut(t, "bucket", objects...)
			for i := 0; i < len(objects); i += 2 {
				got, err := s.ReadAll(t.Context(), "bucket", objects[i])
				if err != nil || string(got) != objects[i+1] {
					t.Errorf("%q is %q, %v; want %q", objects[i], got, err, objects[i+1])
				}
			}
			header := http.Header{"If-None-Match": {"*"}}
			if err := s.Put(t.Context(), "bucket", "a/b.txt", strings.NewReader("2"), 1, header); err == nil {
				t.Error("a conditional put replaced an object")
			}
			if err := s.Delete(t.Context(), "bucket", "a/b.txt"); err != nil {
				t.Error(err)
			}
			if _, err := s.ReadAll(t.Context(), "bucket", "a/b.txt"); err == nil {
				t.Error("a deleted object is still there")
			}
		})
	}
}

func TestFill(t *testing.T) {
	s := testserver.Versitygw(t, "bucket")
	object := func(i int) (string, []byte) { return fmt.Sprintf("d/%03d", i), fmt.Append(nil, i) }
	if err := s.Fill(t.Context(), "bucket", 200, object); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(s.Dir, "bucket", "d"))
	if err != nil || len(files) != 200 {
		t.Errorf("got %d files, %v; want 200", len(files), err)
	}
	if err := s.Fill(t.Context(), "absent", 50, object); err == nil {
		t.Error("filling an absent bucket went well")
	}
}

func TestStopLeavesNothing(t *testing.T) {
	s, err := testserver.StartVersitygw(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}
	if err := syscall.Kill(s.Pid(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process is still there: %v", err)
	}
	if _, err := os.Stat(s.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data is still there: %v", err)
	}
}

func TestMissingToolSaysWhatToDo(t *testing.T) {
	t.Setenv("PATH", "")
	_, err := testserver.Tool("no-such-tool")
	if err == nil || !strings.Contains(err.Error(), "run make tools") {
		t.Errorf("got %v, want the advice to run make tools", err)
	}
}

func TestServersList(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...string) *testserver.Server{
		"versitygw": testserver.Versitygw, "gofakes3": testserver.Gofakes3,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "bucket")
			err := s.Fill(t.Context(), "bucket", 1200, func(i int) (string, []byte) { return fmt.Sprintf("d/%04d + %%ü", i), []byte("12345") })
			if err != nil {
				t.Fatal(err)
			}
			s.MustPut(t, "bucket", "dd", "")
			list, err := s.List(t.Context(), "bucket", "d/")
			if err != nil || len(list) != 1200 || list[1199].Key != "d/1199 + %ü" || list[7].Size != 5 || len(list[7].ETag) < 32 {
				t.Errorf("got %d objects, %v; want 1200 with their sizes and tags: %+v", len(list), err, list[len(list)-1:])
			}
			if keys := s.Keys(t, "bucket", "dd"); len(keys) != 1 || keys[0] != "dd" {
				t.Errorf("got %q, want dd", keys)
			}
			if ups, err := s.Uploads(t.Context(), "bucket"); len(ups) != 0 || err != nil {
				t.Errorf("got uploads %q, %v; want none", ups, err)
			}
		})
	}
}
