package onedrive

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
)

// meta is the JSON of a create, copy or update.
type meta struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Folder      *struct {
		ChildCount *int `json:"childCount"`
	} `json:"folder"`
	File     *struct{} `json:"file"`
	FileSize *int64    `json:"fileSize"`
	Times    *struct {
		Created  string `json:"createdDateTime"`
		Modified string `json:"lastModifiedDateTime"`
		Accessed string `json:"lastAccessedDateTime"`
	} `json:"fileSystemInfo"`
	Parent *struct {
		DriveID string `json:"driveId"`
		ID      string `json:"id"`
		Path    string `json:"path"`
		Kind    string `json:"driveType"`
	} `json:"parentReference"`
	Conflict string `json:"@microsoft.graph.conflictBehavior"`
	OfName   string `json:"@name.conflictBehavior"` // the same said of the name
	Type     string `json:"@odata.type"`
}

// readJSON reads a body into v and refuses fields that v does not have.
func readJSON(r *http.Request, v any) *Error {
	if kind := r.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		return errInvalid("Content-Type must be application/json.")
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return errInvalid(err.Error())
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return errInvalid("The request is malformed or incorrect: " + err.Error())
	}
	return nil
}

func readMeta(r *http.Request, allowed ...string) (meta, *Error) {
	var m meta
	if e := readJSON(r, &m); e != nil {
		return m, e
	}
	return m, m.check(r, allowed...)
}

// check refuses what a call may not say.
func (m *meta) check(r *http.Request, allowed ...string) *Error {
	said := map[string]bool{
		"folder": m.Folder != nil, "file": m.File != nil, "fileSize": m.FileSize != nil, "parentReference": m.Parent != nil,
	}
	for name, is := range said {
		if is && !slices.Contains(allowed, name) {
			return errInvalid("The property '" + name + "' cannot be set here.")
		}
	}
	if m.Times != nil {
		for _, text := range []string{m.Times.Created, m.Times.Modified, m.Times.Accessed} {
			if _, ok := parseTime(text); text != "" && !ok {
				return errInvalid("Cannot convert '" + text + "' to a time.")
			}
		}
	}
	if m.Conflict = m.Conflict + m.OfName; m.Conflict == "" && r != nil {
		m.Conflict = r.URL.Query().Get(conflictKey)
	}
	switch m.Conflict {
	case "", "fail", "replace", "rename":
		return nil
	}
	return errInvalid("Invalid conflict behavior")
}

// put writes the times and the description into the item.
func (m *meta) put(i *item) {
	if m.Description != "" {
		i.description = m.Description
	}
	if m.Times == nil {
		return
	}
	if t, ok := parseTime(m.Times.Created); ok {
		i.created = t
	}
	if t, ok := parseTime(m.Times.Modified); ok {
		i.modified = t
	}
}
