package sdpath

import "strings"

// SplitKey returns the segments that lead from a volume's root to a key: the names of
// the folders and, last, that of the file. A segment may be empty. A key that begins
// with a slash lies in the root, for "" is the name of the root itself; so its first
// segment, and no other ever, has a slash, in front: "/lead" is {"/lead"}, "/a/b" is
// {"/a", "b"} and "//b" is {"/", "b"}. The key "" has no segments. The same holds for
// the names of folders, which are keys without the slash at their end.
func SplitKey(key string) []string {
	if key == "" {
		return nil
	}
	if key[0] != '/' {
		return strings.Split(key, "/")
	}
	segments := strings.Split(key[1:], "/")
	segments[0] = "/" + segments[0]
	return segments
}

// JoinKey returns the key of segment seg in folder dir, itself a key; "" is the root.
// Joined from "" on, the segments of SplitKey give the key back.
func JoinKey(dir, seg string) string {
	if dir == "" {
		return seg
	}
	return dir + "/" + seg
}

// EscapeKey returns the path below a volume under which a key is shown. Different keys
// have different paths. Where a file lies beside a folder of its name this is the
// path of the folder; only the last segment of the file's is another, its EscapeTwin.
func EscapeKey(key string) string {
	segments := SplitKey(key)
	for i, seg := range segments {
		segments[i] = Escape(seg)
	}
	return strings.Join(segments, "/")
}

// UnescapeKey returns the key that is shown at path, which EscapeKey gives back. A
// segment that begins with "%%" must be an escape, and one of a twin must be the last,
// or the error is ErrEscape; a shortened one is ErrLong. Any other segment is taken as
// it is, also where Escape would have changed it: "a//b" is the key a//b.
func UnescapeKey(path string) (string, error) {
	if !strings.Contains(path, mark) {
		return path, nil
	}
	segments := strings.Split(path, "/")
	for i, shown := range segments {
		if !strings.HasPrefix(shown, mark) {
			continue
		}
		seg, twin, err := Unescape(shown)
		if err != nil {
			return "", &NameError{Name: shown, Err: err}
		}
		if twin && i < len(segments)-1 || i == 0 && seg == "" || !rightPlace(seg, i) {
			return "", &NameError{Name: shown, Err: ErrEscape}
		}
		segments[i] = seg
	}
	return strings.Join(segments, "/"), nil
}

// rightPlace tells whether segment i of a path can be seg, as far as slashes go.
func rightPlace(seg string, i int) bool {
	at := strings.LastIndexByte(seg, '/')
	return at < 0 || at == 0 && i == 0
}
