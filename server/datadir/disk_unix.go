//go:build linux || darwin

package datadir

import "syscall"

// DiskFree returns the space available to this process on the disk of a directory, in bytes.
func DiskFree(dir string) (free uint64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return s.Bavail * uint64(s.Bsize), true
}
