package socket

import "os"

// loadEnv enables the tests at full size; see the target load of the Makefile.
const loadEnv = "WAYSTATION_LOAD"

// sized returns the number for an ordinary run or for a full-size run.
func sized[T any](ordinary, full T) T {
	if os.Getenv(loadEnv) != "" {
		return full
	}
	return ordinary
}
