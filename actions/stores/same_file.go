package stores

// SameFile is SameVersion for a local file that may have been renamed, linked or given another
// mode or owner since: it does not look at the ctime. Versions of objects are equal or not.
func SameFile(was, is string) bool {
	if was == is {
		return true
	}
	a, ok := unpackVersion(was)
	if !ok {
		return false
	}
	b, ok := unpackVersion(is)
	if !ok {
		return false
	}
	a.ctime, b.ctime = 0, 0
	return a == b
}
