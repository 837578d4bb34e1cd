package socket

import "os"

// loadEnv asks for the tests at full size; see the target load of the Makefile.
const loadEnv = "WAYSTATION_LOAD"

// sized is a number of a test that has a full size.
func sized[T any](ordinary, full T) T {
	if os.Getenv(loadEnv) != "" {
		return full
	}
	return ordinary
}
