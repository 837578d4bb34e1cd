package accounts

import (
	"os"
	"runtime"
	"syscall"
)

const (
	// lowestPriority is the nice value of the processes that hash passwords.
	lowestPriority = 19
	// envLowered is set in the environment of such a process once it has that priority.
	envLowered = "WAYSTATION_LOWERED"
)

// lowerPriority gives this process the lowest priority, by starting its program anew: a priority is that of a thread, and the new program's threads have
// that of the thread which started it. If that fails, the priority stays.
func lowerPriority() {
	if os.Getenv(envLowered) != "" {
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	path, err := os.Executable()
	if err == nil && syscall.Setpriority(syscall.PRIO_PROCESS, 0, lowestPriority) == nil {
		_ = syscall.Exec(path, os.Args, append(os.Environ(), envLowered+"=1"))
	}
}
