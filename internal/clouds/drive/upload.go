package drive

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"sd/internal/clouds/front"
)

// pieceUnit is what all pieces of an upload but the last must be a multiple of.
const pieceUnit = 256 << 10

// session is one resumable upload.
type session struct {
	request *http.Request // the one that began it, for its id and parameters
	meta    meta
	mime    string
	total   int64 // -1 while unknown
	content []byte
	done    *file
}

func (s *Service) upload(w http.ResponseWriter, r *http.Request) *Error {
	if e := parameters(r, writeParameters...); e != nil {
		return e
	}
	q := r.URL.Query()
	kind := q.Get("uploadType")
	if q.Has("upload_id") {
		return s.piece(w, r)
	}
	if want := map[bool]string{true: http.MethodPatch, false: http.MethodPost}[r.PathValue("id") != ""]; r.Method != want {
		return &Error{http.StatusNotFound, "notFound", "Not Found", ""}
	}
	switch kind {
	case "media":
		content, err := io.ReadAll(r.Body)
		if err != nil {
			return errBad(err.Error())
		}
		return s.uploaded(w, r, meta{}, content, r.Header.Get("Content-Type"))
	case "multipart":
		m, content, mime, e := readMultipart(r)
		if e != nil {
			return e
		}
		return s.uploaded(w, r, m, content, mime)
	case "resumable":
		return s.begin(w, r)
	}
	return errInvalid("uploadType")
}

// readMultipart reads the two parts of a multipart/related body: metadata and bytes.
func readMultipart(r *http.Request) (m meta, content []byte, contentType string, e *Error) {
	kind, values, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/related" {
		return m, nil, "", errBad("Invalid multipart request with 0 mime parts.")
	}
	parts := multipart.NewReader(r.Body, values["boundary"])
	first, err := parts.NextPart()
	if err != nil || !strings.HasPrefix(first.Header.Get("Content-Type"), "application/json") {
		return m, nil, "", errBad("Malformed multipart body.")
	}
	if m, e = readMeta(first); e != nil {
		return m, nil, "", e
	}
	second, err := parts.NextPart()
	if err == nil {
		contentType = second.Header.Get("Content-Type")
		content, err = io.ReadAll(second)
	}
	if err != nil {
		return m, nil, "", errBad("Malformed multipart body.")
	}
	if _, err = parts.NextPart(); err != io.EOF {
		return m, nil, "", errBad("Malformed multipart body.")
	}
	return m, content, contentType, nil
}

// uploaded makes or changes the file whose bytes are here.
func (s *Service) uploaded(w http.ResponseWriter, r *http.Request, m meta, content []byte, mime string) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, e := s.finish(r, m, content, mime)
	if e != nil {
		return e
	}
	return send(w, r, s.view(f), fileFields, usualFile)
}

func (s *Service) finish(r *http.Request, m meta, content []byte, mime string) (*file, *Error) {
	if content == nil {
		content = []byte{}
	}
	if r.PathValue("id") != "" {
		return s.change(r, m, content, mime)
	}
	return s.newFile(m, content, mime, flag(r.URL.Query(), "supportsAllDrives"))
}

// begin opens a session and says where its pieces go.
func (s *Service) begin(w http.ResponseWriter, r *http.Request) *Error {
	if text := r.Header.Get("Content-Type"); text != "" && !strings.HasPrefix(text, "application/json") {
		return errBad("Unsupported content with type: " + text)
	}
	m, e := readMeta(r.Body)
	if e != nil {
		return e
	}
	up := &session{request: r.Clone(r.Context()), meta: m, mime: r.Header.Get("X-Upload-Content-Type"), total: -1}
	if text := r.Header.Get("X-Upload-Content-Length"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return errBad("Invalid X-Upload-Content-Length")
		}
		up.total = n
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id := r.PathValue("id"); id != "" {
		if _, e := s.find(id, flag(r.URL.Query(), "supportsAllDrives")); e != nil {
			return e
		}
	} else if _, e := s.place(m.Parents, flag(r.URL.Query(), "supportsAllDrives")); e != nil {
		return e
	}
	if e := s.room(int(max(up.total, 0))); e != nil {
		return e
	}
	id := newID("AAN", 90)
	s.sessions[id] = up
	q := r.URL.Query()
	q.Set("upload_id", id)
	w.Header().Set("Location", "https://"+r.Host+r.URL.EscapedPath()+"?"+q.Encode())
	w.Header().Set("X-GUploader-UploadID", id)
	w.WriteHeader(http.StatusOK)
	return nil
}

// piece takes one piece of an upload, or tells how far it is.
func (s *Service) piece(w http.ResponseWriter, r *http.Request) *Error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return errBad(err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	up := s.sessions[r.URL.Query().Get("upload_id")]
	if up == nil {
		return &Error{http.StatusNotFound, "notFound", "Not Found", ""}
	}
	if up.done != nil {
		return send(w, r, s.view(up.done), fileFields, usualFile)
	}
	c := front.ContentRange{From: 0, To: int64(len(body)), Total: int64(len(body))}
	if text := r.Header.Get("Content-Range"); text != "" {
		if c, err = front.ParseContentRange(text); err != nil {
			return errBad("Failed to parse Content-Range header.")
		}
	}
	if e := up.take(c, body); e != nil {
		return e
	}
	if int64(len(up.content)) != up.total {
		if n := len(up.content); n > 0 {
			w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", n-1))
		}
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusPermanentRedirect)
		return nil
	}
	f, e := s.finish(up.request, up.meta, up.content, up.mime)
	if e != nil {
		return e
	}
	up.done = f
	return send(w, up.request, s.view(f), fileFields, usualFile)
}

// take adds a piece to what is here. Bytes that came before are skipped.
func (up *session) take(c front.ContentRange, body []byte) *Error {
	if c.Total >= 0 {
		if up.total >= 0 && c.Total != up.total {
			return errBad("The total size of the upload changed.")
		}
	}
	have := int64(len(up.content))
	switch {
	case c.From < 0 && len(body) > 0:
		return errBad("A status request has no body.")
	case c.From < 0:
		if c.Total == have || c.Total < 0 {
			up.total = max(up.total, c.Total)
		}
		return nil
	case c.To-c.From != int64(len(body)):
		return errBad("Content-Range does not fit the body.")
	case c.From > have:
		return &Error{http.StatusServiceUnavailable, "backendError", "Invalid request. There were bytes missing before this piece.", ""}
	case c.To != c.Total && (c.To-c.From)%pieceUnit != 0:
		return errBad("Invalid request. The number of bytes uploaded is required to be equal or greater than 262144, except for the final request (it's recommended to be the exact multiple of 262144).")
	}
	up.total = max(up.total, c.Total)
	if c.To > have {
		up.content = append(up.content, body[have-c.From:]...)
	}
	return nil
}

func (s *Service) cancelUpload(w http.ResponseWriter, r *http.Request) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, r.URL.Query().Get("upload_id"))
	w.WriteHeader(499)
	return nil
}
