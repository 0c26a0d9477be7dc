package sdpath

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The wire forms. PathBytes (base64) stands in for Path where that is not valid
// UTF-8, which a JSON string cannot hold.
type (
	physicalJSON struct {
		DeviceSlug string `json:"device_slug"`
		Path       string `json:"path"`
		PathBytes  []byte `json:"path_bytes,omitempty"`
	}
	cloudJSON struct {
		Service    string `json:"service"`
		Identifier string `json:"identifier"`
		Path       string `json:"path"`
		PathBytes  []byte `json:"path_bytes,omitempty"`
	}
	contentJSON struct {
		ContentID string `json:"content_id"`
	}
	pathJSON struct {
		Physical *physicalJSON `json:",omitempty"`
		Cloud    *cloudJSON    `json:",omitempty"`
		Content  *contentJSON  `json:",omitempty"`
	}
)

// MarshalJSON returns {"Physical":{"device_slug":…,"path":…}}. A path that is not
// valid UTF-8 also has "path_bytes", in base64; UnmarshalJSON prefers it. A slug that is
// not valid UTF-8 is an error.
func (p Physical) MarshalJSON() ([]byte, error) {
	if !utf8.ValidString(p.DeviceSlug) {
		return nil, fmt.Errorf("device %q is not valid UTF-8", p.DeviceSlug)
	}
	return json.Marshal(pathJSON{Physical: &physicalJSON{p.DeviceSlug, p.Path, rawBytes(p.Path)}})
}

// MarshalJSON returns {"Cloud":{"service":…,"identifier":…,"path":…}}, with
// "path_bytes" and its error as for Physical.
func (p Cloud) MarshalJSON() ([]byte, error) {
	if !utf8.ValidString(p.Identifier) {
		return nil, fmt.Errorf("identifier %q is not valid UTF-8", p.Identifier)
	}
	return json.Marshal(pathJSON{Cloud: &cloudJSON{string(p.Service), p.Identifier, p.Path, rawBytes(p.Path)}})
}

// MarshalJSON returns {"Content":{"content_id":…}}.
func (p Content) MarshalJSON() ([]byte, error) {
	return json.Marshal(pathJSON{Content: &contentJSON{p.ID.String()}})
}

// UnmarshalJSON reads what the MarshalJSON methods write. Besides syntax it fails as
// Parse does.
func UnmarshalJSON(data []byte) (Path, error) {
	var j pathJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return nil, fmt.Errorf("path in JSON: %w", err)
	}
	switch {
	case j.Physical != nil && j.Cloud == nil && j.Content == nil:
		slug, name := j.Physical.DeviceSlug, pick(j.Physical.Path, j.Physical.PathBytes)
		if err := checkIdentifier("local", slug); err != nil {
			return nil, err
		}
		return Physical{slug, cleanPhysical(name)}, nil
	case j.Cloud != nil && j.Physical == nil && j.Content == nil:
		service, err := ParseService(j.Cloud.Service)
		if err != nil {
			return nil, err
		}
		if err := checkIdentifier(string(service), j.Cloud.Identifier); err != nil {
			return nil, err
		}
		return Cloud{service, j.Cloud.Identifier, pick(j.Cloud.Path, j.Cloud.PathBytes)}, nil
	case j.Content != nil && j.Physical == nil && j.Cloud == nil:
		id, err := parseContentID(j.Content.ContentID)
		if err != nil {
			return nil, err
		}
		return Content{ID: id}, nil
	}
	return nil, errors.New(`path in JSON: want exactly one of "Physical", "Cloud" and "Content"`)
}

func checkIdentifier(scheme, identifier string) error {
	if identifier == "" {
		return &EmptyIdentifierError{Scheme: scheme, Input: scheme + "://"}
	}
	if strings.Contains(identifier, "/") {
		return fmt.Errorf("path in JSON: %q must not have a slash", identifier)
	}
	return nil
}

func rawBytes(s string) []byte {
	if utf8.ValidString(s) {
		return nil
	}
	return []byte(s)
}

func pick(text string, raw []byte) string {
	if raw != nil {
		return string(raw)
	}
	return text
}
