package outbound

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
)

const (
	// reachoutQuery is the number of WhatsApp Web's query for the account's reach-out timelock; whatsmeow has no call
	// for it.
	reachoutQuery = "23983697327930364"
	// refusedReachout is the code with which WhatsApp rejects a message to a new contact.
	refusedReachout = 463
)

// Reachout is the account's reach-out timelock: while it is active, WhatsApp rejects messages to people that the
// account has no chat with.
type Reachout struct {
	Active          bool
	EnforcementType string    // WhatsApp's cause, such as BIZ_QUALITY; empty = not stated
	Until           time.Time // its end; zero = not stated
}

// Current returns the timelock, or the zero value if its end has passed.
func (r Reachout) Current(now time.Time) Reachout {
	if r.Active && !r.Until.IsZero() && !now.Before(r.Until) {
		return Reachout{}
	}
	return r
}

// Equal reports whether two timelocks are the same.
func (r Reachout) Equal(other Reachout) bool {
	return r.Active == other.Active && r.EnforcementType == other.EnforcementType && r.Until.Equal(other.Until)
}

// ReachoutOf returns the timelock in a notification.
func ReachoutOf(evt *events.NotifyAccountReachoutTimelock) Reachout {
	if !evt.IsActive {
		return Reachout{}
	}
	return Reachout{Active: true, EnforcementType: evt.EnforcementType, Until: evt.TimeEnforcementEnds.Time}
}

// QueryReachout queries the account's timelock.
func QueryReachout(ctx context.Context, cli *whatsmeow.Client) (Reachout, error) {
	raw, err := cli.DangerousInternals().SendMexIQ(ctx, reachoutQuery, map[string]any{}) // there is no public call for it
	if err != nil {
		return Reachout{}, err
	}
	var answer struct {
		State *events.NotifyAccountReachoutTimelock `json:"xwa2_fetch_account_reachout_timelock"`
	}
	if err = json.Unmarshal(raw, &answer); err != nil {
		return Reachout{}, err
	}
	if answer.State == nil {
		return Reachout{}, errors.New("WhatsApp's answer has no state")
	}
	return ReachoutOf(answer.State), nil
}

// mayReach rejects a message to a new contact while the timelock is active: a person with whom the account has neither
// a chat nor a valid privacy token. All other messages pass; WhatsApp decides about them.
func (s *Service) mayReach(ctx context.Context, cli *whatsmeow.Client, to types.JID) error {
	reach := s.conn.Reachout()
	if !reach.Active {
		return nil
	}
	first, err := s.isNewContact(ctx, cli, to)
	if err != nil {
		return err
	}
	if !first {
		return nil
	}
	return refusedByTimelock(reach)
}

// isNewContact reports whether a chat is with a person, other than the account itself, with whom the account has
// neither a chat nor a valid privacy token.
func (s *Service) isNewContact(ctx context.Context, cli *whatsmeow.Client, to types.JID) (bool, error) {
	own, lid := s.conn.Addresses()
	if to = to.ToNonAD(); !wa.IsPerson(to) || to == own || to == lid {
		return false, nil
	}
	known, err := s.stored.HasContact(ctx, s.owner, s.chats.AddressOf(ctx, to))
	if err != nil {
		return false, wa.StorageError("the chat could not be read", err)
	}
	if known {
		return false, nil
	}
	token, err := cli.DangerousInternals().EnsureTCToken(ctx, to) // the token that whatsmeow sends with the message; no public call returns it
	if err != nil {
		return false, wa.Wrap("read the privacy token of the contact", err)
	}
	return len(token) == 0, nil
}

// refusedByTimelock returns the error for a message to a new contact.
func refusedByTimelock(reach Reachout) *wa.Error {
	message := "WhatsApp does not let the account write to new contacts at present; existing chats and groups are not affected"
	if !reach.Until.IsZero() {
		message = "WhatsApp does not let the account write to new contacts until " + reach.Until.UTC().Format(time.RFC3339) + "; existing chats and groups are not affected"
	}
	return &wa.Error{Reason: wa.ReasonWhatsApp, Kind: wa.KindReachoutTimelock, Field: "to", WACode: refusedReachout, Message: message, RetryAt: reach.Until}
}

// explainRefusedReachout converts WhatsApp's rejection of a first message, code 463, into the same kind of error as a
// rejection by this server. It queries the timelock if none is known, to report its end. Rejections in existing chats
// keep their general form.
func (s *Service) explainRefusedReachout(ctx context.Context, cli *whatsmeow.Client, to types.JID, failure *wa.Error) *wa.Error {
	if failure.WACode != refusedReachout {
		return failure
	}
	if first, err := s.isNewContact(ctx, cli, to); err != nil || !first {
		return failure
	}
	if !s.conn.Reachout().Active {
		s.conn.RefreshReachout(ctx, cli)
	}
	out := *failure
	out.Kind, out.Field = wa.KindReachoutTimelock, "to"
	if reach := s.conn.Reachout(); reach.Active {
		out.Message, out.RetryAt = refusedByTimelock(reach).Message, reach.Until
	}
	return &out
}
