package sandboxmethods

import (
	"context"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
)

type sandboxCreateNewsletter struct {
	asAccount
	Name        string `json:"name" rpc:"required,min=1,max=100" doc:"name of the newsletter"`
	Description string `json:"description,omitempty" rpc:"max=2048" doc:"description"`
	Picture     []byte `json:"picture,omitempty" doc:"JPEG"`
}

// inNewsletter is the parameter that names a newsletter.
type inNewsletter struct {
	asAccount
	Newsletter string `json:"newsletter" rpc:"required,format=jid" doc:"newsletter"`
}

// jid reads the newsletter's address.
func (p *inNewsletter) jid() (types.JID, error) {
	jid, err := wa.ParseJID("newsletter", p.Newsletter)
	if err == nil && jid.Server != types.NewsletterServer {
		err = rpc.InvalidParams("/newsletter", "is not the address of a newsletter")
	}
	return jid, err
}

type sandboxFollowNewsletter struct {
	inNewsletter
	Follow *bool `json:"follow,omitempty" doc:"false ends the subscription; default true"`
}

type sandboxPostNewsletter struct {
	inNewsletter
	Text string `json:"text" rpc:"required,min=1,max=65536" doc:"text of the post"`
}

type sandboxEditNewsletter struct {
	inNewsletter
	MessageID string `json:"message_id" rpc:"required,min=1,max=100" doc:"post"`
	Text      string `json:"text" rpc:"required,min=1,max=65536" doc:"new text"`
}

type sandboxRevokeNewsletter struct {
	inNewsletter
	MessageID string `json:"message_id" rpc:"required,min=1,max=100" doc:"post"`
}

type sandboxReactNewsletter struct {
	inNewsletter
	ServerID int    `json:"server_id" rpc:"required,min=1" doc:"number of the post"`
	Emoji    string `json:"emoji" rpc:"required,max=40" doc:"empty removes the reaction"`
}

type sandboxNewsletterPicture struct {
	inNewsletter
	Picture []byte `json:"picture,omitempty" doc:"JPEG; without it the picture is removed"`
}

type sandboxNewsletter struct {
	Newsletter string  `json:"newsletter" doc:"newsletter JID"`
	Name       string  `json:"name" doc:"name"`
	InviteCode string  `json:"invite_code" doc:"last part of its link"`
	PictureID  *string `json:"picture_id" doc:"null without a picture"`
}

type sandboxPosted struct {
	MessageID string `json:"message_id" doc:"id of the post"`
	ServerID  int    `json:"server_id" doc:"number of the post"`
}

func describeNewsletter(m *types.NewsletterMetadata, err error) (result sandboxNewsletter, _ error) {
	if err != nil {
		return result, err
	}
	result = sandboxNewsletter{Newsletter: m.ID.String(), Name: m.ThreadMeta.Name.Text, InviteCode: m.ThreadMeta.InviteCode}
	if m.ThreadMeta.Picture != nil {
		result.PictureID = &m.ThreadMeta.Picture.ID
	}
	return result, nil
}

func registerNewsletters(reg *rpc.Registry, d Deps) {
	onPhone(reg, d, "createNewsletter", "Create a newsletter that an account owns.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxCreateNewsletter) (result sandboxNewsletter, err error) {
			made, err := phone.CreateNewsletter(p.Name, p.Description)
			if err == nil && len(p.Picture) > 0 {
				made, err = phone.SetNewsletterPicture(made.ID, p.Picture)
			}
			return describeNewsletter(made, err)
		})
	onPhone(reg, d, "setNewsletterPicture", "Replace or remove the picture of a newsletter that the account owns.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxNewsletterPicture) (result sandboxNewsletter, err error) {
			jid, err := p.jid()
			if err != nil {
				return result, err
			}
			return describeNewsletter(phone.SetNewsletterPicture(jid, p.Picture))
		})
	onPhone(reg, d, "followNewsletter", "Follow a newsletter with an account, or unfollow it.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxFollowNewsletter) (result done, err error) {
			jid, err := p.jid()
			if err != nil {
				return result, err
			}
			if p.Follow != nil && !*p.Follow {
				return did(phone.UnfollowNewsletter(jid))
			}
			return did(phone.FollowNewsletter(jid))
		})
	onPhone(reg, d, "postToNewsletter", "Publish a text in a newsletter that the account owns.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxPostNewsletter) (result sandboxPosted, err error) {
			jid, err := p.jid()
			if err != nil {
				return result, err
			}
			result.MessageID, result.ServerID, err = phone.PostNewsletter(jid, sandbox.Text(p.Text))
			return result, err
		})
	onPhone(reg, d, "editNewsletterPost", "Edit a post of a newsletter that the account owns.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxEditNewsletter) (result done, err error) {
			jid, err := p.jid()
			if err != nil {
				return result, err
			}
			return did(phone.EditNewsletter(jid, p.MessageID, sandbox.Text(p.Text)))
		})
	onPhone(reg, d, "revokeNewsletterPost", "Delete a post of a newsletter that the account owns.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxRevokeNewsletter) (result done, err error) {
			jid, err := p.jid()
			if err != nil {
				return result, err
			}
			return did(phone.RevokeNewsletter(jid, p.MessageID))
		})
	onPhone(reg, d, "reactToNewsletterPost", "React to a post of a newsletter.",
		func(_ context.Context, phone *sandbox.Phone, p *sandboxReactNewsletter) (result done, err error) {
			jid, err := p.jid()
			if err != nil {
				return result, err
			}
			return did(phone.ReactToNewsletter(jid, p.ServerID, p.Emoji))
		})
}
