package broker

import (
	"context"
	"sync"
	"time"

	"github.com/waystation/waystation/transports/dispatch"
)

// Figures are the state and counts of a sink since it was opened.
type Figures struct {
	Connected   bool      // the latest attempt or check had an answer
	Reason      Reason    // why the latest attempt or check failed; empty = it did not
	Published   uint64    // messages taken by the broker
	Failed      uint64    // attempts that were not
	Truncated   uint64    // of Published, those sent by reference because of their size
	LastPublish time.Time // zero = none yet
	LastError   string    // of the latest failure, also of one that is over
	LastErrorAt time.Time // zero = none yet
}

// Meter counts the values of Figures. Its zero value is ready to use.
type Meter struct {
	mu      sync.Mutex
	figures Figures
}

// Attempted counts an attempt that ended with err or without: ctx is that of the attempt before the sink's own limit, and an
// end it set itself says nothing about the broker unless that was away. err has its class.
func (m *Meter) Attempted(ctx context.Context, truncated bool, err error) {
	switch {
	case err == nil:
		m.countPublished(truncated)
	case ctx.Err() == nil || dispatch.IsUnreachable(err):
		m.countFailed(err)
	}
}

// countPublished counts a message that was taken.
func (m *Meter) countPublished(truncated bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.figures.Connected, m.figures.Reason = true, ""
	m.figures.Published++
	m.figures.LastPublish = time.Now().UTC()
	if truncated {
		m.figures.Truncated++
	}
}

// countFailed counts an attempt that failed.
func (m *Meter) countFailed(err error) {
	m.mu.Lock()
	m.figures.Failed++
	m.mu.Unlock()
	m.Checked(err)
}

// Checked notes how a connection or a check went. err has its class.
func (m *Meter) Checked(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.figures.Connected, m.figures.Reason = !dispatch.IsUnreachable(err), ReasonOf(err)
	if err != nil {
		m.figures.LastError, m.figures.LastErrorAt = err.Error(), time.Now().UTC()
	}
}

// Figures returns the current values.
func (m *Meter) Figures() Figures {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.figures
}
