package groups

import (
	"context"
	"encoding/json"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// Stored returns a group from the directory, nil if it is not stored. An unreadable group counts as not stored:
// WhatsApp can be queried again, and the event of a change must not fail because of it.
func (s *Service) Stored(ctx context.Context, jid types.JID) (*Group, error) {
	stored, found, err := s.stored.Group(ctx, s.owner, jid.String())
	if err != nil {
		return nil, wa.StorageError("the stored group could not be read", err)
	}
	if !found {
		return nil, nil
	}
	group := new(Group)
	if err := json.Unmarshal(stored.Data, group); err != nil {
		s.log().Error("a stored group cannot be read", "error", err)
		return nil, nil
	}
	return group, nil
}

// changeStoredGroup applies a change made by command to the stored group. A group that is not stored is read from
// WhatsApp when it is needed.
func (s *Service) changeStoredGroup(ctx context.Context, jid types.JID, change func(*Group)) error {
	group, err := s.Stored(ctx, jid)
	if err != nil || group == nil {
		return err
	}
	change(group)
	row, err := Row(group)
	if err != nil {
		return err
	}
	if err := s.stored.PutGroup(ctx, s.owner, row, time.Now()); err != nil {
		return wa.StorageError("the group could not be stored", err)
	}
	return nil
}

// ListStored returns the groups in the directory, by JID.
func (s *Service) ListStored(ctx context.Context) (map[string]*Group, error) {
	stored, err := s.stored.Groups(ctx, s.owner)
	if err != nil {
		return nil, wa.StorageError("the groups could not be read", err)
	}
	groups := make(map[string]*Group, len(stored))
	for _, entry := range stored {
		group := new(Group)
		if err := json.Unmarshal(entry.Data, group); err != nil {
			return nil, wa.StorageError("a stored group cannot be read", err)
		}
		groups[entry.JID] = group
	}
	return groups, nil
}

// StoreCommunity changes the community of a stored group; nil = none.
func (s *Service) StoreCommunity(ctx context.Context, group types.JID, community *string) error {
	return s.changeStoredGroup(ctx, group, func(g *Group) { g.Community = community })
}
