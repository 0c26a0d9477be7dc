package mem_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"sd/backends"
	"sd/backends/mem"
)

func TestUploadsCountAsUsed(t *testing.T) {
	s, ctx := mem.New(mem.Config{Capacity: 10, Limits: backends.UploadLimits{MinPart: 1, MaxPut: 4}}), t.Context()
	u, err := s.Upload(ctx, "file", "", backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	send := func(num int, content string) (backends.Part, error) {
		return u.Part(ctx, num, strings.NewReader(content), int64(len(content)))
	}
	first, err := send(1, "12345")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := send(2, "123456"); !errors.Is(err, backends.ErrNoSpace) {
		t.Errorf("got %v, want %v", err, backends.ErrNoSpace)
	}
	second, err := send(2, "1234")
	if err != nil {
		t.Fatal(err)
	}
	if ids := s.Uploads(); !slices.Equal(ids, []string{u.ID()}) {
		t.Errorf("got uploads %q, want %q", ids, u.ID())
	}
	if _, err := u.Commit(ctx, []backends.Part{second, first}, backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	if used, _, _ := s.Usage(ctx); used != 9 || len(s.Uploads()) != 0 {
		t.Errorf("%d bytes are used by %q, want 9 and no uploads", used, s.Uploads())
	}
	if err := put(t, s, "large", "12345", backends.Meta{}); !errors.Is(err, backends.ErrTooLarge) {
		t.Errorf("got %v, want %v", err, backends.ErrTooLarge)
	}
	aborted, err := s.Upload(ctx, "other", "", backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := aborted.Part(ctx, 1, strings.NewReader("x"), 1); err != nil {
		t.Fatal(err)
	}
	if err := aborted.Abort(ctx); err != nil {
		t.Fatal(err)
	}
	if used, _, _ := s.Usage(ctx); used != 9 {
		t.Errorf("%d bytes are used, want 9", used)
	}
}

func TestPartsMustBeLargeEnough(t *testing.T) {
	s, ctx := mem.New(mem.Config{Limits: backends.UploadLimits{MinPart: 3}}), t.Context()
	u, err := s.Upload(ctx, "file", "", backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	var parts []backends.Part
	for i, content := range []string{"12", "3"} {
		p, err := u.Part(ctx, i+1, strings.NewReader(content), int64(len(content)))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p)
	}
	if _, err := u.Commit(ctx, parts, backends.Cond{}); err == nil {
		t.Error("a part of 2 bytes, not the last, was taken where 3 is the least")
	}
	if _, err := u.Commit(ctx, parts[:1], backends.Cond{}); err != nil {
		t.Error(err)
	}
}

func TestAfterLosesAnswers(t *testing.T) {
	lost := errors.New("lost")
	lose := "PUT"
	s := mem.New(mem.Config{After: func(_ context.Context, op, _ string) error {
		if op == lose {
			return lost
		}
		return nil
	}})
	if err := put(t, s, "file", "x", backends.Meta{}); !errors.Is(err, lost) {
		t.Errorf("got %v, want %v", err, lost)
	}
	lose = "DELETE"
	if _, err := s.Stat(t.Context(), "file"); err != nil {
		t.Errorf("the file whose answer was lost is not there: %v", err)
	}
	if err := s.Remove(t.Context(), "file", backends.Cond{}); !errors.Is(err, lost) {
		t.Errorf("got %v, want %v", err, lost)
	}
	if _, err := s.Stat(t.Context(), "file"); err == nil {
		t.Error("the file whose removal was not told is still there")
	}
}
