package sandboxmethods

import (
	"context"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
)

type sandboxNewsletterTerms struct {
	asAccount
	Accepted bool `json:"accepted" rpc:"required" doc:"false makes the account one that has to accept them before it creates a newsletter"`
}

// withContact is a newsletter and a person.
type withContact struct {
	inNewsletter
	Contact string `json:"contact" rpc:"required,format=jid" doc:"person"`
}

// jids reads both addresses.
func (p *withContact) jids() (newsletter, contact types.JID, err error) {
	if newsletter, err = p.jid(); err == nil {
		contact, err = wa.ParsePerson("contact", p.Contact)
	}
	return newsletter, contact, err
}

type sandboxInviteNewsletterAdmin struct {
	withContact
	Caption string `json:"caption,omitempty" rpc:"max=65536" doc:"text of the invitation"`
}

type sandboxViewNewsletter struct {
	inNewsletter
	ServerIDs []int `json:"server_ids" rpc:"required,min=1,max=100,each.min=1" doc:"numbers of the posts"`
}

type sandboxInvited struct {
	MessageID string `json:"message_id" doc:"id of the invitation"`
}

// onAdmin registers a method about a newsletter and one of its admins.
func onAdmin(reg *rpc.Registry, d Deps, name, summary string, fn func(phone *sandbox.Phone, newsletter, contact types.JID) error) {
	onPhone(reg, d, name, summary, func(_ context.Context, phone *sandbox.Phone, p *withContact) (result done, err error) {
		newsletter, contact, err := p.jids()
		if err != nil {
			return result, err
		}
		return did(fn(phone, newsletter, contact))
	})
}

// onOwnNewsletter registers a method about a newsletter.
func onOwnNewsletter(reg *rpc.Registry, d Deps, name, summary string, fn func(phone *sandbox.Phone, newsletter types.JID) error) {
	onPhone(reg, d, name, summary, func(_ context.Context, phone *sandbox.Phone, p *inNewsletter) (result done, err error) {
		newsletter, err := p.jid()
		if err != nil {
			return result, err
		}
		return did(fn(phone, newsletter))
	})
}

func registerNewsletterAdmins(reg *rpc.Registry, d Deps) {
	onPhone(reg, d, "setNewsletterTerms", "Accept the terms for newsletters with an account, or withdraw the acceptance.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxNewsletterTerms) (done, error) {
			if !p.Accepted {
				phone.WithdrawNewsletterTerms()
				return did(nil)
			}
			return did(phone.AcceptNewsletterTerms())
		})
	onPhone(reg, d, "inviteNewsletterAdmin", "Invite a person to become an admin of a newsletter that the account owns.",
		func(ctx context.Context, phone *sandbox.Phone, p *sandboxInviteNewsletterAdmin) (result sandboxInvited, err error) {
			newsletter, contact, err := p.jids()
			if err != nil {
				return result, err
			}
			result.MessageID, err = phone.InviteNewsletterAdmin(ctx, newsletter, contact, p.Caption)
			return result, err
		})
	onAdmin(reg, d, "revokeNewsletterInvite", "Withdraw an invitation to become an admin of a newsletter that the account owns.", (*sandbox.Phone).RevokeNewsletterInvite)
	onAdmin(reg, d, "demoteNewsletterAdmin", "Make an admin of a newsletter that the account owns a subscriber.", (*sandbox.Phone).DemoteNewsletterAdmin)
	onAdmin(reg, d, "transferNewsletter", "Make an admin the owner of a newsletter that the account owns.", (*sandbox.Phone).TransferNewsletter)
	onOwnNewsletter(reg, d, "acceptNewsletterInvite", "Accept an invitation to become an admin of a newsletter.", (*sandbox.Phone).AcceptNewsletterInvite)
	onOwnNewsletter(reg, d, "deleteNewsletter", "Delete a newsletter that the account owns.", (*sandbox.Phone).DeleteNewsletter)
	onPhone(reg, d, "viewNewsletterPosts", "View posts of a newsletter.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxViewNewsletter) (result done, err error) {
			newsletter, err := p.jid()
			if err != nil {
				return result, err
			}
			return did(phone.ViewNewsletter(newsletter, p.ServerIDs))
		})
}
