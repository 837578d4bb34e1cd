package groups

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// InviteLink is a group's invite link.
type InviteLink struct {
	Code string `json:"code" doc:"invite code"`
	URL  string `json:"url" doc:"whole link"`
}

// maxInviteCode bounds an invite code; real ones have 22 characters.
const maxInviteCode = 64

// parseInvite extracts the code from an invite code or link.
func parseInvite(invite string) (string, error) {
	code := strings.TrimSpace(invite)
	if strings.Contains(code, "/") {
		link, err := url.Parse(code)
		if err != nil || !strings.EqualFold(link.Host, "chat.whatsapp.com") {
			return "", wa.BadParam("invite", "is not a link to chat.whatsapp.com")
		}
		code = strings.TrimPrefix(strings.Trim(link.Path, "/"), "invite/")
	}
	if code == "" || len(code) > maxInviteCode {
		return "", wa.BadParam("invite", "is not an invite code or link")
	}
	for _, r := range code {
		if (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_' {
			return "", wa.BadParam("invite", "is not an invite code or link")
		}
	}
	return code, nil
}

// InviteLink returns a group's invite link. reset revokes the present link first.
func (s *Service) InviteLink(ctx context.Context, group string, reset bool) (InviteLink, error) {
	var link InviteLink
	err := s.changeGroup(group, "read the invite link", func(client *whatsmeow.Client, jid types.JID) error {
		address, err := client.GetGroupInviteLink(ctx, jid, reset)
		link = InviteLink{Code: strings.TrimPrefix(address, whatsmeow.InviteLinkPrefix), URL: address}
		return err
	})
	if err != nil {
		return InviteLink{}, err
	}
	return link, nil
}

// OfInvite returns the group of an invite without joining it.
func (s *Service) OfInvite(ctx context.Context, invite string) (*Group, error) {
	code, err := parseInvite(invite)
	if err != nil {
		return nil, err
	}
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	info, err := client.GetGroupInfoFromLink(ctx, code)
	if err != nil {
		return nil, wa.Wrap("read the invite", err)
	}
	group, err := FromInfo(ctx, client.Store, info)
	if err != nil {
		return nil, err
	}
	group.InviteCode = &code
	return group, nil
}

// Join joins a group by invite. pending means that an admin must approve the join first.
func (s *Service) Join(ctx context.Context, invite string) (group string, pending bool, err error) {
	code, err := parseInvite(invite)
	if err != nil {
		return "", false, err
	}
	client, err := s.conn.Live()
	if err != nil {
		return "", false, err
	}
	answer, err := client.DangerousInternals().SendGroupIQ(ctx, "set", types.GroupServerJID, waBinary.Node{ // the public call does not return which of the two answers it received
		Tag: "invite", Attrs: waBinary.Attrs{"code": code},
	})
	switch {
	case errors.Is(err, whatsmeow.ErrIQGone):
		err = fmt.Errorf("%w: %w", whatsmeow.ErrInviteLinkRevoked, err)
	case errors.Is(err, whatsmeow.ErrIQNotAcceptable):
		err = fmt.Errorf("%w: %w", whatsmeow.ErrInviteLinkInvalid, err)
	}
	if err != nil {
		return "", false, wa.Wrap("join the group", err)
	}
	for _, child := range answer.GetChildren() {
		if child.Tag != "group" && child.Tag != "membership_approval_request" {
			continue
		}
		attrs := child.AttrGetter()
		jid := attrs.JID("jid")
		if !attrs.OK() {
			break
		}
		return jid.String(), child.Tag == "membership_approval_request", nil
	}
	return "", false, wa.Wrap("join the group", &whatsmeow.ElementMissingError{Tag: "group", In: "answer to joining"})
}
