package drive

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tokenBase is where change tokens begin to count.
const tokenBase = 1000

func (s *Service) startPageToken(w http.ResponseWriter, r *http.Request) *Error {
	if e := parameters(r, "driveId", "supportsAllDrives", "supportsTeamDrives", "teamDriveId"); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return send(w, r, map[string]any{
		"kind": "drive#startPageToken", "startPageToken": strconv.Itoa(tokenBase + len(s.log)),
	}, names("kind startPageToken"), "*")
}

var changesSchema = names("kind nextPageToken newStartPageToken").with("changes",
	names("kind removed fileId time driveId changeType teamDriveId type teamDrive drive").with("file", fileFields))

func (s *Service) changes(w http.ResponseWriter, r *http.Request) *Error {
	if e := parameters(r, "pageToken", "pageSize", "driveId", "includeRemoved", "includeItemsFromAllDrives", "supportsAllDrives", "spaces",
		"includeCorpusRemovals", "restrictToMyDrive", "includeTeamDriveItems", "supportsTeamDrives", "teamDriveId", "includeLabels", "includePermissionsForView"); e != nil {
		return e
	}
	q := r.URL.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	n, e := s.amount(q)
	if e != nil {
		return e
	}
	at, err := strconv.Atoi(q.Get("pageToken"))
	if at -= tokenBase; err != nil || at < 0 || at > len(s.log) {
		return errInvalid("pageToken")
	}
	last := make(map[string]int)
	for i := at; i < len(s.log); i++ {
		last[s.log[i]] = i
	}
	list := []any{}
	for ; at < len(s.log) && len(list) < n; at++ {
		id := s.log[at]
		if last[id] != at { // only the last change of a file is told
			continue
		}
		if c := s.changeOf(id, q.Get("driveId"), flag(q, "includeItemsFromAllDrives")); c != nil {
			list = append(list, c)
		}
	}
	body := map[string]any{"kind": "drive#changeList", "changes": list}
	if at < len(s.log) {
		body["nextPageToken"] = strconv.Itoa(tokenBase + at)
	} else {
		body["newStartPageToken"] = strconv.Itoa(tokenBase + at)
	}
	return send(w, r, body, changesSchema, "kind,nextPageToken,newStartPageToken,changes(kind,changeType,time,removed,fileId,type,file(kind,id,name,mimeType))")
}

func (s *Service) changeOf(id, drive string, allDrives bool) map[string]any {
	c := map[string]any{
		"kind": "drive#change", "changeType": "file", "type": "file", "time": stamp(time.Now()), "fileId": id, "removed": s.removed[id],
	}
	f := s.files[id]
	if f == nil {
		return c
	}
	if f.drive != drive && (f.drive != "" || drive != "") && !(drive == "" && allDrives) {
		return nil
	}
	c["file"] = s.view(f)
	if f.drive != "" {
		c["driveId"] = f.drive
	}
	return c
}

var driveSchema = names("kind id name themeId colorRgb backgroundImageFile backgroundImageLink capabilities createdTime hidden restrictions orgUnitId")

func (s *Service) driveView(id string) map[string]any {
	return map[string]any{
		"kind": "drive#drive", "id": id, "name": s.drives[id], "createdTime": stamp(s.files[id].created), "hidden": false,
		"capabilities": map[string]any{"canAddChildren": true, "canEdit": true, "canListChildren": true}, "restrictions": map[string]any{},
	}
}

func (s *Service) listDrives(w http.ResponseWriter, r *http.Request) *Error {
	if e := parameters(r, "pageSize", "pageToken", "q", "useDomainAdminAccess"); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for id := range s.drives {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return strings.Compare(s.drives[a], s.drives[b]) })
	list := []any{}
	for _, id := range ids {
		list = append(list, s.driveView(id))
	}
	return send(w, r, map[string]any{"kind": "drive#driveList", "drives": list},
		names("kind nextPageToken").with("drives", driveSchema), "kind,nextPageToken,drives(kind,id,name)")
}

func (s *Service) getDrive(w http.ResponseWriter, r *http.Request) *Error {
	if e := parameters(r, "useDomainAdminAccess"); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.PathValue("id")
	if s.drives[id] == "" {
		return &Error{404, "notFound", "Shared drive not found: " + id, "driveId"}
	}
	return send(w, r, s.driveView(id), driveSchema, "kind,id,name")
}
