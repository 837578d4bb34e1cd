//go:build !linux

package accounts

import "os/exec"

// startLow starts a process at the priority of the server.
func startLow(cmd *exec.Cmd) error { return cmd.Start() }
