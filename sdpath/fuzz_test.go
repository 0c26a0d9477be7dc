package sdpath

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
)

func check(t *testing.T, p Path) {
	t.Helper()
	if back, err := Parse(p.String()); back != p || err != nil {
		t.Errorf("Parse(%q) = %#v, %v, want %#v", p, back, err, p)
	}
	if back, err := ParseMount(Mount(p)); (back != p || err != nil) && !(errors.Is(err, ErrLong) && hasLong(p)) {
		t.Errorf("ParseMount(%q) = %#v, %v, want %#v", Mount(p), back, err, p)
	}
	data, err := json.Marshal(p)
	if err != nil {
		if utf8.ValidString(p.String()) {
			t.Errorf("Marshal(%#v): %v", p, err)
		}
		return
	}
	if back, err := UnmarshalJSON(data); back != p || err != nil {
		t.Errorf("UnmarshalJSON(%s) = %#v, %v, want %#v", data, back, err, p)
	}
}

// hasLong tells whether a segment of p is shown shortened.
func hasLong(p Path) bool {
	c, ok := p.(Cloud)
	return ok && slices.ContainsFunc(SplitKey(c.Path), func(seg string) bool {
		_, _, err := Unescape(Escape(seg))
		return err == ErrLong
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"local://dev/a/../b", "local://dev/C:/x", "local://dev//C:/x", "s3://b//k/", "gs://b", "content://550e8400-e29b-41d4-a716-446655440000.jpg", "gdrive://My Drive/a\xff", "s3://b//%%/.././%%#\x00/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if p, err := Parse(uri); err == nil {
			check(t, p)
		}
	})
}

func FuzzParseMount(f *testing.F) {
	for _, s := range []string{"local/dev/a/../b", "local/dev/C:", "local/dev//C:/x", "s3/b//k/", "s3/b/%%%2Flead/%%/%%x%file", "gs/b", "content/550e8400-e29b-41d4-a716-446655440000.jpg"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, rel string) {
		if p, err := ParseMount(rel); err == nil {
			check(t, p)
		}
	})
}

func FuzzNewPhysical(f *testing.F) {
	f.Add("dev", "/C:/x")
	f.Add("dev", "C:/../x/")
	f.Fuzz(func(t *testing.T, slug, name string) {
		if slug != "" && !strings.Contains(slug, "/") {
			check(t, NewPhysical(slug, name))
		}
	})
}

func FuzzSlug(f *testing.F) {
	f.Add("Jamie’s MacBook Pro")
	f.Fuzz(func(t *testing.T, name string) {
		slug, err := Slug(name)
		if err != nil {
			return
		}
		if strings.ContainsAny(slug, "/'’ .") || strings.Trim(slug, "-") != slug {
			t.Errorf("Slug(%q) = %q", name, slug)
		}
		if again, err := Slug(slug); again != slug || err != nil {
			t.Errorf("Slug(%q) = %q, %v, want it unchanged", slug, again, err)
		}
	})
}

// Every path survives every form, whatever segments it is made of.
func TestRoundTrip(t *testing.T) {
	segments := []string{"", ".", "..", "a", "b c", "C:", "c:", "://", "é", "\xff", "'", "%2F", "%%", "%%a%file", "\x00", "#?", "\n", "\\", long}
	services := Services()
	for range 20000 {
		n := rand.IntN(6)
		parts := make([]string, n)
		for i := range parts {
			parts[i] = segments[rand.IntN(len(segments))]
		}
		name := strings.Join(parts, "/")
		check(t, Cloud{services[rand.IntN(len(services))], "id:entifier", name})
		check(t, NewPhysical("dev", name))
		check(t, NewPhysical("dev", "/"+name))
	}
	for range 100 {
		check(t, Content{uuid.New()})
	}
}
