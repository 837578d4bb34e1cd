package sandbox

import (
	"errors"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// An edit or a revocation has the id of its post; it must not be dropped as a duplicate.
func TestNewsletterPostsAreEditedAndRevoked(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob, carol := w.account("15550001", "Alice"), w.account("15550002", "Bob"), w.account("15550003", "Carol")
	a, b := w.pair(alice), w.pair(bob)
	a.acceptTerms()
	made, err := a.CreateNewsletter(w.ctx(), whatsmeow.CreateNewsletterParams{Name: "News"})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{b.FollowNewsletter(w.ctx(), made.ID), carol.FollowNewsletter(made.ID)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	changed := func(c *client, id types.MessageID, edit types.EditAttribute, words string) {
		t.Helper()
		evt := await(c, func(e *events.Message) bool {
			return e.Info.ID == id && e.Info.Edit == edit && e.Message.GetConversation() == words
		})
		if evt.NewsletterMeta == nil || evt.NewsletterMeta.EditTS.IsZero() || evt.NewsletterMeta.OriginalTS.IsZero() {
			t.Errorf("%s %s: meta %+v", id, edit, evt.NewsletterMeta)
		}
	}
	post, err := a.SendMessage(w.ctx(), made.ID, text1("frist"))
	if err != nil {
		t.Fatal(err)
	}
	await(b, says("frist"))
	for _, words := range []string{"first", "first!"} {
		edited, err := a.SendMessage(w.ctx(), made.ID, a.BuildEdit(made.ID, post.ID, text1(words)))
		if err != nil || edited.ServerID != post.ServerID || edited.ID != post.ID {
			t.Fatalf("edited %+v: %v", edited, err)
		}
		changed(b, post.ID, types.EditAttributeAdminEdit, words)
		if _, err = carol.Await(w.ctx(), heard(words)); err != nil {
			t.Error(err)
		}
	}
	if list, err := b.GetNewsletterMessages(w.ctx(), made.ID, nil); err != nil || len(list) != 1 || list[0].Message.GetConversation() != "first!" {
		t.Errorf("after the edits %+v: %v", list, err)
	}
	revoked, err := a.SendMessage(w.ctx(), made.ID, a.BuildRevoke(made.ID, types.EmptyJID, post.ID))
	if err != nil || revoked.ServerID != post.ServerID {
		t.Fatalf("revoked %+v: %v", revoked, err)
	}
	changed(b, post.ID, types.EditAttributeAdminRevoke, "")
	if list, err := b.GetNewsletterMessages(w.ctx(), made.ID, nil); err != nil || len(list) != 1 || list[0].Message != nil {
		t.Errorf("after the revocation %+v: %v", list, err)
	}
	// The same from the owner's phone; changes of unknown and revoked posts are refused.
	id, _, err := alice.PostNewsletter(made.ID, text1("by phone"))
	if err != nil {
		t.Fatal(err)
	}
	if err = alice.EditNewsletter(made.ID, id, text1("by phone, again")); err != nil {
		t.Error(err)
	}
	changed(b, id, types.EditAttributeAdminEdit, "by phone, again")
	if err = alice.RevokeNewsletter(made.ID, id); err != nil {
		t.Error(err)
	}
	changed(b, id, types.EditAttributeAdminRevoke, "")
	for name, refused := range map[string]error{
		"edit of a revoked post":  alice.EditNewsletter(made.ID, id, text1("back")),
		"edit of no post":         alice.EditNewsletter(made.ID, "NONE", text1("x")),
		"edit without content":    alice.EditNewsletter(made.ID, post.ID, text1("")),
		"revocation of no post":   alice.RevokeNewsletter(made.ID, "NONE"),
		"revocation by followers": carol.RevokeNewsletter(made.ID, id),
	} {
		var failed *RequestError
		if !errors.As(refused, &failed) {
			t.Errorf("%s: %v", name, refused)
		}
	}
	// A post sent again after a lost acknowledgement is not duplicated.
	again, err := a.SendMessage(w.ctx(), made.ID, text1("once"), whatsmeow.SendRequestExtra{ID: "ONCE"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = a.SendMessage(w.ctx(), made.ID, text1("once"), whatsmeow.SendRequestExtra{ID: "ONCE"}); err != nil {
		t.Error(err)
	}
	if list, err := b.GetNewsletterMessages(w.ctx(), made.ID, nil); err != nil || len(list) != 3 || list[2].MessageServerID != again.ServerID {
		t.Errorf("sent twice %+v: %v", list, err)
	}
}

func TestNewsletterPictures(t *testing.T) {
	w := newWorld(t, Options{})
	alice, bob := w.account("15550001", "Alice"), w.account("15550002", "Bob")
	a, b := w.pair(alice), w.pair(bob)
	a.acceptTerms()
	plain, err := a.CreateNewsletter(w.ctx(), whatsmeow.CreateNewsletterParams{Name: "No picture"})
	if err != nil || plain.ThreadMeta.Picture != nil || plain.ThreadMeta.Preview.ID != "" {
		t.Errorf("without picture %+v: %v", plain, err)
	}
	if _, err = b.GetProfilePictureInfo(w.ctx(), plain.ID, nil); !errors.Is(err, whatsmeow.ErrProfilePictureNotSet) {
		t.Errorf("no picture: %v", err)
	}
	var refused types.GraphQLError
	if _, err = a.CreateNewsletter(w.ctx(), whatsmeow.CreateNewsletterParams{Name: "Bad", Picture: []byte("no JPEG")}); !errors.As(err, &refused) || refused.Extensions.ErrorCode != 406 {
		t.Errorf("no JPEG: %v", err)
	}
	large640 := photo(t, 640)
	made, err := a.CreateNewsletter(w.ctx(), whatsmeow.CreateNewsletterParams{Name: "News", Picture: large640})
	if err != nil || made.ThreadMeta.Picture == nil {
		t.Fatalf("made %+v: %v", made, err)
	}
	check := func(picture, preview *types.ProfilePictureInfo, want []byte) {
		t.Helper()
		if picture == nil || picture.ID == "" || picture.ID != preview.ID || picture.Type != "image" || preview.Type != "preview" || picture.DirectPath == preview.DirectPath {
			t.Fatalf("picture %+v, preview %+v", picture, preview)
		}
		if got := w.fetch(picture.URL); string(got) != string(want) {
			t.Errorf("picture has %d bytes", len(got))
		}
		if got := w.fetch(preview.URL); len(got) == 0 || len(got) >= len(want) {
			t.Errorf("preview has %d bytes", len(got))
		}
	}
	check(made.ThreadMeta.Picture, &made.ThreadMeta.Preview, large640)
	seen, err := b.GetNewsletterInfo(w.ctx(), made.ID)
	if err != nil {
		t.Fatal(err)
	}
	check(seen.ThreadMeta.Picture, &seen.ThreadMeta.Preview, large640)
	large, err := b.GetProfilePictureInfo(w.ctx(), made.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	small, err := b.GetProfilePictureInfo(w.ctx(), made.ID, &whatsmeow.GetProfilePictureParams{Preview: true})
	if err != nil {
		t.Fatal(err)
	}
	check(large, small, large640)
	if same, err := b.GetProfilePictureInfo(w.ctx(), made.ID, &whatsmeow.GetProfilePictureParams{ExistingID: large.ID}); err != nil || same != nil {
		t.Errorf("unchanged: %+v, %v", same, err)
	}
	other := photo(t, 320)
	set, err := alice.SetNewsletterPicture(made.ID, other)
	if err != nil {
		t.Fatal(err)
	}
	check(set.ThreadMeta.Picture, &set.ThreadMeta.Preview, other)
	if _, err = bob.SetNewsletterPicture(made.ID, other); err == nil {
		t.Error("a stranger changed the picture")
	}
	if set, err = alice.SetNewsletterPicture(made.ID, nil); err != nil || set.ThreadMeta.Picture != nil {
		t.Errorf("removed: %+v, %v", set, err)
	}
}

// A client whose payload is that of the desktop app uses other query numbers.
func TestNewsletterQueriesOfDesktopClients(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.pair(w.account("15550001", "Alice"))
	ask := func(id string, variables any) string {
		t.Helper()
		raw, err := a.DangerousInternals().SendMexIQ(w.ctx(), id, variables)
		if err != nil {
			t.Errorf("%s: %v", id, err)
		}
		return string(raw)
	}
	a.acceptTerms()
	ask("27527996220149684", map[string]any{"newsletter_input": map[string]any{"name": "Desk"}})
	list, err := a.GetSubscribedNewsletters(w.ctx())
	if err != nil || len(list) != 1 {
		t.Fatalf("created %v: %v", list, err)
	}
	id := map[string]any{"newsletter_id": list[0].ID}
	for query, variables := range map[string]any{
		"9779843322044422":  map[string]any{"input": map[string]any{"key": list[0].ID, "type": "JID"}},
		"7272540469429201":  map[string]any{"input": map[string]any{"key": list[0].ID, "type": "JID"}},
		"27256776790637714": map[string]any{},
		"25403502652570342": map[string]any{"input": id},
		"5971669009605755":  id,
		"6104029483058502":  id,
		"7839742399440946":  map[string]any{"newsletter_id": list[0].ID, "updates": map[string]any{"name": "Desk 2"}},
		"8621797084555037":  id,
	} {
		ask(query, variables)
	}
	if raw := ask("8621797084555037", map[string]any{}); len(raw) < 100 {
		t.Errorf("subscribed: %s", raw)
	}
}
