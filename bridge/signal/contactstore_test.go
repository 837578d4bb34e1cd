package signal

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// countingContacts notes whether two calls use it at the same time.
type countingContacts struct {
	store.ContactStore
	inside, overlaps atomic.Int32
}

func (c *countingContacts) enter() func() {
	if c.inside.Add(1) > 1 {
		c.overlaps.Add(1)
	}
	return func() { c.inside.Add(-1) }
}

func (c *countingContacts) GetContact(context.Context, types.JID) (types.ContactInfo, error) {
	defer c.enter()()
	return types.ContactInfo{}, nil
}

func (c *countingContacts) PutContactName(context.Context, types.JID, string, string) error {
	defer c.enter()()
	return nil
}

func (c *countingContacts) PutPushName(context.Context, types.JID, string) (bool, string, error) {
	defer c.enter()()
	return false, "", nil
}

func (c *countingContacts) GetAllContacts(context.Context) (map[types.JID]types.ContactInfo, error) {
	defer c.enter()()
	return nil, nil
}

func TestContactStoreIsUsedByOneCallAtATime(t *testing.T) {
	inner := &countingContacts{}
	s := NewContactStore(inner)
	var calls sync.WaitGroup
	for range 16 {
		calls.Go(func() {
			for range 500 {
				_, _ = s.GetContact(t.Context(), types.JID{})
				_ = s.PutContactName(t.Context(), types.JID{}, "", "")
				_, _, _ = s.PutPushName(t.Context(), types.JID{}, "")
				_, _ = s.GetAllContacts(t.Context())
			}
		})
	}
	calls.Wait()
	if n := inner.overlaps.Load(); n > 0 {
		t.Errorf("%d calls overlapped", n)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	s.lock <- struct{}{}
	if _, err := s.GetContact(ended, types.JID{}); err == nil {
		t.Error("a call whose time is over waits")
	}
}
