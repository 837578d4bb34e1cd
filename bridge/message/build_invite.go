package message

import (
	"context"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/wa"
)

// groupInvite builds the invitation of one person. WhatsApp accepts it from that person only, with the inviter and the code.
func (b *Builder) groupInvite(ctx context.Context) (*waE2E.Message, error) {
	invite := b.Content.GroupInvite
	switch {
	case invite == nil:
		return nil, wa.BadParam("group_invite", "is missing")
	case strings.TrimSpace(invite.Code) == "":
		return nil, wa.BadParam("group_invite/code", "is empty")
	case !wa.IsPerson(b.To):
		return nil, &wa.Error{Reason: wa.ReasonNotSupported, Field: "to", Message: "a group invite goes to the invited person"}
	}
	group, err := wa.ParseJID("group_invite/group", invite.Group)
	if err != nil {
		return nil, err
	}
	if group.Server != types.GroupServer {
		return nil, wa.BadParam("group_invite/group", "is not a group")
	}
	name, caption := invite.GroupName, invite.Caption
	if name == "" && b.GroupName != nil {
		name = b.GroupName(ctx, group)
	}
	if caption == "" {
		caption = b.Content.Caption
	}
	content := &waE2E.GroupInviteMessage{
		GroupJID: proto.String(group.String()), InviteCode: &invite.Code, GroupName: wa.OrNull(name), Caption: wa.OrNull(caption),
		GroupType: waE2E.GroupInviteMessage_DEFAULT.Enum(),
	}
	if invite.ExpiresAt != nil {
		content.InviteExpiration = proto.Int64(invite.ExpiresAt.Unix())
	}
	if content.JPEGThumbnail, err = b.smallPicture(ctx); err != nil {
		return nil, err
	}
	return &waE2E.Message{GroupInviteMessage: content}, nil
}

func (b *Builder) newsletterInvite(ctx context.Context) (*waE2E.Message, error) {
	invite := b.Content.NewsletterInvite
	switch {
	case invite == nil:
		return nil, wa.BadParam("newsletter_invite", "is missing")
	case strings.TrimSpace(invite.Name) == "":
		return nil, wa.BadParam("newsletter_invite/name", "is empty")
	case invite.Admin && invite.ExpiresAt == nil:
		return nil, wa.BadParam("newsletter_invite/expires_at", "is missing")
	case invite.Admin && !wa.IsPerson(b.To):
		return nil, &wa.Error{Reason: wa.ReasonNotSupported, Field: "to", Message: "an admin invite goes to the invited person"}
	}
	newsletter, err := wa.ParseJID("newsletter_invite/newsletter", invite.Newsletter)
	if err != nil {
		return nil, err
	}
	if newsletter.Server != types.NewsletterServer {
		return nil, wa.BadParam("newsletter_invite/newsletter", "is not a newsletter")
	}
	small, err := b.smallPicture(ctx)
	if err != nil {
		return nil, err
	}
	jid, caption := proto.String(newsletter.String()), wa.OrNull(b.Content.Caption)
	if !invite.Admin {
		return &waE2E.Message{NewsletterFollowerInviteMessageV2: &waE2E.NewsletterFollowerInviteMessage{
			NewsletterJID: jid, NewsletterName: &invite.Name, JPEGThumbnail: small, Caption: caption,
		}}, nil
	}
	return &waE2E.Message{NewsletterAdminInviteMessage: &waE2E.NewsletterAdminInviteMessage{
		NewsletterJID: jid, NewsletterName: &invite.Name, JPEGThumbnail: small, Caption: caption, InviteExpiration: proto.Int64(invite.ExpiresAt.Unix()),
	}}, nil
}

// smallPicture returns the thumbnail of the content; nil if it has none.
func (b *Builder) smallPicture(ctx context.Context) ([]byte, error) {
	if b.Content.Thumbnail == nil {
		return nil, nil
	}
	return b.thumbnail(ctx, "thumbnail", b.Content.Thumbnail)
}
