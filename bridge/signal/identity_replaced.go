package signal

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/types"
)

const (
	// replacedWindow is longer than whatsmeow waits for an operation that began before an identity key was deleted: 75 s for the
	// answer to a request. It is no setting, because it follows from whatsmeow's own constants.
	replacedWindow = 2 * time.Minute
	// maxReplaced bounds the addresses remembered, some 100 KB per session; beyond it the expired and then all others are
	// dropped. It is no setting, because a session has that many reinstalled contacts within replacedWindow only in an attack,
	// and what is lost then is one overlapping message, which its sender can send again.
	maxReplaced = 1024
)

// replacedIdentities remembers the addresses whose identity key was deleted, as on a contact's reinstallation. Sends and
// retries of one device overlap in whatsmeow: one that began with the old session stores the old key again after the
// deletion, and then fails the other with "untrusted identity", so that the message is lost without a trace. Until those
// operations are over every key of the address is trusted, as whatsmeow's AutoTrustIdentity does anyway.
type replacedIdentities struct {
	mu sync.Mutex
	at map[string]time.Time // by address (user:device) or user
}

// note records the deletion of the key of an address, or of all devices of a user.
func (r *replacedIdentities) note(address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.at) >= maxReplaced {
		for other, at := range r.at {
			if time.Since(at) >= replacedWindow {
				delete(r.at, other)
			}
		}
	}
	if r.at == nil || len(r.at) >= maxReplaced {
		r.at = map[string]time.Time{}
	}
	r.at[address] = time.Now()
}

// recently reports whether the key of an address was deleted within replacedWindow.
func (r *replacedIdentities) recently(address string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	user, _, _ := strings.Cut(address, ":")
	for _, name := range []string{address, user} {
		if at, ok := r.at[name]; ok && time.Since(at) < replacedWindow {
			return true
		}
	}
	return false
}

// eachAddress calls fn with each form in which Signal addresses name a user: as it is, with the suffix of LIDs, and as
// the LID of the number. whatsmeow passes only the bare user of an identity notification, which no LID session has.
func (d *Decryptions) eachAddress(ctx context.Context, user string, fn func(address string) error) error {
	forms := []string{user}
	if !strings.Contains(user, "_") {
		forms = append(forms, types.NewJID(user, types.HiddenUserServer).SignalAddressUser())
		if d.lids != nil {
			lid, err := d.lids.GetLIDForPN(ctx, types.NewJID(user, types.DefaultUserServer))
			if err != nil {
				return fmt.Errorf("bridge: LID of a contact with a new identity: %w", err)
			}
			if !lid.IsEmpty() {
				forms = append(forms, lid.SignalAddressUser())
			}
		}
	}
	for _, form := range forms {
		if err := fn(form); err != nil {
			return err
		}
	}
	return nil
}
