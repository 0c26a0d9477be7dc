package drive

import (
	"cmp"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// view is the file as JSON with all its fields.
func (s *Service) view(f *file) map[string]any {
	user := map[string]any{
		"kind": "drive#user", "displayName": UserName, "emailAddress": UserEmail, "me": true, "permissionId": "01",
	}
	owner := user
	if !f.owned {
		owner = map[string]any{"kind": "drive#user", "displayName": "Otto Other", "emailAddress": "otto@drive.example", "me": false, "permissionId": "02"}
	}
	v := map[string]any{
		"kind": "drive#file", "id": f.id, "name": f.name, "mimeType": f.mime, "starred": f.starred,
		"trashed": s.inTrash(f), "explicitlyTrashed": f.trashed, "spaces": []string{"drive"},
		"version": strconv.FormatInt(f.version, 10), "createdTime": stamp(f.created), "modifiedTime": stamp(f.modified),
		"modifiedByMeTime": stamp(f.modified), "modifiedByMe": true, "viewedByMe": false,
		"webViewLink": "https://drive.google.com/file/d/" + f.id + "/view", "iconLink": "https://drive-thirdparty.googleusercontent.com/16/type/" + f.mime,
		"ownedByMe": f.owned, "lastModifyingUser": owner, "shared": !f.owned || f.drive != "", "isAppAuthorized": true,
		"writersCanShare": true, "viewersCanCopyContent": true, "copyRequiresWriterPermission": false,
		"thumbnailVersion": "0", "hasThumbnail": false, "quotaBytesUsed": strconv.Itoa(len(f.content)),
		"permissionIds": []string{"01"},
		"capabilities": map[string]any{
			"canEdit": f.writable, "canRename": f.writable, "canTrash": f.writable && f.owned, "canDelete": f.writable && f.owned,
			"canDownload": f.binary() || f.exports != nil, "canListChildren": f.mime == Folder, "canAddChildren": f.mime == Folder && f.writable,
			"canCopy": f.mime != Folder, "canModifyContent": f.writable, "canReadRevisions": f.binary(),
		},
	}
	if f.parent != "" {
		v["parents"] = []string{f.parent}
	}
	if f.drive != "" {
		v["driveId"], v["teamDriveId"] = f.drive, f.drive
	} else {
		v["owners"] = []any{owner}
	}
	if !f.shared.IsZero() {
		v["sharedWithMeTime"], v["sharingUser"] = stamp(f.shared), owner
	}
	for name, text := range map[string]string{"description": f.description} {
		if text != "" {
			v[name] = text
		}
	}
	if len(f.properties) > 0 {
		v["properties"] = f.properties
	}
	if len(f.appProperties) > 0 {
		v["appProperties"] = f.appProperties
	}
	s.viewContent(f, v)
	return v
}

// viewContent adds what tells of the bytes.
func (s *Service) viewContent(f *file, v map[string]any) {
	switch {
	case f.mime == Shortcut:
		d := map[string]any{"targetId": f.target}
		if target := s.files[f.target]; target != nil {
			d["targetMimeType"] = target.mime
		}
		v["shortcutDetails"] = d
	case f.exports != nil:
		links := make(map[string]string)
		for mime := range f.exports {
			links[mime] = "https://docs.google.com/feeds/download/documents/export/Export?id=" + f.id + "&exportFormat=" + strings.TrimPrefix(extension(mime), ".")
		}
		v["exportLinks"] = links
		v["size"] = "1024" // what the document weighs in the quota, not what an export has
	case f.binary():
		v["size"] = strconv.Itoa(len(f.content))
		v["md5Checksum"], v["sha1Checksum"], v["sha256Checksum"] = f.sums.md5, f.sums.sha1, f.sums.sha256
		v["originalFilename"], v["headRevisionId"] = f.name, f.revision
		v["webContentLink"] = "https://drive.google.com/uc?id=" + f.id + "&export=download"
		if ext := strings.TrimPrefix(path.Ext(f.name), "."); ext != "" {
			v["fileExtension"], v["fullFileExtension"] = ext, ext
		}
	}
}

var fileFields = names(`kind id name mimeType description starred trashed explicitlyTrashed trashedTime trashingUser parents properties
 appProperties spaces version webContentLink webViewLink iconLink hasThumbnail thumbnailLink thumbnailVersion viewedByMe viewedByMeTime
 createdTime modifiedTime modifiedByMeTime modifiedByMe sharedWithMeTime sharingUser owners teamDriveId driveId lastModifyingUser shared
 ownedByMe capabilities viewersCanCopyContent copyRequiresWriterPermission writersCanShare permissions permissionIds hasAugmentedPermissions
 folderColorRgb originalFilename fullFileExtension fileExtension md5Checksum sha1Checksum sha256Checksum size quotaBytesUsed headRevisionId
 contentHints imageMediaMetadata videoMediaMetadata isAppAuthorized exportLinks shortcutDetails contentRestrictions labelInfo resourceKey
 linkShareMetadata inheritedPermissionsDisabled downloadRestrictions`)

// A schema is the fields that a resource has; nil stands for any.
type schema map[string]schema

func names(text string) schema {
	set := make(schema)
	for _, name := range strings.Fields(text) {
		set[name] = nil
	}
	return set
}

// with returns the schema with another below one of its fields.
func (s schema) with(field string, inner schema) schema {
	s[field] = inner
	return s
}

// send answers with the fields of body that the request asks for; usual are those it
// gets when it does not say.
func send(w http.ResponseWriter, r *http.Request, body map[string]any, known schema, usual string) *Error {
	m, e := parseMask(cmp.Or(r.URL.Query().Get("fields"), usual))
	if e == nil {
		e = m.check(known)
	}
	if e != nil {
		return e
	}
	answer(w, http.StatusOK, m.apply(body))
	return nil
}
