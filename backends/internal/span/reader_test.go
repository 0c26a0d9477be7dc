package span

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"sd/backends"
	"sd/backends/internal/rest"
)

var errBeyond = errors.New("beyond the end")

// scripted is a Source of text, whose bodies break off after the lengths in cuts.
type scripted struct {
	call  *rest.Call
	text  string
	cuts  []int
	asked int
	open  int
	end   int
}

func (s *scripted) Ask(pos, left int64) (io.ReadCloser, int64, error) {
	s.asked++
	if pos > int64(len(s.text)) {
		return nil, 0, errBeyond
	}
	part := s.text[pos:]
	if left >= 0 && int64(len(part)) > left {
		part = part[:left]
	}
	length := int64(len(part))
	if len(s.cuts) > 0 {
		part, s.cuts = part[:min(len(part), s.cuts[0])], s.cuts[1:]
	}
	s.open++
	return &body{strings.NewReader(part), s}, length, nil
}

func (s *scripted) Beyond(err error) bool { return errors.Is(err, errBeyond) }

func (s *scripted) End(err error) error {
	s.end++
	return s.call.End(err)
}

type body struct {
	io.Reader
	s *scripted
}

func (b *body) Close() error {
	b.s.open--
	return nil
}

func open(t *testing.T, s *scripted, pos, left int64) *Reader {
	t.Helper()
	c := rest.New(http.DefaultTransport, rest.Config{})
	t.Cleanup(c.Close)
	call, err := c.Begin(t.Context(), "GET", rest.Data, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.call = call
	r, err := Open(call, s, pos, left)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReaderResumes(t *testing.T) {
	text := strings.Repeat("0123456789", 1000)
	s := &scripted{text: text, cuts: []int{0, 17, 1, 4000}}
	got, err := io.ReadAll(open(t, s, 3, 9000))
	if err != nil || !bytes.Equal(got, []byte(text[3:9003])) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if s.asked != 5 || s.open != 0 {
		t.Errorf("asked %d times, %d bodies left open", s.asked, s.open)
	}
}

func TestReaderGivesUp(t *testing.T) {
	s := &scripted{text: strings.Repeat("x", 100), cuts: []int{1, 1, 1, 1, 1, 1, 1, 1}}
	got, err := io.ReadAll(open(t, s, 0, -1))
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(got) != maxResumes+1 || s.open != 0 || s.end != 1 {
		t.Errorf("%d bytes, %v; %d bodies left open, ended %d times", len(got), err, s.open, s.end)
	}
}

// A version that has become shorter meanwhile ends in an error, not as a file that is shorter.
func TestReaderOfWhatShrinks(t *testing.T) {
	for _, size := range []int{60, 30, 50} {
		s := &scripted{text: strings.Repeat("x", 100), cuts: []int{50}}
		r := open(t, s, 0, -1)
		first := make([]byte, 50)
		if _, err := io.ReadFull(r, first); err != nil {
			t.Fatal(err)
		}
		s.text = s.text[:size]
		if rest, err := io.ReadAll(r); !errors.Is(err, backends.ErrChanged) || len(rest) != 0 || s.open != 0 {
			t.Errorf("of %d bytes: %d more, %v; %d bodies left open", size, len(rest), err, s.open)
		}
	}
}

func TestReaderCloses(t *testing.T) {
	s := &scripted{text: "text"}
	r := open(t, s, 0, -1)
	if err := errors.Join(r.Close(), r.Close()); err != nil || s.open != 0 {
		t.Errorf("%v, %d bodies left open", err, s.open)
	}
	if r := open(t, &scripted{text: "text"}, 4, -1); r.left != 0 || r.call != nil {
		t.Error("an empty range leaves its operation open")
	}
}
