package account

import (
	"context"
	"regexp"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/wa"
)

const (
	maxPushName = 25  // characters
	maxAbout    = 139 // characters
)

// Profile is the own account as other people see it.
type Profile struct {
	JID          string  `json:"jid" doc:"own JID"`
	LID          *string `json:"lid" doc:"own LID"`
	PushName     *string `json:"push_name" doc:"display name"`
	About        *string `json:"about" doc:"about text"`
	PictureURL   *string `json:"picture_url" doc:"null when none"`
	BusinessName *string `json:"business_name" doc:"verified business name, if any"`
}

// GetProfile reads the own profile from WhatsApp.
func (s *Service) GetProfile(ctx context.Context) (*Profile, error) {
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	status := s.conn.Identity()
	infos, err := contacts.QueryUserInfo(ctx, client, []types.JID{status.JID})
	if err != nil {
		return nil, err
	}
	picture, err := contacts.QueryPicture(ctx, client, status.JID, nil)
	if err != nil {
		return nil, err
	}
	profile := &Profile{
		JID: status.JID.String(), LID: wa.JIDOrNull(status.LID), PushName: wa.OrNull(status.PushName),
		PictureURL: picture.URL, BusinessName: wa.OrNull(status.BusinessName),
	}
	for _, info := range infos {
		profile.About = info.About
		if info.VerifiedName != nil {
			profile.BusinessName = info.VerifiedName
		}
	}
	return profile, nil
}

// SetPushName changes the own display name on all devices of the account.
func (s *Service) SetPushName(ctx context.Context, name string) error {
	if err := wa.CheckText("name", name, 1, maxPushName); err != nil {
		return err
	}
	if err := s.conn.WriteAppState(ctx, "change the name", appstate.BuildSettingPushName(name)); err != nil {
		return err
	}
	client, err := s.conn.Live()
	if err != nil {
		return err
	}
	// Other people get the name from the own presence, not from the app state.
	presence := types.PresenceAvailable
	if s.conn.StaysUnavailable() {
		presence = types.PresenceUnavailable
	}
	return wa.Wrap("announce the name", client.SendPresence(ctx, presence))
}

// SetAbout changes the own about text; empty removes it.
func (s *Service) SetAbout(ctx context.Context, about string) error {
	if err := wa.CheckText("about", about, 0, maxAbout); err != nil {
		return err
	}
	client, err := s.conn.Live()
	if err != nil {
		return err
	}
	return wa.Wrap("change the about text", client.SetStatusMessage(ctx, types.SetStatusInput{Text: &about}))
}

// SetProfilePicture sets the own picture to a square JPEG and returns the id that WhatsApp assigned. nil removes the picture.
func (s *Service) SetProfilePicture(ctx context.Context, jpeg []byte) (string, error) {
	client, err := s.conn.Live()
	if err != nil {
		return "", err
	}
	// Despite the name of whatsmeow's function, a call without a group sets the own picture.
	id, err := client.SetGroupPhoto(ctx, types.EmptyJID, jpeg)
	if err != nil {
		return "", wa.Wrap("change the own picture", err)
	}
	return id, nil
}

// GetContactLink returns the link in the own contact QR code; revoke makes earlier links invalid and returns a new one.
func (s *Service) GetContactLink(ctx context.Context, revoke bool) (string, error) {
	client, err := s.conn.Live()
	if err != nil {
		return "", err
	}
	code, err := client.GetContactQRLink(ctx, revoke)
	if err != nil {
		return "", wa.Wrap("make the contact link", err)
	}
	return contactLink(code), nil
}

// contactLinkPrefix matches the text before the code in both forms of a contact link: whatsmeow.ContactQRLinkPrefix and
// whatsmeow.ContactQRLinkDirectPrefix.
var contactLinkPrefix = regexp.MustCompile(`(?i)^(?:https?://)?(?:www\.)?(?:wa\.me|api\.whatsapp\.com)/qr/`)

// contactLink returns the short link with a code. WhatsApp may answer the code alone or the whole link, in either form.
func contactLink(answer string) string {
	return whatsmeow.ContactQRLinkPrefix + contactLinkPrefix.ReplaceAllString(strings.TrimSpace(answer), "")
}
