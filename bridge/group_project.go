package bridge

import (
	"context"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
)

// The directory follows the groups through their events: names of chats and
// the number of people a message goes to come from there.

// projectJoined stores a group with the event that told of it.
func (t *translation) projectJoined(group *Group) error {
	row, err := groupRow(group)
	if err != nil {
		return err
	}
	t.project(func(ctx context.Context) error { return t.s.b.people.PutGroup(ctx, t.s.owner, row, time.Now()) })
	return nil
}

// projectGroup applies a change to the stored group. A group nobody asked for
// yet is not stored and stays so.
func (t *translation) projectGroup(evt *events.GroupInfo) error {
	var change groupChange
	for _, part := range []struct {
		to   *[]wa.Person
		jids []types.JID
	}{{&change.joined, evt.Join}, {&change.left, evt.Leave}, {&change.promoted, evt.Promote}, {&change.demoted, evt.Demote}} {
		for _, jid := range part.jids {
			p, err := t.person(jid)
			if err != nil {
				return err
			}
			*part.to = append(*part.to, p)
		}
	}
	own := wa.Person{PN: t.cli.Store.GetJID().ToNonAD(), LID: t.cli.Store.GetLID().ToNonAD()}
	gone := evt.Delete != nil || slices.ContainsFunc(evt.Leave, own.Is)
	s := t.s
	t.project(func(ctx context.Context) error {
		if gone {
			return s.b.people.RemoveGroup(ctx, s.owner, evt.JID.String())
		}
		group, err := s.Groups().storedGroup(ctx, evt.JID)
		if err != nil || group == nil {
			return err
		}
		change.apply(group, evt)
		row, err := groupRow(group)
		if err != nil {
			return err
		}
		return s.b.people.PutGroup(ctx, s.owner, row, time.Now())
	})
	return nil
}
