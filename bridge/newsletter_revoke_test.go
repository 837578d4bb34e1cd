package bridge_test

import (
	"testing"

	"github.com/waystation/waystation/bridge/sandbox"
)

func TestNewsletterPostsChangeInEventsAndStore(t *testing.T) {
	w := newWorld(t)
	ada, owner := w.account("15550100001", "Ada"), w.account("15550100002", "Owner")
	s := w.paired("ada", ada)
	channel, err := owner.CreateNewsletter("News", "")
	if err != nil {
		t.Fatal(err)
	}
	if err = ada.FollowNewsletter(channel.ID); err != nil {
		t.Fatal(err)
	}
	r := w.reader("ada")
	r.of("NewsletterJoin")
	id, _, err := owner.PostNewsletter(channel.ID, sandbox.Text("frist"))
	if err != nil {
		t.Fatal(err)
	}
	r.text("frist")
	if err = owner.EditNewsletter(channel.ID, id, sandbox.Text("first")); err != nil {
		t.Fatal(err)
	}
	if e := r.text("first"); e.data["message_id"] != id || e.data["edited_at"] == nil {
		t.Errorf("edited: %v", e.data)
	}
	if err = owner.RevokeNewsletter(channel.ID, id); err != nil {
		t.Fatal(err)
	}
	e := r.until("the revocation", func(e event) bool { return e.Type == "Message" && e.data["target"] != nil })
	if target, _ := e.data["target"].(map[string]any); target["action"] != "revoke" || target["message_id"] != id || e.data["chat"] != channel.ID.String() {
		t.Errorf("revoked: %v", e.data)
	}
	stored, err := s.Chats().GetMessage(w.ctx(), channel.ID.String(), id, false)
	if err != nil {
		t.Fatal(err)
	}
	if stored.DeletedAt == nil {
		t.Errorf("stored: %+v", stored)
	}
}
