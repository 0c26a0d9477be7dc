package dropbox

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"sd/internal/clouds/front"
)

func (s *Service) getMetadata(r *request) *Error {
	var arg struct {
		Path            string          `json:"path"`
		MediaInfo       bool            `json:"include_media_info"`
		Deleted         bool            `json:"include_deleted"`
		ExplicitMembers bool            `json:"include_has_explicit_shared_members"`
		PropertyGroups  json.RawMessage `json:"include_property_groups"`
	}
	if e := r.decode(&arg); e != nil {
		return e
	}
	if e := r.checkPath(arg.Path, false); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(arg.Path)
	if e == nil || e == s.root {
		return fail(409, "path", "not_found")
	}
	answer(r.w, http.StatusOK, s.view(e, true))
	return nil
}

func (s *Service) download(r *request) *Error {
	var arg struct {
		Path string `json:"path"`
		Rev  string `json:"rev"`
	}
	if e := r.decode(&arg); e != nil {
		return e
	}
	if e := r.checkPath(arg.Path, false); e != nil {
		return e
	}
	s.mu.Lock()
	e, content, wrong := s.source(arg.Path, arg.Rev)
	if wrong != nil {
		s.mu.Unlock()
		return wrong
	}
	result, rev := headerJSON(s.view(e, false)), e.rev
	s.mu.Unlock()
	r.w.Header().Set("Dropbox-API-Result", result)
	r.w.Header().Set("ETag", `W/"`+rev+`"`)
	front.ServeBytes(r.w, r.http, content, "application/octet-stream")
	return nil
}

// source is the file and the bytes that a download means.
func (s *Service) source(path, rev string) (*entry, []byte, *Error) {
	if name, ok := strings.CutPrefix(path, "rev:"); ok {
		rev = name
	} else if rev == "" {
		e := s.find(path)
		switch {
		case e == nil:
			return nil, nil, fail(409, "path", "not_found")
		case e.folder:
			return nil, nil, fail(409, "path", "not_file")
		case e.paper:
			return nil, nil, fail(409, "unsupported_file")
		}
		return e, e.content, nil
	}
	old, ok := s.revs[rev]
	if !ok {
		return nil, nil, fail(409, "path", "not_found")
	}
	return old.entry, old.content, nil
}

// headerJSON is JSON that a header can carry.
func headerJSON(v any) string {
	text, _ := json.Marshal(v)
	var b strings.Builder
	for _, c := range string(text) {
		switch {
		case c < 0x7f:
			b.WriteRune(c)
		case c < 0x10000:
			b.WriteString(`\u` + strconv.FormatInt(int64(c)+0x10000, 16)[1:])
		default:
			c -= 0x10000
			b.WriteString(`\u` + strconv.FormatInt(0xd800+int64(c>>10), 16) + `\u` + strconv.FormatInt(0xdc00+int64(c&0x3ff), 16))
		}
	}
	return b.String()
}

func (s *Service) export(r *request) *Error {
	var arg struct {
		Path   string `json:"path"`
		Format string `json:"export_format"`
	}
	if e := r.decode(&arg); e != nil {
		return e
	}
	if e := r.checkPath(arg.Path, false); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(arg.Path)
	switch {
	case e == nil:
		return fail(409, "path", "not_found")
	case e.folder:
		return fail(409, "path", "not_file")
	case !e.paper:
		return fail(409, "non_exportable")
	}
	format := arg.Format
	if format == "" {
		format = "html"
	}
	content, ok := e.exports[format]
	if !ok {
		return fail(409, "invalid_export_format")
	}
	name := strings.TrimSuffix(e.name, ".paper") + "." + map[string]string{"markdown": "md"}[format]
	if format != "markdown" {
		name += format
	}
	r.w.Header().Set("Dropbox-API-Result", headerJSON(map[string]any{
		"export_metadata": map[string]any{
			"name": name, "size": len(content), "export_hash": contentHash(content), "paper_revision": e.paperRevision,
		},
		"file_metadata": s.view(e, false),
	}))
	r.w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = r.w.Write(content)
	return nil
}
