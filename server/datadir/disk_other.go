//go:build !linux && !darwin

package datadir

// DiskFree is not implemented on this system.
func DiskFree(string) (free uint64, known bool) { return 0, false }
