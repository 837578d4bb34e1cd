//go:build !linux

package accounts

// lowerPriority does nothing: the process has the priority of the server.
func lowerPriority() {}
