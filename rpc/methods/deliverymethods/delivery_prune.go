package deliverymethods

import (
	"context"
	"math"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/journal"
)

// Retention removes expired events from the journal.
type Retention interface {
	Sweep(ctx context.Context) error
	Stats() journal.Stats
}

// pruneTimeout is for archives of millions of entries, which go in batches.
const pruneTimeout = 2 * time.Minute

type pruneParams struct {
	OlderThanHours int `json:"older_than_hours" rpc:"min=1,max=876000" doc:"only delete entries of delivered events that are older than this, whatever the configured retention; absent = the regular clean-up"`
}

type pruneResult struct {
	DeletedCount             uint64    `json:"deleted_count" doc:"journal entries removed meanwhile, by this run or a regular one"`
	ArchiveDeletedCount      int       `json:"archive_deleted_count" doc:"archive entries removed by this run"`
	OlderThanHours           int       `json:"older_than_hours" doc:"limit used for entries of delivered events, rounded up; 0 = none are kept"`
	Threshold                time.Time `json:"threshold" doc:"entries of delivered events before this were removed"`
	LastRunAt                time.Time `json:"last_run_at" doc:"this run"`
	NextRunAt                time.Time `json:"next_run_at" doc:"next regular run"`
	TotalDeletedCount        uint64    `json:"total_deleted_count" doc:"journal entries since the server started"`
	TotalArchiveDeletedCount uint64    `json:"total_archive_deleted_count" doc:"archive entries since the server started"`
}

func (d Deps) pruneJournal(ctx context.Context, _ *rpc.Call, p *pruneParams) (pruneResult, error) {
	started, before := time.Now().UTC(), d.Retention.Stats().Trimmed
	if p.OlderThanHours == 0 {
		if err := d.Retention.Sweep(ctx); err != nil {
			return pruneResult{}, err
		}
	}
	done, err := d.Deliveries.Prune(ctx, time.Duration(p.OlderThanHours)*time.Hour)
	if err != nil {
		return pruneResult{}, err
	}
	total := d.Retention.Stats().Trimmed
	out := pruneResult{
		ArchiveDeletedCount: done.Entries, OlderThanHours: p.OlderThanHours,
		Threshold: done.Before.UTC(), LastRunAt: started, NextRunAt: done.Next, TotalDeletedCount: total, TotalArchiveDeletedCount: done.TotalEntries,
	}
	if p.OlderThanHours == 0 {
		out.DeletedCount = total - before
		out.OlderThanHours = int(math.Ceil(max(started.Sub(done.Before), 0).Truncate(time.Minute).Hours()))
	}
	return out, nil
}
