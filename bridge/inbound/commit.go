package inbound

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/waystation/waystation/bridge/signal"
	"github.com/waystation/waystation/transports/journal"
)

// Append commits the records. whatsmeow acknowledges the answer to a request for a missing message regardless of the
// handler's result, so that Append retries such an answer for longer.
func (t *Translation) Append() error {
	deadline := time.Now().Add(t.insist)
	for pause := appendRetryMin; ; pause = min(2*pause, appendRetryMax) {
		err := t.commit()
		if err == nil || time.Now().Add(pause).After(deadline) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-t.ctx.Done():
			return errors.Join(err, t.ctx.Err())
		}
	}
}

// commit appends the records and stores, in the same transaction, the changes made by decrypting their message.
func (t *Translation) commit() (err error) {
	var results []journal.Result
	d := signal.DecryptionsOf(t.cli)
	records := t.records
	if d != nil {
		if u := d.Claim(t.message); u != nil {
			records = slices.Clone(records)
			project := records[0].Project
			records[0].Project = func(ctx context.Context) error {
				if err := d.Write(ctx, u); err != nil || project == nil {
					return err
				}
				return project(ctx)
			}
			// A duplicate is not projected; its unit stays pending.
			defer func() { d.Release(err == nil && len(results) > 0 && !results[0].Duplicate) }()
		}
	}
	results, err = t.service.shared.Journal.Append(t.ctx, t.service.id, records...)
	return err
}

const (
	appendRetryMin = 50 * time.Millisecond
	appendRetryMax = 5 * time.Second
	// insistFor bounds the retries for an event that would not be redelivered. It is below the five minutes after which
	// whatsmeow stops waiting.
	insistFor = 2 * time.Minute
)
