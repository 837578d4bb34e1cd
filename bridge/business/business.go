package business

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/wa"
)

// Conn has the method of a session that queries for businesses use.
type Conn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
}

// Service implements the queries for businesses of one session. Its methods return *wa.Error.
type Service struct{ conn Conn }

// NewService returns the queries for businesses of a session.
func NewService(conn Conn) *Service { return &Service{conn: conn} }

// GetProfile returns the profile of a business.
func (s *Service) GetProfile(ctx context.Context, contact string) (*contacts.BusinessProfile, error) {
	jid, err := wa.ParsePerson("contact", contact)
	if err != nil {
		return nil, err
	}
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	return queryProfile(ctx, client, jid)
}

func queryProfile(ctx context.Context, client *whatsmeow.Client, jid types.JID) (*contacts.BusinessProfile, error) {
	who, err := wa.PersonOf(ctx, client.Store, jid)
	if err != nil {
		return nil, err
	}
	return contacts.QueryBusinessProfile(ctx, client, who)
}

// LinkTarget is the business behind a message link.
type LinkTarget struct {
	Contact       string  `json:"contact" doc:"business"`
	ContactKey    *string `json:"contact_key" doc:"stable key of the business"`
	PushName      *string `json:"push_name" doc:"name"`
	VerifiedName  *string `json:"verified_name" doc:"verified name"`
	IsSigned      bool    `json:"is_signed" doc:"verified"`
	VerifiedLevel *string `json:"verified_level" doc:"level of verification, as WhatsApp names it"`
	Message       string  `json:"message" doc:"text that the link fills in"`
	// Profile is absent unless requested, and null if the business has none.
	Profile **contacts.BusinessProfile `json:"profile,omitempty" doc:"with include_profile, as business.getProfile; null when there is none"`
}

// linkPrefix matches the text before the code in both forms of a message link.
var linkPrefix = regexp.MustCompile(`(?i)^(?:https?://)?(?:www\.)?(?:wa\.me|api\.whatsapp\.com)/message/`)

var linkCode = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// ResolveMessageLink returns the business of a message link or of its code.
func (s *Service) ResolveMessageLink(ctx context.Context, link string, withProfile bool) (*LinkTarget, error) {
	code, _, _ := strings.Cut(linkPrefix.ReplaceAllString(strings.TrimSpace(link), ""), "?")
	if !linkCode.MatchString(code) {
		return nil, wa.BadParam("link", "is not the message link of a business (https://wa.me/message/...)")
	}
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	target, err := client.ResolveBusinessMessageLink(ctx, code)
	switch {
	case errors.Is(err, whatsmeow.ErrBusinessMessageLinkNotFound):
		return nil, &wa.Error{Reason: wa.ReasonNotFound, Field: "link", Message: "there is no such link", Err: err}
	case err != nil:
		return nil, wa.Wrap("resolve the link", err)
	}
	result := &LinkTarget{
		Contact: target.JID.String(), PushName: wa.OrNull(target.PushName), VerifiedName: wa.OrNull(target.VerifiedName), IsSigned: target.IsSigned,
		VerifiedLevel: wa.OrNull(target.VerifiedLevel), Message: target.Message,
	}
	if !withProfile {
		return result, nil
	}
	profile, err := queryProfile(ctx, client, target.JID)
	if err != nil && !wa.IsNotFound(err) {
		return nil, err
	}
	result.Profile = &profile
	return result, nil
}
