package bridge

import (
	"context"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/store"
	"golang.org/x/time/rate"

	"github.com/waystation/waystation/bridge/wa"
)

// Mass checking of numbers gets accounts banned, hence both bounds.
const (
	maxNumbersPerCheck  = 100  // numbers in one call
	maxNumbersPerHour   = 1000 // numbers of one session in an hour
	numberCheckInterval = time.Hour / maxNumbersPerHour
)

// operations is what the operations of one session share. The zero value is ready.
type operations struct {
	appState appStateQueue
	mu       sync.Mutex
	checks   *rate.Limiter
}

// mayCheck takes count numbers out of the session's allowance.
func (o *operations) mayCheck(count int, now time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.checks == nil {
		o.checks = rate.NewLimiter(rate.Every(numberCheckInterval), maxNumbersPerHour)
	}
	if !o.checks.AllowN(now, count) {
		return wa.NewError(wa.ReasonRateLimited, "the session may check %d numbers an hour", maxNumbersPerHour)
	}
	return nil
}

// paired returns the device store of a linked session, connected or not.
func (s *Session) paired(ctx context.Context) (*store.Device, error) {
	s.mu.Lock()
	cli, jid := s.cli, s.row.Device
	s.mu.Unlock()
	if jid.IsEmpty() {
		return nil, wa.NewError(wa.ReasonNotConnected, "the session is not paired")
	}
	if cli != nil && cli.Store.GetJID() == jid {
		return cli.Store, nil
	}
	device, err := s.b.devices.GetDevice(ctx, jid)
	if err != nil {
		return nil, wa.StorageError("the session's keys could not be read", err)
	}
	if device == nil {
		return nil, wa.NewError(wa.ReasonNotConnected, "the session is not paired")
	}
	device.LIDs = s.b.lids.Of(s.owner)
	return device, nil
}
