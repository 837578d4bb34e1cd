package newsletters

import (
	"strings"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// Newsletter is a newsletter as the account sees it.
type Newsletter struct {
	Newsletter       string     `json:"newsletter" doc:"its JID"`
	Name             string     `json:"name" doc:"name"`
	NameID           *string    `json:"name_id" doc:"version of the name"`
	NameSetAt        *time.Time `json:"name_set_at" doc:"time of the last change of the name"`
	Description      *string    `json:"description" doc:"text; null without one"`
	DescriptionID    *string    `json:"description_id" doc:"version of the text"`
	DescriptionSetAt *time.Time `json:"description_set_at" doc:"time of the last change of the text"`
	SubscriberCount  int        `json:"subscriber_count" doc:"number of followers"`
	InviteCode       *string    `json:"invite_code" doc:"last part of its link"`
	Verified         bool       `json:"verified" doc:"verified by WhatsApp"`
	State            string     `json:"state" doc:"active, suspended or geosuspended"`
	Role             *string    `json:"role" doc:"subscriber, guest, admin or owner; null when read by an invite"`
	Muted            *bool      `json:"muted" doc:"whether the account has muted it; null when read by an invite"`
	ReactionMode     *string    `json:"reaction_mode" doc:"emojis that followers may use: all, basic, blocklist or none"`
	CreatedAt        *time.Time `json:"created_at" doc:"creation"`
	PictureURL       *string    `json:"picture_url" doc:"full picture; null without one"`
	PreviewURL       *string    `json:"preview_url" doc:"thumbnail; null without one"`
}

// newNewsletter returns the result object for metadata of WhatsApp.
func newNewsletter(m *types.NewsletterMetadata) *Newsletter {
	thread := &m.ThreadMeta
	n := &Newsletter{
		Newsletter: m.ID.String(), Name: thread.Name.Text, NameID: wa.OrNull(thread.Name.ID), NameSetAt: wa.TimeOrNull(thread.Name.UpdateTime.Time),
		Description: wa.OrNull(thread.Description.Text), DescriptionID: wa.OrNull(thread.Description.ID),
		DescriptionSetAt: wa.TimeOrNull(thread.Description.UpdateTime.Time), SubscriberCount: thread.SubscriberCount,
		InviteCode: wa.OrNull(thread.InviteCode), Verified: thread.VerificationState == types.NewsletterVerificationStateVerified,
		State: string(m.State.Type), ReactionMode: wa.OrNull(strings.ToLower(string(thread.Settings.ReactionCodes.Value))),
		CreatedAt: wa.TimeOrNull(thread.CreationTime.Time), PictureURL: pictureURL(thread.Picture), PreviewURL: pictureURL(&thread.Preview),
	}
	if m.ViewerMeta != nil {
		muted := m.ViewerMeta.Mute == types.NewsletterMuteOn
		n.Role, n.Muted = wa.OrNull(string(m.ViewerMeta.Role)), &muted
	}
	return n
}

// pictureHost serves pictures whose description has a path but no URL.
const pictureHost = "https://mmg.whatsapp.net"

func pictureURL(picture *types.ProfilePictureInfo) *string {
	switch {
	case picture == nil || picture.URL == "" && picture.DirectPath == "":
		return nil
	case picture.URL != "":
		return &picture.URL
	}
	return wa.OrNull(pictureHost + picture.DirectPath)
}
