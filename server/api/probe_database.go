package api

import (
	"context"
	"time"

	"github.com/waystation/waystation/rpc/methods"
	"github.com/waystation/waystation/transports/kit/database"
)

// fileReplaced is the error of the health report when the SQLite file is not the one that the server has open. Writes
// fail meanwhile, so that nothing is acknowledged that would be lost at the restart.
const fileReplaced = "the database file was removed, moved or replaced while the server has it open, so nothing is written; " +
	"move the original file back, or restart the server on the file that is to be used"

// probeDatabase checks that the database answers and that a SQLite file is still at its path.
func (p *Probes) probeDatabase(ctx context.Context) methods.ServiceHealth {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	stats := p.DB.RawDB.Stats()
	h := methods.ServiceHealth{
		Status: methods.Healthy, Driver: p.DB.Dialect.String(),
		Figures: map[string]int{"open": stats.OpenConnections, "in_use": stats.InUse, "idle": stats.Idle},
	}
	if !p.databaseFileInPlace() {
		h.Status, h.Error = methods.Unhealthy, fileReplaced
		return h
	}
	started := time.Now()
	var one int
	if err := p.DB.QueryRow(ctx, "SELECT 1").Scan(&one); err != nil {
		p.Log.Warn("the database does not answer", "error", err)
		h.Status, h.Error = methods.Unhealthy, "does not answer" // its text may contain addresses
		return h
	}
	latency := float64(time.Since(started).Microseconds()) / 1000
	h.LatencyMS = &latency
	return h
}

// databaseFileInPlace reports whether the files of a SQLite database are those that the server has open; it is true for
// other databases. It logs each change once.
func (p *Probes) databaseFileInPlace() bool {
	err := database.CheckFiles(p.DB)
	if lost := err != nil; p.fileLost.Swap(lost) != lost {
		if lost {
			p.Log.Error("the database file is not in place, writes fail", "error", err)
		} else {
			p.Log.Info("the database file is back in place")
		}
	}
	return err == nil
}
