//go:build !linux && !darwin

package datadir

import "os"

// lockFile is a no-op on this system.
func lockFile(*os.File) (taken bool, err error) { return false, nil }

// syncDir is a no-op: directories cannot be synchronised on this system.
func syncDir(string) error { return nil }
