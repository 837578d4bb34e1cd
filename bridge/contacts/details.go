package contacts

import (
	"context"
	"slices"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// Parts of a contact that Get asks WhatsApp for.
const (
	PartRegistration    = "registration"
	PartUserInfo        = "user_info"
	PartPicture         = "picture"
	PartBusinessProfile = "business_profile"
	PartDevices         = "devices"
)

var contactParts = []string{PartRegistration, PartUserInfo, PartPicture, PartBusinessProfile, PartDevices}

// ContactDetails is a contact with the requested live parts. Other parts are absent; a part that WhatsApp did not return is null.
type ContactDetails struct {
	Contact         Contact           `json:"contact" doc:"contact object"`
	InputType       string            `json:"input_type" doc:"number, jid or lid"`
	Registered      **bool            `json:"registered,omitempty" doc:"with registration"`
	UserInfo        **UserInfo        `json:"user_info,omitempty" doc:"with user_info"`
	Picture         **ProfilePicture  `json:"picture,omitempty" doc:"with picture"`
	BusinessProfile **BusinessProfile `json:"business_profile,omitempty" doc:"with business_profile"`
	Devices         *[]string         `json:"devices,omitempty" doc:"with devices"`
}

// Get returns one contact. Without parts it reads the store alone and works without a connection. A part that fails is null.
func (s *Service) Get(ctx context.Context, contact string, parts []string) (*ContactDetails, error) {
	jid, err := wa.ParseJID("contact", contact)
	if err != nil {
		return nil, err
	}
	if err := checkParts(parts); err != nil {
		return nil, err
	}
	device, err := s.conn.Paired(ctx)
	if err != nil {
		return nil, err
	}
	details := &ContactDetails{InputType: inputType(contact, jid)}
	if len(parts) > 0 {
		client, err := s.conn.Live()
		if err != nil {
			return nil, err
		}
		for _, part := range parts {
			if err := addPart(ctx, client, details, jid, part); err != nil {
				return nil, err
			}
		}
	}
	// Read last: the answers may have contained a LID or a name.
	if details.Contact, err = ReadStored(ctx, device, jid); err != nil {
		return nil, err
	}
	if err = s.FillLabels(ctx, &details.Contact); err != nil {
		return nil, err
	}
	if details.Registered != nil {
		details.Contact.IsRegistered = *details.Registered
	}
	if details.Picture != nil && *details.Picture != nil {
		details.Contact.PictureURL = (*details.Picture).URL
	}
	return details, nil
}

func checkParts(parts []string) error {
	for i, part := range parts {
		if !slices.Contains(contactParts, part) {
			return wa.BadParam("include/"+itoa(i), "must be one of %s", strings.Join(contactParts, ", "))
		}
	}
	return nil
}

func inputType(given string, jid types.JID) string {
	switch {
	case jid.Server == types.HiddenUserServer:
		return "lid"
	case strings.Contains(given, "@"):
		return "jid"
	}
	return "number"
}

func addPart(ctx context.Context, client *whatsmeow.Client, details *ContactDetails, jid types.JID, part string) error {
	who, err := wa.PersonOf(ctx, client.Store, jid)
	if err != nil {
		return err
	}
	switch part {
	case PartRegistration:
		registered := registeredOf(ctx, client, who)
		details.Registered = &registered
	case PartUserInfo:
		var info *UserInfo
		if infos, err := QueryUserInfo(ctx, client, []types.JID{jid}); err == nil && len(infos) == 1 {
			info = &infos[0]
		}
		details.UserInfo = &info
	case PartPicture:
		picture, err := QueryPicture(ctx, client, jid, nil)
		if err != nil {
			picture = nil
		}
		details.Picture = &picture
	case PartBusinessProfile:
		profile, _ := QueryBusinessProfile(ctx, client, who)
		details.BusinessProfile = &profile
	case PartDevices:
		devices := []string{}
		found, err := client.GetUserDevices(ctx, []types.JID{jid})
		if err == nil {
			for _, device := range found {
				devices = append(devices, device.String())
			}
		}
		details.Devices = &devices
	}
	return nil
}

func registeredOf(ctx context.Context, client *whatsmeow.Client, who wa.Person) *bool {
	if who.PhoneNumber() == nil {
		return nil
	}
	answers, err := client.IsOnWhatsApp(ctx, []string{"+" + who.PN.User})
	if err != nil || len(answers) == 0 {
		return nil
	}
	return &answers[0].IsIn
}

// BusinessProfile is the profile a business publishes.
type BusinessProfile struct {
	Contact               string             `json:"contact" doc:"the business"`
	ContactKey            *string            `json:"contact_key" doc:"stable key of the person"`
	Address               *string            `json:"address" doc:"postal address"`
	Email                 *string            `json:"email" doc:"address"`
	Website               *string            `json:"website" doc:"address; WhatsApp's library does not give it"`
	Description           *string            `json:"description" doc:"text; WhatsApp's library does not give it"`
	Categories            []BusinessCategory `json:"categories" doc:"what it does"`
	ProfileOptions        map[string]string  `json:"profile_options" doc:"options, as WhatsApp names them"`
	BusinessHoursTimezone *string            `json:"business_hours_timezone" doc:"IANA name"`
	BusinessHours         []BusinessHours    `json:"business_hours" doc:"opening hours"`
}

// BusinessCategory is one kind of business.
type BusinessCategory struct {
	ID   string `json:"id" doc:"number of the category"`
	Name string `json:"name" doc:"name in English"`
}

// BusinessHours are the hours of one weekday.
type BusinessHours struct {
	DayOfWeek string  `json:"day_of_week" doc:"sun to sat"`
	Mode      string  `json:"mode" doc:"specific_hours, open_24h or appointment_only"`
	OpenTime  *string `json:"open_time" doc:"minutes after midnight"`
	CloseTime *string `json:"close_time" doc:"minutes after midnight"`
}

// errNoProfile is the text of whatsmeow's error for an account without a business profile.
const errNoProfile = "missing jid in business profile"

// QueryBusinessProfile queries WhatsApp for the profile of a business.
func QueryBusinessProfile(ctx context.Context, client *whatsmeow.Client, who wa.Person) (*BusinessProfile, error) {
	profile, err := client.GetBusinessProfile(ctx, who.Address())
	switch {
	case err != nil && err.Error() == errNoProfile:
		return nil, &wa.Error{Reason: wa.ReasonNotFound, Field: "contact", Message: "the contact has no business profile", Err: err}
	case err != nil:
		return nil, wa.Wrap("read the business profile", err)
	}
	result := &BusinessProfile{
		Contact: who.Address().String(), Address: wa.OrNull(profile.Address), Email: wa.OrNull(profile.Email),
		Categories: []BusinessCategory{}, ProfileOptions: profile.ProfileOptions,
		BusinessHoursTimezone: wa.OrNull(profile.BusinessHoursTimeZone), BusinessHours: []BusinessHours{},
	}
	for _, category := range profile.Categories {
		result.Categories = append(result.Categories, BusinessCategory{ID: category.ID, Name: category.Name})
	}
	for _, hours := range profile.BusinessHours {
		result.BusinessHours = append(result.BusinessHours, BusinessHours{
			DayOfWeek: hours.DayOfWeek, Mode: hours.Mode, OpenTime: wa.OrNull(hours.OpenTime), CloseTime: wa.OrNull(hours.CloseTime),
		})
	}
	return result, nil
}
