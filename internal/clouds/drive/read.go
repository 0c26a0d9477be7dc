package drive

import (
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"

	"sd/internal/clouds/front"
)

const usualFile = "kind,id,name,mimeType"

func (s *Service) get(w http.ResponseWriter, r *http.Request) *Error {
	if e := parameters(r, "supportsAllDrives", "supportsTeamDrives", "acknowledgeAbuse", "includeLabels", "includePermissionsForView"); e != nil {
		return e
	}
	q := r.URL.Query()
	s.mu.Lock()
	// Bytes of shared drives are given also to clients that do not say that they know them.
	f, e := s.find(r.PathValue("id"), q.Get("alt") == "media" || flag(q, "supportsAllDrives") || flag(q, "supportsTeamDrives"))
	if e != nil {
		s.mu.Unlock()
		return e
	}
	body, content, binary, mime := s.view(f), f.content, f.binary(), f.mime
	s.mu.Unlock()
	switch q.Get("alt") {
	case "media":
		if !binary {
			return errForbidden("fileNotDownloadable", "Only files with binary content can be downloaded. Use Export with Docs Editors files.")
		}
		front.ServeBytes(w, r, content, mime)
		return nil
	case "", "json":
		return send(w, r, body, fileFields, usualFile)
	}
	return errInvalid("alt")
}

func (s *Service) export(w http.ResponseWriter, r *http.Request) *Error {
	if e := parameters(r, "mimeType", "supportsAllDrives"); e != nil {
		return e
	}
	if r.URL.Query().Get("mimeType") == "" {
		return &Error{400, "required", "Required parameter: mimeType", "mimeType"}
	}
	return s.exported(w, r.PathValue("id"), r.URL.Query().Get("mimeType"))
}

// exportLink is the address in a document's exportLinks.
func (s *Service) exportLink(w http.ResponseWriter, r *http.Request) *Error {
	q := r.URL.Query()
	for mime, ext := range extensions {
		if ext == "."+q.Get("exportFormat") {
			return s.exported(w, q.Get("id"), mime)
		}
	}
	return errBad("The requested conversion is not supported.")
}

// exported sends a document without a length, as Google does: it is made on the way.
func (s *Service) exported(w http.ResponseWriter, id, mime string) *Error {
	s.mu.Lock()
	f, e := s.find(id, true)
	if e != nil {
		s.mu.Unlock()
		return e
	}
	content, ok := f.exports[mime]
	document := f.exports != nil
	s.exports++
	if s.unstable {
		content = fmt.Appendf(content[:len(content):len(content)], "\nexport %d", s.exports)
	}
	s.mu.Unlock()
	if !document {
		return errForbidden("fileNotExportable", "Export only supports Docs Editors files.")
	}
	if !ok {
		return errBad("The requested conversion is not supported.")
	}
	w.Header().Set("Content-Type", mime)
	w.WriteHeader(http.StatusOK)
	if err := http.NewResponseController(w).Flush(); err == nil {
		_, _ = w.Write(content)
	}
	return nil
}

// extensions are the formats that documents are exported to.
var extensions = map[string]string{
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   ".docx",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         ".xlsx",
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
	"application/vnd.oasis.opendocument.text":                                   ".odt",
	"application/pdf": ".pdf", "text/plain": ".txt", "text/csv": ".csv", "application/zip": ".zip",
}

func extension(mime string) string { return extensions[mime] }

// formats are what About says of exports, by the type of document.
var formats = map[string][]string{
	Document: {
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/vnd.oasis.opendocument.text",
		"application/pdf", "text/plain", "application/zip",
	},
	Spreadsheet:  {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/pdf", "text/csv", "application/zip"},
	Presentation: {"application/vnd.openxmlformats-officedocument.presentationml.presentation", "application/pdf", "text/plain"},
}

func (s *Service) about(w http.ResponseWriter, r *http.Request) *Error {
	if e := parameters(r); e != nil {
		return e
	}
	if r.URL.Query().Get("fields") == "" {
		return &Error{400, "required", "The 'fields' parameter is required for this method.", "fields"}
	}
	s.mu.Lock()
	used, trash := s.used()
	quota := map[string]any{
		"usage": strconv.FormatInt(used, 10), "usageInDrive": strconv.FormatInt(used, 10), "usageInDriveTrash": strconv.FormatInt(trash, 10),
	}
	if s.limit > 0 {
		quota["limit"] = strconv.FormatInt(s.limit, 10)
	}
	s.mu.Unlock()
	exports := make(map[string]any)
	for mime, list := range formats {
		exports[mime] = list
	}
	return send(w, r, map[string]any{
		"kind":         "drive#about",
		"user":         map[string]any{"kind": "drive#user", "displayName": UserName, "emailAddress": UserEmail, "me": true, "permissionId": "01"},
		"storageQuota": quota, "exportFormats": exports, "importFormats": map[string]any{}, "maxImportSizes": map[string]any{},
		"maxUploadSize": "5242880000000", "appInstalled": true, "canCreateDrives": true, "canCreateTeamDrives": true,
		"folderColorPalette": []string{}, "driveThemes": []any{},
	}, names("kind user storageQuota exportFormats importFormats maxImportSizes maxUploadSize appInstalled canCreateDrives canCreateTeamDrives folderColorPalette driveThemes teamDriveThemes"), "*")
}

func (s *Service) generateIDs(w http.ResponseWriter, r *http.Request) *Error {
	if e := parameters(r, "count", "space", "type"); e != nil {
		return e
	}
	n := 10
	if text := r.URL.Query().Get("count"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > 1000 {
			return errInvalid("count")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]any, n)
	for i := range ids {
		id := newID("1", 32)
		s.made[id] = true
		ids[i] = id
	}
	return send(w, r, map[string]any{"kind": "drive#generatedIds", "space": "drive", "ids": ids}, names("kind space ids"), "*")
}

// mimeOf is what Drive takes a file for that says nothing.
func mimeOf(name string) string {
	if strings.EqualFold(path.Ext(name), ".txt") {
		return "text/plain"
	}
	return "application/octet-stream"
}
