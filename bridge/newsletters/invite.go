package newsletters

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/wa"
)

const (
	// createInvite is the number of the query that creates an invitation: NewsletterAdminInvite in whatsmeow's argo/name-to-queryids.json, which
	// has its answer but no function for it.
	createInvite = "24943748628557365"
	// inviteLifetime is the duration of invitations for which WhatsApp returns no end.
	inviteLifetime = 7 * 24 * time.Hour
	// maxCaption is the longest text of an invitation in characters.
	maxCaption = 65536
	// maxShownName is the longest name of a newsletter in an invitation, in characters.
	maxShownName = 100
	// pictureTimeout bounds the download of a newsletter's own picture, maxThumbnail its size in bytes.
	pictureTimeout = 10 * time.Second
	maxThumbnail   = 64 << 10
)

// AdminInvite describes an invitation to become an admin.
type AdminInvite struct {
	Newsletter string
	Contact    string // the invited person
	Name       string // shown name of the newsletter; empty = its own
	Caption    string
	Thumbnail  []byte // JPEG; nil = the newsletter's own picture
	MessageID  string // of the message; empty = generated
}

// NewsletterInviteSent is an invitation that was sent.
type NewsletterInviteSent struct {
	MessageID  string    `json:"message_id" doc:"id of the invitation"`
	Timestamp  time.Time `json:"timestamp" doc:"when sent"`
	Contact    string    `json:"contact" doc:"person"`
	ContactKey *string   `json:"contact_key" doc:"stable key of the person"`
	ExpiresAt  time.Time `json:"expires_at" doc:"end of the invitation"`
}

// SendAdminInvite creates an invitation to become an admin of a newsletter and sends it to the person as a message. Only owners may.
func (s *Service) SendAdminInvite(ctx context.Context, invite *AdminInvite) (*NewsletterInviteSent, error) {
	contact, err := wa.ParsePerson("contact", invite.Contact)
	if err != nil {
		return nil, err
	}
	for field, text := range map[string]struct {
		text string
		most int
	}{"name": {invite.Name, maxShownName}, "caption": {invite.Caption, maxCaption}} {
		if err := wa.CheckText(field, text.text, 0, text.most); err != nil {
			return nil, err
		}
	}
	var jid types.JID
	content := &waE2E.NewsletterAdminInviteMessage{Caption: wa.OrNull(invite.Caption), JPEGThumbnail: invite.Thumbnail}
	var expires time.Time
	err = s.onNewsletter(invite.Newsletter, "create the invitation", func(client *whatsmeow.Client, newsletter types.JID) error {
		jid = newsletter
		found, err := Ref{Newsletter: invite.Newsletter}.find(ctx, client)
		if err != nil {
			return err
		}
		if content.NewsletterName = proto.String(invite.Name); invite.Name == "" {
			content.NewsletterName = proto.String(found.ThreadMeta.Name.Text)
		}
		if invite.Thumbnail == nil {
			content.JPEGThumbnail = downloadPicture(ctx, client, &found.ThreadMeta)
		}
		expires, err = inviteAdmin(ctx, client, newsletter, contact)
		return err
	})
	if err != nil {
		return nil, err
	}
	content.NewsletterJID, content.InviteExpiration = proto.String(jid.String()), proto.Int64(expires.Unix())
	id, at, err := s.conn.SendContent(ctx, contact, invite.MessageID, &waE2E.Message{NewsletterAdminInviteMessage: content})
	if err != nil {
		return nil, wa.NameField("contact", err)
	}
	return &NewsletterInviteSent{MessageID: id, Timestamp: at, Contact: contact.String(), ExpiresAt: expires}, nil
}

// inviteAdmin creates an invitation at WhatsApp and returns its end.
func inviteAdmin(ctx context.Context, client *whatsmeow.Client, newsletter, contact types.JID) (time.Time, error) {
	user, err := userID(ctx, client, contact)
	if err != nil {
		return time.Time{}, err
	}
	raw, err := client.DangerousInternals().SendMexIQ(ctx, createInvite, map[string]any{"newsletter_id": newsletter, "user_id": user})
	if err != nil {
		return time.Time{}, err
	}
	var answer struct {
		Invite *struct {
			Expires string `json:"invite_expiration_time"`
		} `json:"xwa2_newsletter_admin_invite_create"`
	}
	if json.Unmarshal(raw, &answer) != nil || answer.Invite == nil {
		return time.Time{}, incomplete("invitation")
	}
	if seconds, err := strconv.ParseInt(answer.Invite.Expires, 10, 64); err == nil && seconds > 0 && wa.HasForm(time.Unix(seconds, 0)) {
		return time.Unix(seconds, 0).UTC(), nil
	}
	return time.Now().UTC().Add(inviteLifetime).Truncate(time.Second), nil
}

// userID returns the LID of a person, which WhatsApp's queries about newsletters expect.
func userID(ctx context.Context, client *whatsmeow.Client, contact types.JID) (types.JID, error) {
	if contact.Server == types.HiddenUserServer {
		return contact, nil
	}
	person, err := wa.PersonOf(ctx, client.Store, contact)
	if err != nil || !person.LID.IsEmpty() {
		return person.LID, err
	}
	found, err := client.GetUserInfo(ctx, []types.JID{contact})
	if err != nil {
		return types.EmptyJID, err
	}
	lid := found[contact].LID
	if lid.IsEmpty() {
		return lid, &wa.Error{Reason: wa.ReasonNotFound, Field: "contact", Message: "the number is not on WhatsApp"}
	}
	return lid, nil
}

// downloadPicture returns the thumbnail of a newsletter; nil if it has none or the download fails.
func downloadPicture(ctx context.Context, client *whatsmeow.Client, thread *types.NewsletterThreadMetadata) []byte {
	url := pictureURL(&thread.Preview)
	if url == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pictureTimeout)
	defer cancel()
	data, err := client.DangerousInternals().DownloadMedia(ctx, *url)
	if err != nil || len(data) > maxThumbnail {
		return nil
	}
	return data
}

// explainTerms adds to a refusal to create a newsletter that the account may have to accept WhatsApp's terms.
func explainTerms(err error) error {
	var refused *wa.Error
	if !errors.As(err, &refused) || refused.Reason != wa.ReasonForbidden {
		return err
	}
	explained := *refused
	explained.Message += "; an account must have accepted the terms with newsletter.acceptTerms before it creates a newsletter"
	return &explained
}
