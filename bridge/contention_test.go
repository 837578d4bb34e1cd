package bridge_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/chats"
	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

// TestParallelChangesOfOneSession changes the chats, contacts, groups and blocked people of one session concurrently,
// while events about the same people arrive and other calls read. All calls succeed, and the session has the last
// change of each kind.
func TestParallelChangesOfOneSession(t *testing.T) {
	dbtest.OnEachContended(t, func(t *testing.T, address string) {
		const rounds, friends = 4, 3
		w := newWorldOn(t, address)
		ada := w.account("15550004200", "Ada")
		s := w.paired("ada", ada)
		w.reader("ada").of("AppStateSyncComplete") // the phone has shared its keys
		phones, members := make([]*sandbox.Phone, friends), make([]string, friends)
		for i := range phones {
			phones[i] = w.account(fmt.Sprintf("1555000421%d", i), fmt.Sprint("Friend ", i))
			members[i] = phones[i].JID().String()
		}
		group, err := s.Groups().Create(w.ctx(), groups.GroupCreate{Name: "all", Participants: members})
		if err != nil {
			t.Fatal(err)
		}
		groupJID, err := types.ParseJID(group.Group)
		if err != nil {
			t.Fatal(err)
		}
		friend := func(i int) string { return phones[i%friends].JID().String() }
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var all sync.WaitGroup
		for name, act := range map[string]func(i int) error{
			"pin":     func(i int) error { return s.Chats().SetPinned(ctx, friend(i), i%2 == 0) },
			"mute":    func(i int) error { return s.Chats().SetMuted(ctx, friend(i), true, time.Time{}) },
			"archive": func(i int) error { return s.Chats().SetArchived(ctx, group.Group, i%2 == 0, nil) },
			"save": func(i int) error {
				_, err := s.Contacts().Save(ctx, contacts.ContactSave{Contact: friend(i), FullName: fmt.Sprint("Name ", i)})
				return err
			},
			"block": func(i int) error { _, err := s.Contacts().SetBlocked(ctx, []string{friend(2)}, i%2 == 0); return err },
			"name":  func(i int) error { return s.Groups().SetName(ctx, group.Group, fmt.Sprint("group ", i)) },
			"lock": func(i int) error {
				locked := i%2 == 0
				_, err := s.Groups().UpdateSettings(ctx, group.Group, groups.GroupSettings{Locked: &locked})
				return err
			},
			"groups": func(int) error { _, err := s.Groups().List(ctx, true); return err },
			"message": func(i int) error {
				_, err := phones[i%2].Send(ctx, ada.JID(), sandbox.Text(fmt.Sprint("text ", i)))
				return err
			},
			"group message": func(i int) error {
				_, err := phones[i%2].Send(ctx, groupJID, sandbox.Text(fmt.Sprint("group text ", i)))
				return err
			},
			"read": func(i int) error {
				if _, _, _, err := s.Chats().List(ctx, chats.ChatQuery{Limit: 10}); err != nil {
					return err
				}
				if _, _, err := s.Contacts().ListLIDMappings(ctx, 10, 0); err != nil {
					return err
				}
				_, err := s.Contacts().List(ctx, i%2 == 0)
				return err
			},
		} {
			for g := range 2 {
				all.Go(func() {
					for i := range rounds {
						if err := act(g + i); err != nil {
							t.Errorf("%s %d: %v", name, i, err)
						}
					}
				})
			}
		}
		all.Wait()
		for i := range friends {
			if err := s.Chats().SetPinned(ctx, friend(i), true); err != nil {
				t.Error(err)
			}
			if _, err := s.Contacts().Save(ctx, contacts.ContactSave{Contact: friend(i), FullName: "Last name"}); err != nil {
				t.Error(err)
			}
			chat, err := s.Chats().Get(ctx, friend(i))
			if err != nil || !chat.Pinned || !chat.Muted {
				t.Errorf("chat with friend %d: %+v, %v", i, chat, err)
			}
		}
		saved, err := s.Contacts().List(ctx, true)
		if err != nil || len(saved) != friends {
			t.Errorf("%d saved contacts, want %d: %+v, %v", len(saved), friends, saved, err)
		}
		for _, contact := range saved {
			if contact.FullName == nil || *contact.FullName != "Last name" {
				t.Errorf("contact %+v", contact)
			}
		}
	})
}
