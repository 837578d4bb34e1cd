package webhook

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Errors of TestReceiver.
var (
	// ErrReceiverOff is returned if the operator has not turned the receiver on.
	ErrReceiverOff = errors.New("webhook: the receiver of tests is off")
	// ErrReceiverBusy is returned for posts beyond the rate.
	ErrReceiverBusy = errors.New("webhook: too many tests")
)

const (
	maxReceivedTests    = 100
	maxReceivedTestData = 16 << 10
)

// ReceivedTest is an event that was posted to the server itself.
type ReceivedTest struct {
	Poster     string // id of the credential
	Event      string
	Session    string          // as posted, unchecked
	Data       json.RawMessage // nil if it is larger than 16 KiB
	Size       int             // bytes of the data
	ReceivedAt time.Time
}

// TestReceiver accepts posted events, so that webhooks can be tried out without a program that receives them. It keeps the last 100 in memory.
type TestReceiver struct {
	limit *rate.Limiter
	mu    sync.Mutex
	kept  []ReceivedTest
}

// NewTestReceiver returns a receiver of at most perSecond posts a second; with 0 it is off.
func NewTestReceiver(perSecond int) *TestReceiver {
	return &TestReceiver{limit: rate.NewLimiter(rate.Limit(perSecond), perSecond)}
}

// Receive keeps a posted event.
func (r *TestReceiver) Receive(test ReceivedTest) error {
	switch {
	case r == nil || r.limit.Burst() == 0:
		return ErrReceiverOff
	case !r.limit.Allow():
		return ErrReceiverBusy
	}
	test.ReceivedAt = time.Now().UTC()
	if test.Size = len(test.Data); test.Size > maxReceivedTestData {
		test.Data = nil
	}
	test.Data = slices.Clone(test.Data)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept = append(r.kept, test); len(r.kept) > maxReceivedTests {
		r.kept = slices.Delete(r.kept, 0, 1)
	}
	return nil
}

// List returns the kept events of a poster, or of all with an empty id, the newest first.
func (r *TestReceiver) List(poster string) []ReceivedTest {
	list := []ReceivedTest{}
	if r == nil {
		return list
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, test := range slices.Backward(r.kept) {
		if poster == "" || test.Poster == poster {
			list = append(list, test)
		}
	}
	return list
}
