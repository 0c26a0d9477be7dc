package staging

import "os"

// reach makes a file at least size bytes long.
func reach(file *os.File, size int64) error {
	info, err := file.Stat()
	if err != nil || info.Size() >= size {
		return err
	}
	return file.Truncate(size)
}

// writeZeros writes zeros, no further than the file reaches.
func writeZeros(file *os.File, off, n int64) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	zeros := make([]byte, 64<<10)
	for end := min(off+n, info.Size()); off < end; {
		n, err := file.WriteAt(zeros[:min(int64(len(zeros)), end-off)], off)
		if err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}
