package contacts

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/directory"
	"github.com/waystation/waystation/bridge/phonenumber"
	"github.com/waystation/waystation/bridge/wa"
)

// FormattedNumber is a formatted phone number. Null means not known.
type FormattedNumber struct {
	FormattedNumber *string `json:"formatted_number" doc:"international form with spaces"`
	CountryCode     *string `json:"country_code" doc:"calling code without +"`
	Region          *string `json:"region" doc:"ISO country"`
}

// FormatNumber formats a contact's number. It works without a connection. The fields are null for a LID whose number is not known.
func (s *Service) FormatNumber(ctx context.Context, contact string) (*FormattedNumber, error) {
	jid, err := wa.ParsePerson("contact", contact)
	if err != nil {
		return nil, err
	}
	if jid.Server == types.HiddenUserServer {
		device, err := s.conn.Paired(ctx)
		if err != nil {
			return nil, err
		}
		who, err := wa.PersonOf(ctx, device, jid)
		if err != nil {
			return nil, err
		}
		jid = who.PN
	}
	number, known := phonenumber.Parse(jid.User)
	if !known {
		return &FormattedNumber{}, nil
	}
	written := number.International()
	return &FormattedNumber{FormattedNumber: &written, CountryCode: &number.Code, Region: wa.OrNull(number.Region)}, nil
}

// LIDMapping is a person under both addresses; an unknown address is null.
type LIDMapping struct {
	Contact    *string    `json:"contact" doc:"phone JID; null when unknown"`
	LID        *string    `json:"lid" doc:"LID; null when unknown"`
	ContactKey *string    `json:"contact_key" doc:"stable key of the person"`
	CreatedAt  *time.Time `json:"created_at" doc:"when this session learned the pair"`
}

// ResolveLID translates between phone number and LID. It asks WhatsApp for the LID of a number if the store has no pair and the session
// is connected.
func (s *Service) ResolveLID(ctx context.Context, contact string) (*LIDMapping, error) {
	_, who, err := s.pairedPerson(ctx, contact)
	if err != nil {
		return nil, err
	}
	if who.LID.IsEmpty() {
		if client, err := s.conn.Live(); err == nil {
			answers, err := client.GetUserInfo(ctx, []types.JID{who.PN})
			if err != nil {
				return nil, wa.Wrap("ask for the person", err)
			}
			who.LID = answers[who.PN].LID.ToNonAD()
		}
	}
	mapping := &LIDMapping{Contact: wa.JIDOrNull(who.PN), LID: wa.JIDOrNull(who.LID)}
	if pair := who.Pair(); pair != (directory.Pair{}) {
		s.SeePairs(ctx, pair)
		seen, found, err := s.pairs.Pair(ctx, s.owner, pair.LID)
		if err != nil {
			return nil, wa.StorageError("the pair could not be read", err)
		}
		if found {
			mapping.CreatedAt = &seen.Created
		}
	}
	return mapping, nil
}

// StoredMapping is a pair with the times and the number of its uses in the session.
type StoredMapping struct {
	MappingID  int64     `json:"mapping_id" doc:"id, unique over all sessions"`
	Contact    string    `json:"contact" doc:"phone JID"`
	LID        string    `json:"lid" doc:"LID"`
	ContactKey *string   `json:"contact_key" doc:"stable key of the person"`
	CreatedAt  time.Time `json:"created_at" doc:"first seen by this session"`
	LastUsedAt time.Time `json:"last_used_at" doc:"last looked up or met in a list"`
	UsageCount int64     `json:"usage_count" doc:"how often that was"`
}

// ListLIDMappings returns a page of the session's pairs, oldest first, and the number of all.
func (s *Service) ListLIDMappings(ctx context.Context, limit, offset int) ([]StoredMapping, int, error) {
	device, err := s.conn.Paired(ctx)
	if err != nil {
		return nil, 0, err
	}
	// Pairs that came with messages are in whatsmeow's stores only; import them before the first page.
	if offset == 0 {
		if err := s.importPairs(ctx, device); err != nil {
			return nil, 0, err
		}
	}
	pairs, total, err := s.pairs.Pairs(ctx, s.owner, limit, offset)
	if err != nil {
		return nil, 0, wa.StorageError("the pairs could not be read", err)
	}
	mappings := make([]StoredMapping, len(pairs))
	for i, pair := range pairs {
		mappings[i] = StoredMapping{
			MappingID: pair.ID, Contact: pair.PN, LID: pair.LID,
			CreatedAt: pair.Created, LastUsedAt: pair.LastUsed, UsageCount: pair.Uses,
		}
	}
	return mappings, total, nil
}

func (s *Service) importPairs(ctx context.Context, device *store.Device) error {
	stored, err := device.Contacts.GetAllContacts(ctx)
	if err != nil {
		return wa.StorageError("the contacts could not be read", err)
	}
	people, err := mergePeople(ctx, device, stored)
	if err != nil {
		return err
	}
	pairs := make([]directory.Pair, 0, len(people))
	for who := range people {
		pairs = append(pairs, who.Pair())
	}
	if err := s.pairs.AddPairs(ctx, s.owner, pairs, time.Now()); err != nil {
		return wa.StorageError("the pairs could not be stored", err)
	}
	return nil
}

// SeePairs stores pairs and counts their use. A failure is logged only, because callers do not depend on the counts.
func (s *Service) SeePairs(ctx context.Context, pairs ...directory.Pair) {
	if err := s.pairs.SeePairs(ctx, s.owner, pairs, time.Now()); err != nil {
		s.log().Warn("pairs of phone number and LID could not be stored", "error", err)
	}
}

func (s *Service) seePeople(ctx context.Context, device *store.Device, jids []types.JID) {
	pairs := make([]directory.Pair, 0, len(jids))
	for _, jid := range jids {
		if who, err := wa.PersonOf(ctx, device, jid); err == nil {
			pairs = append(pairs, who.Pair())
		}
	}
	s.SeePairs(ctx, pairs...)
}
