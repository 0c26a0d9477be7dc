package transfer

// SetUnit has Transfers move files of more than n bytes, a power of two, in parts of n bytes.
func SetUnit(t *Transfers, n int64) { t.unit = n }
