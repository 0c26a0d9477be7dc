package onedrive

import (
	"crypto/rand"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"sd/internal/clouds/front"
)

func (i *item) eTag() string { return fmt.Sprintf("\"{%s},%d\"", i.id, i.etag) }

func (i *item) cTag() string { return fmt.Sprintf("\"c:{%s},%d\"", i.id, i.ctag) }

func (i *item) mime() string {
	if kind := mime.TypeByExtension(path.Ext(i.name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

// view is an item as JSON.
func (s *Service) view(i *item) map[string]any {
	user := map[string]any{"user": map[string]any{"displayName": UserName, "id": DriveID, "email": UserEmail}}
	v := map[string]any{
		"id": i.id, "name": i.name, "eTag": i.eTag(), "size": i.size(), "createdBy": user, "lastModifiedBy": user,
		"createdDateTime": stamp(i.changed), "lastModifiedDateTime": stamp(i.changed),
		"webUrl":         "https://onedrive.live.com/?cid=" + DriveID + "&id=" + url.QueryEscape(i.id),
		"fileSystemInfo": map[string]any{"createdDateTime": stamp(i.created), "lastModifiedDateTime": stamp(i.modified)},
	}
	if i.description != "" {
		v["description"] = i.description
	}
	reference := map[string]any{"driveId": DriveID, "driveType": DriveType}
	if i.parent == nil {
		v["root"] = map[string]any{}
	} else {
		reference["id"], reference["name"] = i.parent.id, i.parent.name
		reference["path"] = "/drives/" + DriveID + "/root:" + i.parent.path()
	}
	v["parentReference"] = reference
	if i.folder {
		v["folder"] = map[string]any{"childCount": len(i.children)}
		return v
	}
	v["cTag"] = i.cTag()
	v["file"] = map[string]any{"mimeType": i.mime(), "hashes": i.hashes}
	v["@microsoft.graph.downloadUrl"] = s.link(i)
	return v
}

// pick keeps the properties of $select, with the annotations that always come.
func pick(v map[string]any, r *http.Request) map[string]any {
	list := r.URL.Query().Get("$select")
	if list == "" {
		return v
	}
	out := make(map[string]any)
	for _, name := range strings.Split(list, ",") {
		if held, ok := v[strings.TrimSpace(name)]; ok {
			out[strings.TrimSpace(name)] = held
		}
	}
	return out
}

// link is an address that gives the bytes of an item to whoever has it.
func (s *Service) link(i *item) string {
	if s.links[i.link] != i.id {
		i.link = rand.Text() + rand.Text()
		s.links[i.link] = i.id
	}
	return "https://" + contentHost + "/dl/" + i.link
}

func (s *Service) get(w http.ResponseWriter, r *http.Request, a address) *Error {
	if r.URL.Query().Has("$expand") {
		return errInvalid("$expand is not supported here.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, e := s.find(a)
	if e != nil {
		return e
	}
	if r.Header.Get("If-None-Match") == i.eTag() {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	v := s.view(i)
	v["@odata.context"] = "https://graph.microsoft.com/v1.0/$metadata#users('me')/drive/root/$entity"
	w.Header().Set("ETag", i.eTag())
	answer(w, http.StatusOK, pick(v, r))
	return nil
}

// content sends the client to where the bytes are.
func (s *Service) content(w http.ResponseWriter, _ *http.Request, a address) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, e := s.find(a)
	if e != nil {
		return e
	}
	if i.folder {
		return errFolder
	}
	w.Header().Set("Location", s.link(i))
	w.WriteHeader(http.StatusFound)
	return nil
}

// download gives the bytes of a link. The link is the whole right to read: a token
// with it is refused, as by the real one.
func (s *Service) download(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "" {
		write(w, &Error{401, "unauthenticated", "The link carries its own authorization."})
		return
	}
	s.mu.Lock()
	i := s.items[s.links[r.PathValue("link")]]
	if i == nil {
		s.mu.Unlock()
		write(w, errMissing)
		return
	}
	content, kind, etag, changed := i.content, i.mime(), i.eTag(), i.changed
	s.mu.Unlock()
	w.Header().Set("ETag", etag)
	w.Header().Set("Last-Modified", changed.Format(http.TimeFormat))
	front.ServeBytes(w, r, content, kind)
}

func parseTime(text string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, text)
	return t.UTC().Truncate(time.Second), err == nil
}
