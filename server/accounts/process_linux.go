package accounts

import (
	"os/exec"
	"runtime"
	"syscall"
)

// lowestPriority is the nice value of the processes that hash passwords.
const lowestPriority = 19

// startLow starts a process at the lowest priority, which it has from the thread that starts it. That thread ends with the goroutine, as it is locked to it.
func startLow(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, lowestPriority) // without it, the process competes with the server
		started <- cmd.Start()
	}()
	return <-started
}
