package dbtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Kill ends the postmaster with SIGKILL, and its children too when withChildren is set; otherwise they notice its end
// themselves. It returns when all of them have ended. The lock file postmaster.pid is left for the next Start.
func (s *Server) Kill(withChildren bool) error {
	if s.cmd == nil {
		return nil
	}
	pid := s.cmd.Process.Pid
	children, err := childrenOf(pid)
	if err != nil {
		return err
	}
	if err = s.cmd.Process.Kill(); err != nil {
		return err
	}
	if withChildren {
		for _, child := range children {
			_ = syscall.Kill(child, syscall.SIGKILL) // it may have ended
		}
	}
	_ = s.cmd.Wait()
	s.cmd = nil
	deadline := time.Now().Add(10 * time.Second)
	for slices.ContainsFunc(children, running) {
		if time.Now().After(deadline) {
			return fmt.Errorf("children of the postmaster %d have not ended: %v", pid, slices.DeleteFunc(children, func(p int) bool { return !running(p) }))
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

func childrenOf(pid int) ([]int, error) {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "task", strconv.Itoa(pid), "children"))
	if err != nil {
		return nil, err
	}
	var children []int
	for _, field := range strings.Fields(string(raw)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		children = append(children, child)
	}
	return children, nil
}

// running reports whether a process exists and is no zombie.
func running(pid int) bool {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	_, after, found := strings.Cut(string(raw), ") ")
	return found && !strings.HasPrefix(after, "Z")
}
