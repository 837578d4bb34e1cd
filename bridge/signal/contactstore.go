package signal

import (
	"context"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// ContactStore lets one call at a time use whatsmeow's store of contacts. GetContact of the SQL store copies an entry of its cache after it has
// released the lock of the cache, while another goroutine may change the entry: a data race, of sqlstore.SQLStore in the version in go.mod.
type ContactStore struct {
	store.ContactStore
	lock chan struct{} // contains one token during a call
}

var _ store.ContactStore = (*ContactStore)(nil)

// NewContactStore wraps inner.
func NewContactStore(inner store.ContactStore) *ContactStore {
	return &ContactStore{ContactStore: inner, lock: make(chan struct{}, 1)}
}

// use calls fn while no other call uses the store. It returns the context's error when that ends first.
func (s *ContactStore) use(ctx context.Context, fn func() error) error {
	select {
	case s.lock <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.lock }()
	return fn()
}

// PutPushName stores the name a contact shows and returns whether it changed and the name before.
func (s *ContactStore) PutPushName(ctx context.Context, user types.JID, name string) (changed bool, previous string, err error) {
	err = s.use(ctx, func() (err error) {
		changed, previous, err = s.ContactStore.PutPushName(ctx, user, name)
		return err
	})
	return changed, previous, err
}

// PutBusinessName stores the verified name of a business and returns whether it changed and the name before.
func (s *ContactStore) PutBusinessName(ctx context.Context, user types.JID, name string) (changed bool, previous string, err error) {
	err = s.use(ctx, func() (err error) {
		changed, previous, err = s.ContactStore.PutBusinessName(ctx, user, name)
		return err
	})
	return changed, previous, err
}

// PutContactName stores the names of a contact in the address book.
func (s *ContactStore) PutContactName(ctx context.Context, user types.JID, firstName, fullName string) error {
	return s.use(ctx, func() error { return s.ContactStore.PutContactName(ctx, user, firstName, fullName) })
}

// PutAllContactNames stores the names of many contacts.
func (s *ContactStore) PutAllContactNames(ctx context.Context, contacts []store.ContactEntry) error {
	return s.use(ctx, func() error { return s.ContactStore.PutAllContactNames(ctx, contacts) })
}

// PutManyRedactedPhones stores the shortened numbers of members of groups.
func (s *ContactStore) PutManyRedactedPhones(ctx context.Context, entries []store.RedactedPhoneEntry) error {
	return s.use(ctx, func() error { return s.ContactStore.PutManyRedactedPhones(ctx, entries) })
}

// GetContact returns what is stored of a contact.
func (s *ContactStore) GetContact(ctx context.Context, user types.JID) (info types.ContactInfo, err error) {
	err = s.use(ctx, func() (err error) {
		info, err = s.ContactStore.GetContact(ctx, user)
		return err
	})
	return info, err
}

// GetAllContacts returns what is stored of all contacts.
func (s *ContactStore) GetAllContacts(ctx context.Context) (all map[types.JID]types.ContactInfo, err error) {
	err = s.use(ctx, func() (err error) {
		all, err = s.ContactStore.GetAllContacts(ctx)
		return err
	})
	return all, err
}
