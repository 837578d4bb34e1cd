//go:build !linux && !darwin

package main

// diskFree cannot tell.
func diskFree(string) (free uint64, known bool) { return 0, false }
