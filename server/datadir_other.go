//go:build !linux && !darwin

package main

import "os"

// lockFile locks nothing here.
func lockFile(*os.File) (taken bool, err error) { return false, nil }

// syncDir does nothing: directories cannot be synchronised on this system.
func syncDir(string) error { return nil }
