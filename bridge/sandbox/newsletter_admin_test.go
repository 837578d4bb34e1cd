package sandbox

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// acceptTerms accepts WhatsApp's terms for channels.
func (c *client) acceptTerms() {
	c.t.Helper()
	if err := c.AcceptTOSNotice(c.t.Context(), newsletterTerms, "5"); err != nil {
		c.t.Fatal(err)
	}
}

func TestNewsletterNeedsTerms(t *testing.T) {
	w := newWorld(t, Options{})
	alice := w.account("15550001", "Alice")
	a := w.pair(alice)
	create := func() (code int) {
		var refused types.GraphQLError
		if _, err := a.CreateNewsletter(w.ctx(), whatsmeow.CreateNewsletterParams{Name: "News"}); errors.As(err, &refused) {
			return refused.Extensions.ErrorCode
		} else if err != nil {
			t.Error(err)
		}
		return 0
	}
	if code := create(); code != 403 {
		t.Errorf("without terms: %d", code)
	}
	a.acceptTerms()
	if code := create(); code != 0 {
		t.Errorf("with terms: %d", code)
	}
	alice.WithdrawNewsletterTerms()
	if code := create(); code != 403 {
		t.Errorf("with terms that changed: %d", code)
	}
	var refused *whatsmeow.IQError
	if err := a.AcceptTOSNotice(w.ctx(), "", ""); !errors.As(err, &refused) || refused.Code != 400 {
		t.Errorf("no notice: %v", err)
	}
}

func TestNewsletterAdmins(t *testing.T) {
	began := time.Now()
	var passed atomic.Int64 // of the network's clock, in nanoseconds
	w := newWorld(t, Options{Now: func() time.Time { return began.Add(time.Duration(passed.Load())) }})
	alice, bob, carol := w.account("15550001", "Alice"), w.account("15550002", "Bob"), w.account("15550003", "Carol")
	b := w.pair(bob)
	made, err := alice.CreateNewsletter("News", "")
	if err != nil {
		t.Fatal(err)
	}
	role := func(want types.NewsletterRole) {
		t.Helper()
		if seen, err := b.GetNewsletterInfo(w.ctx(), made.ID); err != nil || seen.ViewerMeta.Role != want {
			t.Errorf("role %+v: %v", seen, err)
		}
	}
	code := func(what string, err error, want int) {
		t.Helper()
		var refused *RequestError
		if want == 0 && err == nil || errors.As(err, &refused) && refused.Code == want {
			return
		}
		t.Errorf("%s: %v", what, err)
	}
	code("accepted without an invitation", bob.AcceptNewsletterInvite(made.ID), 403)
	invite := func(want int) {
		t.Helper()
		_, err := alice.InviteNewsletterAdmin(w.ctx(), made.ID, bob.JID(), "join us")
		code("invited", err, want)
	}
	invite(0)
	got := await(b, func(e *events.Message) bool { return e.Message.NewsletterAdminInviteMessage != nil }).Message.NewsletterAdminInviteMessage
	if got.GetNewsletterJID() != made.ID.String() || got.GetNewsletterName() != "News" || got.GetCaption() != "join us" ||
		time.Unix(got.GetInviteExpiration(), 0).Sub(began).Round(time.Minute) != adminInviteLifetime {
		t.Errorf("invitation %v", got)
	}
	code("revoked", alice.RevokeNewsletterInvite(made.ID, bob.JID()), 0)
	code("revoked twice", alice.RevokeNewsletterInvite(made.ID, bob.JID()), 404)
	code("accepted after the revocation", bob.AcceptNewsletterInvite(made.ID), 403)
	invite(0)
	passed.Add(int64(adminInviteLifetime + time.Second))
	code("accepted too late", bob.AcceptNewsletterInvite(made.ID), 410)
	invite(0)
	code("accepted", bob.AcceptNewsletterInvite(made.ID), 0)
	await(b, func(e *events.NewsletterJoin) bool {
		return e.ID == made.ID && e.ViewerMeta.Role == types.NewsletterRoleAdmin
	})
	invite(409)
	if _, err := b.SendMessage(w.ctx(), made.ID, text1("by the second admin")); err != nil {
		t.Error(err)
	}
	_, err = bob.InviteNewsletterAdmin(w.ctx(), made.ID, carol.JID(), "")
	code("invited by an admin", err, 403)
	code("demoted", alice.DemoteNewsletterAdmin(made.ID, bob.JID()), 0)
	role(types.NewsletterRoleSubscriber)
	code("given to a subscriber", alice.TransferNewsletter(made.ID, bob.JID()), 403)
	invite(0)
	code("accepted again", bob.AcceptNewsletterInvite(made.ID), 0)
	code("given", alice.TransferNewsletter(made.ID, bob.JID()), 0)
	role(types.NewsletterRoleOwner)
	code("own role given up", alice.DemoteNewsletterAdmin(made.ID, types.EmptyJID), 0)
	code("deleted by a subscriber", alice.DeleteNewsletter(made.ID), 403)
	code("deleted", bob.DeleteNewsletter(made.ID), 0)
	await(b, func(e *events.NewsletterLeave) bool { return e.ID == made.ID })
	code("followed after the deletion", carol.FollowNewsletter(made.ID), 404)
}
