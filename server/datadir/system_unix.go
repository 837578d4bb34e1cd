//go:build linux || darwin

package datadir

import (
	"errors"
	"os"
	"syscall"
)

// lockFile locks a file for this process until it is closed, at the latest by the end of the process. taken reports
// that another process has locked it.
func lockFile(f *os.File) (taken bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// syncDir waits until the entries of a directory are on the disk.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
