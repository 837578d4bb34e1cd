package messages

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

// TestWritersOfChatSettingsDoNotDeadlock runs the writers of the settings of two chats, one of them under both addresses of a person, against each other
// and against all reads. Both chats exist at the end, each once, with a value that a writer has set.
func TestWritersOfChatSettingsDoNotDeadlock(t *testing.T) {
	dbtest.OnEachContended(t, func(t *testing.T, address string) {
		const session, n = "s", 4
		s := open(t, address)
		person := func(call int) Address {
			return []Address{{JID: alicePN}, {JID: aliceLID}, {JID: alicePN, Alt: aliceLID}, {JID: aliceLID, Alt: alicePN}}[call%4]
		}
		fill := func(ctx context.Context) error {
			for i := range n {
				for _, m := range []*Message{text(fmt.Sprint("M", i), alicePN, alicePN, "words", i), text(fmt.Sprint("G", i), group, alicePN, "words", i)} {
					if err := s.Save(ctx, session, m); err != nil {
						return err
					}
				}
			}
			return s.Alias(ctx, session, Address{JID: alicePN, Alt: aliceLID})
		}
		must(t, fill(t.Context()))
		patch := func(build func(call int) ChatPatch) func(ctx context.Context, call int) error {
			return func(ctx context.Context, call int) error {
				chats := []Address{person(call), {JID: group}}
				for i := range chats {
					p := build(call)
					p.At = start.Add(time.Duration(call) * time.Second)
					if err := s.UpdateChat(ctx, session, chats[(i+call)%2], p); err != nil {
						return err
					}
				}
				return nil
			}
		}
		flag := func(call int) *bool { on := call%2 == 0; return &on }
		dbtest.Contend(t, address, 4, 3, fill, dbtest.Writers{
			"archive": patch(func(call int) ChatPatch { return ChatPatch{Archived: flag(call)} }),
			"pin":     patch(func(call int) ChatPatch { return ChatPatch{Pinned: flag(call), ReadOnly: flag(call)} }),
			"mute":    patch(func(call int) ChatPatch { return ChatPatch{Muted: flag(call), MutedUntil: start.Add(time.Hour)} }),
			"unread": patch(func(call int) ChatPatch {
				unread := call % 3
				return ChatPatch{Unread: &unread, MarkedUnread: flag(call)}
			}),
			"name and timer": patch(func(call int) ChatPatch {
				name, timer := fmt.Sprint("name ", call), time.Duration(call)*time.Hour
				return ChatPatch{Name: &name, Disappearing: &timer}
			}),
			"alias": func(ctx context.Context, call int) error { return s.Alias(ctx, session, person(2+call%2)) },
			"star": func(ctx context.Context, call int) error {
				err := s.SetStarred(ctx, session, person(call), fmt.Sprint("M", call%n), call%2 == 0)
				return orNotFound(err)
			},
			"react": func(ctx context.Context, call int) error {
				return s.React(ctx, session, &Reaction{Chat: person(call), ID: fmt.Sprint("M", call%n), Sender: bobPN, Emoji: "👍", At: start.Add(time.Duration(call) * time.Second)})
			},
			"delete chats": func(ctx context.Context, call int) error {
				for i := range 2 {
					if err := s.DeleteChat(ctx, session, []Address{person(call), {JID: group}}[(i+call)%2], time.Time{}); err != nil {
						return err
					}
				}
				return nil
			},
			"read": func(ctx context.Context, call int) error {
				chats, total, err := s.Chats(ctx, session, ChatQuery{})
				if err != nil {
					return err
				}
				if len(chats) > 2 || total > 2 { // they are counted by a statement of its own
					return fmt.Errorf("%d of %d chats", len(chats), total)
				}
				if _, err := s.Stats(ctx, session); err != nil {
					return err
				}
				for _, chat := range []Address{person(call), {JID: group}} {
					if _, err := s.Chat(ctx, session, chat); orNotFound(err) != nil {
						return err
					}
					if _, err := s.Timer(ctx, session, chat); orNotFound(err) != nil {
						return err
					}
					if _, err := s.Unread(ctx, session, chat, n); orNotFound(err) != nil {
						return err
					}
					if _, _, err := s.List(ctx, session, ListQuery{Chat: chat, Limit: n}); orNotFound(err) != nil {
						return err
					}
				}
				_, _, err = s.Search(ctx, session, SearchQuery{Text: "words", Limit: n})
				return err
			},
		})
		must(t, fill(t.Context()))
		pinned, timer := true, 24*time.Hour
		for _, chat := range []string{aliceLID, group} {
			must(t, s.UpdateChat(t.Context(), session, Address{JID: chat}, ChatPatch{Pinned: &pinned, Disappearing: &timer, At: start.Add(time.Hour)}))
		}
		chats, total, err := s.Chats(t.Context(), session, ChatQuery{})
		must(t, err)
		if total != 2 || chats[0].PinnedAt.IsZero() || chats[1].PinnedAt.IsZero() || chats[0].Disappearing != timer || chats[1].Disappearing != timer {
			t.Errorf("%d chats, want the two with the last settings: %+v", total, chats)
		}
	})
}

// orNotFound is err without ErrNotFound: another goroutine may have deleted what is named.
func orNotFound(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
