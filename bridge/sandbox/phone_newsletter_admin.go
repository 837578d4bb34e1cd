package sandbox

import (
	"context"
	"fmt"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// AcceptNewsletterTerms accepts WhatsApp's terms for channels, as the app does when its user creates the first one.
func (p *Phone) AcceptNewsletterTerms() error {
	_, err := p.sendRequest("tos", "set", types.ServerJID, waBinary.Node{Tag: "notice", Attrs: waBinary.Attrs{"id": newsletterTerms, "stage": "5"}})
	return err
}

// WithdrawNewsletterTerms makes the account one that has not accepted the terms for channels, such as after WhatsApp has changed them.
func (p *Phone) WithdrawNewsletterTerms() {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	delete(p.device.account.notices, newsletterTerms)
}

// askAboutAdmin sends a query about a channel and, unless empty, a user.
func (p *Phone) askAboutAdmin(query string, channel, user types.JID, result any) error {
	variables := map[string]any{"newsletter_id": channel}
	if !user.IsEmpty() {
		variables["user_id"] = user
	}
	return p.sendMexQuery(query, variables, result)
}

// InviteNewsletterAdmin invites a user to become an admin of a channel that the account owns, by a message whose id it returns.
func (p *Phone) InviteNewsletterAdmin(ctx context.Context, channel, user types.JID, caption string) (types.MessageID, error) {
	var answer struct {
		Invite struct {
			Expires int64 `json:"invite_expiration_time,string"`
		} `json:"xwa2_newsletter_admin_invite_create"`
	}
	if err := p.askAboutAdmin(mexAdminInvite, channel, user, &answer); err != nil {
		return "", err
	}
	p.net.mu.Lock()
	c := p.net.newsletters.find(channel)
	name := ""
	if c != nil {
		name = c.name.text
	}
	p.net.mu.Unlock()
	id, err := p.Send(ctx, user, &waE2E.Message{NewsletterAdminInviteMessage: &waE2E.NewsletterAdminInviteMessage{
		NewsletterJID: proto.String(channel.String()), NewsletterName: proto.String(name), Caption: proto.String(caption),
		InviteExpiration: proto.Int64(answer.Invite.Expires),
	}})
	if err != nil {
		return "", fmt.Errorf("sandbox: %w", err)
	}
	return id, nil
}

// RevokeNewsletterInvite withdraws an invitation.
func (p *Phone) RevokeNewsletterInvite(channel, user types.JID) error {
	return p.askAboutAdmin(mexAdminInviteRevoke, channel, user, &struct{}{})
}

// AcceptNewsletterInvite makes the account an admin of a channel to which it was invited.
func (p *Phone) AcceptNewsletterInvite(channel types.JID) error {
	return p.askAboutAdmin(mexAdminInviteAccept, channel, types.EmptyJID, &struct{}{})
}

// DemoteNewsletterAdmin makes an admin of a channel a subscriber.
func (p *Phone) DemoteNewsletterAdmin(channel, user types.JID) error {
	return p.askAboutAdmin(mexAdminDemote, channel, user, &struct{}{})
}

// TransferNewsletter makes an admin the owner of a channel that the account owns.
func (p *Phone) TransferNewsletter(channel, user types.JID) error {
	return p.askAboutAdmin(mexNewsletterOwner, channel, user, &struct{}{})
}

// DeleteNewsletter deletes a channel that the account owns.
func (p *Phone) DeleteNewsletter(channel types.JID) error {
	return p.askAboutAdmin(mexNewsletterDelete, channel, types.EmptyJID, &struct{}{})
}
