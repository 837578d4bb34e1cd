package sandbox

import (
	"errors"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

func TestNewsletterFromClient(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob, carol := w.account("15550001", "Alice"), w.account("15550002", "Bob"), w.account("15550003", "Carol")
	a, b := w.pair(alice), w.pair(bob)
	if err := a.AcceptTOSNotice(w.ctx(), "20601218", "5"); err != nil {
		t.Fatal(err)
	}
	made, err := a.CreateNewsletter(w.ctx(), whatsmeow.CreateNewsletterParams{Name: "News", Description: "All of it"})
	if err != nil || made.ThreadMeta.Name.Text != "News" || made.ViewerMeta.Role != types.NewsletterRoleOwner || made.ThreadMeta.CreationTime.IsZero() {
		t.Fatalf("made %+v: %v", made, err)
	}
	await(a, func(e *events.NewsletterJoin) bool { return e.ID == made.ID })
	seen, err := b.GetNewsletterInfoWithInvite(w.ctx(), whatsmeow.NewsletterLinkPrefix+made.ThreadMeta.InviteCode)
	if err != nil || seen.ID != made.ID || seen.ViewerMeta != nil || seen.State.Type != types.NewsletterStateActive {
		t.Errorf("by link %+v: %v", seen, err)
	}
	if _, err = b.SendMessage(w.ctx(), made.ID, text1("may I?")); err == nil {
		t.Error("an account that does not follow posted")
	}
	if err = b.FollowNewsletter(w.ctx(), made.ID); err != nil {
		t.Fatal(err)
	}
	await(b, func(e *events.NewsletterJoin) bool {
		return e.ID == made.ID && e.ViewerMeta.Role == types.NewsletterRoleSubscriber
	})
	if err = carol.FollowNewsletter(made.ID); err != nil {
		t.Fatal(err)
	}
	if seen, err = b.GetNewsletterInfo(w.ctx(), made.ID); err != nil || seen.ThreadMeta.SubscriberCount != 3 {
		t.Errorf("info %+v: %v", seen, err)
	}
	if list, err := b.GetSubscribedNewsletters(w.ctx()); err != nil || len(list) != 1 {
		t.Errorf("subscribed %+v: %v", list, err)
	}
	if _, err = b.SendMessage(w.ctx(), made.ID, text1("may I?")); err == nil {
		t.Error("a subscriber posted")
	}

	sent, err := a.SendMessage(w.ctx(), made.ID, text1("first"))
	if err != nil || sent.ServerID == 0 {
		t.Fatalf("sent %+v: %v", sent, err)
	}
	if got := await(b, says("first")); got.Info.ServerID != sent.ServerID || got.Info.Chat != made.ID {
		t.Errorf("info %+v", got.Info)
	}
	if _, err = carol.Await(w.ctx(), heard("first")); err != nil {
		t.Error(err)
	}
	if d, err := a.NewsletterSubscribeLiveUpdates(w.ctx(), made.ID); err != nil || d != liveUpdates {
		t.Errorf("live for %s: %v", d, err)
	}
	if err = b.NewsletterSendReaction(w.ctx(), made.ID, sent.ServerID, "👍", ""); err != nil {
		t.Fatal(err)
	}
	if err = b.NewsletterMarkViewed(w.ctx(), made.ID, []types.MessageServerID{sent.ServerID}); err != nil {
		t.Fatal(err)
	}
	live := await(a, func(e *events.NewsletterLiveUpdate) bool {
		return len(e.Messages) == 1 && e.Messages[0].ViewsCount == 1
	})
	if live.JID != made.ID || live.Messages[0].ReactionCounts["👍"] != 1 {
		t.Errorf("live %+v", live.Messages[0])
	}
	up, err := a.UploadNewsletter(w.ctx(), []byte("picture"), whatsmeow.MediaImage)
	if err != nil {
		t.Fatal(err)
	}
	image := &waE2E.Message{ImageMessage: &waE2E.ImageMessage{URL: &up.URL, DirectPath: &up.DirectPath, FileSHA256: up.FileSHA256, Caption: proto.String("look")}}
	if _, err = a.SendMessage(w.ctx(), made.ID, image, whatsmeow.SendRequestExtra{MediaHandle: "invented"}); err == nil {
		t.Error("posted a file that the host does not have")
	}
	if _, err = a.SendMessage(w.ctx(), made.ID, image, whatsmeow.SendRequestExtra{MediaHandle: up.Handle}); err != nil {
		t.Fatal(err)
	}
	got := await(b, func(e *events.Message) bool { return e.Message.GetImageMessage().GetCaption() == "look" })
	if data, err := b.Download(w.ctx(), got.Message.GetImageMessage()); err != nil || string(data) != "picture" {
		t.Errorf("media %q: %v", data, err)
	}
	list, err := b.GetNewsletterMessages(w.ctx(), made.ID, &whatsmeow.GetNewsletterMessagesParams{Count: 10})
	if err != nil || len(list) != 2 || list[0].Message.GetConversation() != "first" || list[0].ViewsCount != 1 {
		t.Errorf("messages %+v: %v", list, err)
	}
	if list, err = b.GetNewsletterMessages(w.ctx(), made.ID, &whatsmeow.GetNewsletterMessagesParams{Count: 1, Before: list[1].MessageServerID}); err != nil || len(list) != 1 || list[0].MessageServerID != sent.ServerID {
		t.Errorf("page %+v: %v", list, err)
	}
	if list, err = b.GetNewsletterMessageUpdates(w.ctx(), made.ID, nil); err != nil || len(list) != 2 || list[0].Message != nil {
		t.Errorf("updates %+v: %v", list, err)
	}
	if err = b.NewsletterToggleMute(w.ctx(), made.ID, true); err != nil {
		t.Fatal(err)
	}
	await(b, func(e *events.NewsletterMuteChange) bool { return e.ID == made.ID && e.Mute == types.NewsletterMuteOn })
	if err = b.UnfollowNewsletter(w.ctx(), made.ID); err != nil {
		t.Fatal(err)
	}
	await(b, func(e *events.NewsletterLeave) bool { return e.ID == made.ID })
	var refused types.GraphQLError
	if err = a.UnfollowNewsletter(w.ctx(), made.ID); !errors.As(err, &refused) || refused.Extensions.ErrorCode != 403 {
		t.Errorf("the owner left: %v", err)
	}
	if _, err = b.GetNewsletterInfo(w.ctx(), types.NewJID("1", types.NewsletterServer)); !errors.As(err, &refused) || refused.Extensions.ErrorCode != 404 {
		t.Errorf("no channel: %v", err)
	}
}

func TestNewsletterFromPhone(t *testing.T) {
	w := newWorld(t, Options{Limits: Limits{Newsletters: 1, NewsletterPosts: 2}})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a := w.pair(alice)
	made, err := bob.CreateNewsletter("Bob's", "")
	if err != nil {
		t.Fatal(err)
	}
	if err = a.FollowNewsletter(w.ctx(), made.ID); err != nil {
		t.Fatal(err)
	}
	var last types.MessageServerID
	for _, words := range []string{"one", "two", "three"} {
		if _, last, err = bob.PostNewsletter(made.ID, text1(words)); err != nil {
			t.Fatal(err)
		}
		await(a, says(words))
	}
	if err = bob.ReactToNewsletter(made.ID, last, "👏"); err != nil {
		t.Error(err)
	}
	list, err := a.GetNewsletterMessages(w.ctx(), made.ID, nil)
	if err != nil || len(list) != 2 || list[1].MessageServerID != last || list[1].ReactionCounts["👏"] != 1 {
		t.Errorf("kept %+v: %v", list, err)
	}
	var refused *RequestError
	if _, err = bob.CreateNewsletter("Another", ""); !errors.As(err, &refused) || refused.Code != 419 {
		t.Errorf("second channel: %v", err)
	}
	if _, err = alice.CreateNewsletter("", ""); !errors.As(err, &refused) || refused.Code != 406 {
		t.Errorf("no name: %v", err)
	}
	if _, _, err = alice.PostNewsletter(made.ID, text1("me too")); !errors.As(err, &refused) || refused.Code != 403 {
		t.Errorf("a subscriber posted: %v", err)
	}
	if err = alice.UnfollowNewsletter(made.ID); err != nil {
		t.Error(err)
	}
}
