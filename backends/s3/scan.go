package s3

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// A page of a listing is some hundred kilobytes of XML, and the general decoder is what
// a listing spends most of its time in. So the objects are cut out of the answer and read
// by a scanner that knows what they look like; the SDK decodes the little that is left. An
// answer that looks otherwise goes to the SDK whole.

// scanned is the objects of one answer; nil where the SDK reads them.
type scanned struct{ objects []types.Object }

// scan returns an option of one request that reads the objects into s.
func (s *scanned) scan(o *sdk.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("scanObjects", s.handle), middleware.After)
	})
}

func (s *scanned) handle(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
	out, metadata, err := next.HandleDeserialize(ctx, in)
	s.objects = nil
	reply, ok := out.RawResponse.(*smithyhttp.Response)
	if err != nil || !ok || reply.StatusCode != http.StatusOK {
		return out, metadata, err
	}
	text, broken := io.ReadAll(reply.Body)
	if broken == nil {
		s.objects, text = cutObjects(text)
		broken = io.EOF
	}
	reply.Body = &body{bytes.NewReader(text), reply.Body, broken}
	return out, metadata, nil
}

// body gives text and then ends as the original did.
type body struct {
	text *bytes.Reader
	io.Closer
	end error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.text.Read(p)
	if err == io.EOF {
		err = b.end
	}
	return n, err
}

var (
	opening = []byte("<Contents>")
	closing = []byte("</Contents>")
)

// cutObjects returns the objects of a page and the page without them, or nil and all of
// it if that is beyond the scanner.
func cutObjects(page []byte) ([]types.Object, []byte) {
	from := bytes.Index(page, opening)
	if from < 0 || !utf8.Valid(page) || bytes.Contains(page, []byte("<!")) {
		return nil, page
	}
	n := bytes.Count(page[from:], opening)
	s := scanner{text: page[from:], found: make([]found, 0, n), kept: make([]byte, 0, n*96)}
	for bytes.HasPrefix(s.text, opening) {
		if !s.object() {
			return nil, page
		}
		s.text = bytes.TrimLeft(s.text, " \t\r\n")
	}
	if bytes.Contains(s.text, []byte("<Contents")) {
		return nil, page
	}
	return s.objects(), append(page[:from:from], s.text...)
}

// found is one object; its strings are in kept, one behind the other.
type found struct {
	key, etag int // lengths
	size      int64
	modified  time.Time
	class     types.ObjectStorageClass
	has       [4]bool // key, etag, size, modified
}

type scanner struct {
	text  []byte // what is left of the page
	found []found
	kept  []byte
}

// object reads one <Contents>. It tells whether it could.
func (s *scanner) object() bool {
	var (
		f         found
		key, etag []byte
	)
	s.text = s.text[len(opening):]
	for {
		s.text = bytes.TrimLeft(s.text, " \t\r\n")
		if bytes.HasPrefix(s.text, closing) {
			s.text = s.text[len(closing):]
			f.key, f.etag = len(key), len(etag)
			s.kept = append(append(s.kept, key...), etag...)
			s.found = append(s.found, f)
			return true
		}
		name, value, ok := s.element()
		if !ok {
			return false
		}
		switch name {
		case "Key":
			key, ok = plain(value)
			f.has[0] = true
		case "ETag":
			etag, ok = plain(value)
			f.has[1] = true
		case "Size":
			var err error
			f.size, err = strconv.ParseInt(string(value), 10, 64)
			ok, f.has[2] = err == nil, true
		case "StorageClass":
			value, ok = plain(value)
			if string(value) != "STANDARD" {
				f.class = types.ObjectStorageClass(value)
			}
		case "LastModified":
			var err error
			f.modified, err = time.Parse(time.RFC3339, string(value))
			ok, f.has[3] = err == nil, true
		}
		if !ok {
			return false
		}
	}
}

// element reads one child and its content as it stands.
func (s *scanner) element() (name string, value []byte, ok bool) {
	if len(s.text) == 0 || s.text[0] != '<' {
		return "", nil, false
	}
	end := bytes.IndexByte(s.text, '>')
	if end < 2 {
		return "", nil, false
	}
	tag := s.text[1:end]
	for _, c := range tag {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return "", nil, false
		}
	}
	rest := s.text[end+1:]
	for at := 0; ; {
		i := bytes.Index(rest[at:], []byte("</"))
		if i < 0 {
			return "", nil, false
		}
		at += i
		if after := rest[at+2:]; len(after) > len(tag) && after[len(tag)] == '>' && bytes.HasPrefix(after, tag) {
			s.text = after[len(tag)+1:]
			return string(tag), rest[:at], true
		}
		at += 2
	}
}

// plain undoes the escapes of XML.
func plain(value []byte) ([]byte, bool) {
	for _, c := range value {
		if c == '<' || c < ' ' && c != '\t' && c != '\n' {
			return nil, false
		}
	}
	if bytes.IndexByte(value, '&') < 0 {
		return value, true
	}
	text := make([]byte, 0, len(value))
	for {
		before, after, more := bytes.Cut(value, []byte("&"))
		text = append(text, before...)
		if !more {
			return text, true
		}
		name, rest, ok := bytes.Cut(after, []byte(";"))
		if !ok {
			return nil, false
		}
		r, ok := entity(string(name))
		if !ok {
			return nil, false
		}
		text, value = utf8.AppendRune(text, r), rest
	}
}

// entity returns the character of a name between & and ;.
func entity(name string) (rune, bool) {
	switch name {
	case "quot":
		return '"', true
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "apos":
		return '\'', true
	}
	digits, ok := strings.CutPrefix(name, "#")
	base := 10
	if hex, isHex := strings.CutPrefix(digits, "x"); isHex {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 31)
	r := rune(n)
	if !ok || err != nil || !utf8.ValidRune(r) || r == 0xFFFE || r == 0xFFFF || r < ' ' && r != '\t' && r != '\n' && r != '\r' {
		return 0, false
	}
	return r, true
}

// objects returns what was found; all strings share one array that holds nothing else.
func (s *scanner) objects() []types.Object {
	text, objects := string(s.kept), make([]types.Object, len(s.found))
	keys, etags := make([]string, len(s.found)), make([]string, len(s.found))
	for i := range s.found {
		f, o := &s.found[i], &objects[i]
		keys[i], etags[i], text = text[:f.key], text[f.key:f.key+f.etag], text[f.key+f.etag:]
		o.StorageClass = f.class
		if f.has[0] {
			o.Key = &keys[i]
		}
		if f.has[1] {
			o.ETag = &etags[i]
		}
		if f.has[2] {
			o.Size = &f.size
		}
		if f.has[3] {
			o.LastModified = &f.modified
		}
	}
	return objects
}
