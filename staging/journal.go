package staging

func (f *File) rememberUpload(name, id string) string { return "" }
func (f *File) forgetUpload(record string)            {}
func (f *File) rejournal() error                      { return nil }
func (f *File) unjournal()                            {}
func (f *File) beforeCommit() error                   { return nil }

// settle frees the file if it was closed and nothing needs it any more.
func (f *File) settle() {
	f.mu.Lock()
	gone := f.closed && f.commit == nil
	f.mu.Unlock()
	if gone {
		f.free()
	}
}
func (f *File) uploading() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.commit != nil
}
func (f *File) end() error {
	f.free()
	return nil
}
