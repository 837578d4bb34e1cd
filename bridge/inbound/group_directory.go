package inbound

import (
	"context"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/wa"
)

// The directory is updated from group events. It is the source of chat names and of the number of recipients of a
// message.

// projectJoined stores a group in the transaction of the event that reported it.
func (t *Translation) projectJoined(group *groups.Group) error {
	row, err := groups.Row(group)
	if err != nil {
		return err
	}
	t.project(func(ctx context.Context) error {
		return t.service.shared.Directory.PutGroup(ctx, t.service.owner, row, time.Now())
	})
	return nil
}

// projectGroup applies a change to the stored group. A group that is not stored is not added.
func (t *Translation) projectGroup(evt *events.GroupInfo) error {
	var change groups.Change
	for _, part := range []struct {
		to   *[]wa.Person
		jids []types.JID
	}{{&change.Joined, evt.Join}, {&change.Left, evt.Leave}, {&change.Promoted, evt.Promote}, {&change.Demoted, evt.Demote}} {
		for _, jid := range part.jids {
			p, err := t.Person(jid)
			if err != nil {
				return err
			}
			*part.to = append(*part.to, p)
		}
	}
	own := wa.Person{PN: t.cli.Store.GetJID().ToNonAD(), LID: t.cli.Store.GetLID().ToNonAD()}
	gone := evt.Delete != nil || slices.ContainsFunc(evt.Leave, own.Is)
	s := t.service
	t.project(func(ctx context.Context) error {
		if gone {
			return s.shared.Directory.RemoveGroup(ctx, s.owner, evt.JID.String())
		}
		group, err := s.conn.StoredGroup(ctx, evt.JID)
		if err != nil || group == nil {
			return err
		}
		change.Apply(group, evt)
		row, err := groups.Row(group)
		if err != nil {
			return err
		}
		return s.shared.Directory.PutGroup(ctx, s.owner, row, time.Now())
	})
	return nil
}
