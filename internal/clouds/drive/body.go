package drive

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"
)

// meta is the JSON of a create, copy or update. Nil is "not said".
type meta struct {
	ID            *string            `json:"id"`
	Name          *string            `json:"name"`
	MimeType      *string            `json:"mimeType"`
	Description   *string            `json:"description"`
	Parents       []string           `json:"parents"`
	Starred       *bool              `json:"starred"`
	Trashed       *bool              `json:"trashed"`
	CreatedTime   *time.Time         `json:"createdTime"`
	ModifiedTime  *time.Time         `json:"modifiedTime"`
	ViewedByMe    *time.Time         `json:"viewedByMeTime"`
	Properties    map[string]*string `json:"properties"`
	AppProperties map[string]*string `json:"appProperties"`
	Original      *string            `json:"originalFilename"`
	Shortcut      *struct {
		TargetID string `json:"targetId"`
	} `json:"shortcutDetails"`
	Sharing  *bool   `json:"writersCanShare"`
	NoCopy   *bool   `json:"copyRequiresWriterPermission"`
	Color    *string `json:"folderColorRgb"`
	Revision *bool   `json:"keepRevisionForever"`
}

var writable = []string{
	"id", "name", "mimeType", "description", "parents", "starred", "trashed", "createdTime", "modifiedTime", "viewedByMeTime", "properties",
	"appProperties", "originalFilename", "shortcutDetails", "writersCanShare", "copyRequiresWriterPermission", "folderColorRgb", "kind",
}

// readMeta reads and checks the JSON of a request.
func readMeta(body io.Reader) (meta, *Error) {
	text, err := io.ReadAll(io.LimitReader(body, 1<<20))
	if err != nil {
		return meta{}, errBad("body: " + err.Error())
	}
	if text = bytes.TrimSpace(text); len(text) == 0 || string(text) == "null" {
		return meta{}, nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil {
		return meta{}, &Error{400, "parseError", "Parse Error", ""}
	}
	for name := range fields {
		if _, known := fileFields[name]; !known {
			return meta{}, errBad("Invalid JSON payload received. Unknown name \"" + name + "\": Cannot find field.")
		}
		if !slices.Contains(writable, name) {
			return meta{}, errForbidden("fieldNotWritable", "The resource body includes fields which are not directly writable.")
		}
	}
	delete(fields, "kind")
	text, _ = json.Marshal(fields)
	var m meta
	if json.Unmarshal(text, &m) != nil {
		return meta{}, errInvalid("")
	}
	return m, nil
}

// put writes what the request says into the file.
func (m *meta) put(f *file) {
	if m.Name != nil {
		f.name = *m.Name
	}
	if m.MimeType != nil && *m.MimeType != "" {
		f.mime = *m.MimeType
	}
	if m.Description != nil {
		f.description = *m.Description
	}
	if m.Starred != nil {
		f.starred = *m.Starred
	}
	if m.CreatedTime != nil {
		f.created = m.CreatedTime.Truncate(time.Millisecond)
	}
	if m.ModifiedTime != nil {
		f.modified = m.ModifiedTime.Truncate(time.Millisecond)
	}
	f.properties = merge(f.properties, m.Properties)
	f.appProperties = merge(f.appProperties, m.AppProperties)
}

func merge(have map[string]string, changes map[string]*string) map[string]string {
	out := make(map[string]string)
	for k, v := range have {
		out[k] = v
	}
	for k, v := range changes {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = *v
		}
	}
	return out
}

func (s *Service) create(w http.ResponseWriter, r *http.Request) *Error {
	if e := parameters(r, writeParameters...); e != nil {
		return e
	}
	m, e := readMeta(r.Body)
	if e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, e := s.newFile(m, nil, "", flag(r.URL.Query(), "supportsAllDrives"))
	if e != nil {
		return e
	}
	return send(w, r, s.view(f), fileFields, usualFile)
}

var writeParameters = []string{
	"supportsAllDrives", "supportsTeamDrives", "ignoreDefaultVisibility", "keepRevisionForever", "enforceSingleParent", "includeLabels",
	"includePermissionsForView", "ocrLanguage", "useContentAsIndexableText", "uploadType", "upload_id", "addParents", "removeParents",
	"setModifiedDate", "upload_protocol",
}
