package cli

import (
	"log/slog"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// memoryShare is the part of a container's memory limit that Go's heap may take; the rest is for SQLite and the kernel.
const memoryShare = 0.9

// limitMemory makes the garbage collector keep the process below the memory limit of its container (cgroup).
// GOMEMLIMIT has precedence. No-op without a limit.
func limitMemory(log *slog.Logger) {
	limit, err := memlimit.SetGoMemLimitWithOpts(memlimit.WithRatio(memoryShare), memlimit.WithProvider(memlimit.FromCgroup))
	if err != nil {
		log.Debug("no memory limit of a container applies", "error", err)
		return
	}
	if limit > 0 {
		log.Info("memory limit of the container applies", "go_limit_megabytes", limit>>20)
	}
}
