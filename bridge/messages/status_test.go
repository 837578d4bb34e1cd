package messages

import (
	"testing"
	"time"
)

func TestStatusPostsExpire(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store, session string) {
		ctx := t.Context()
		for _, m := range []*Message{text("OLD", statusChat, alicePN, "yesterday", 1), text("KEPT", statusChat, alicePN, "starred", 2), text("NEW", statusChat, alicePN, "today", 100), text("CHAT", alicePN, alicePN, "no post", 1)} {
			must(t, s.Save(ctx, session, m))
		}
		must(t, s.SetStarred(ctx, session, Address{JID: statusChat}, "KEPT", true))
		must(t, s.ExpireStatus(ctx, start.Add(50*time.Second)))
		for _, id := range []string{"KEPT", "NEW"} {
			get(t, s, session, statusChat, id)
		}
		get(t, s, session, alicePN, "CHAT")
		if _, err := s.Message(ctx, session, Address{JID: statusChat}, "OLD"); err == nil {
			t.Error("the old post is still stored")
		}
	})
}
