package digigo

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func contactRoutes() []rest.Route {
	book := rest.Family(familyProfile)
	return []rest.Route{
		rest.Pass[peopleRequest, peopleAnswer]("POST", "/user/info", "contact.getUserInfo", rest.NeedsBody()),
		rest.Pass[checkRequest, checkAnswer]("POST", "/user/check", "contact.checkRegistered", rest.NeedsBody()),
		rest.Pass[avatarRequest, avatar]("POST", "/user/avatar", "contact.getProfilePicture", rest.NeedsBody()),
		rest.Pass[rest.None, map[string]contactNames]("GET", "/user/contacts", "contact.list", rest.Family(familyContacts), rest.From("/contacts,by=/contact")),
		rest.Pass[detailsRequest, contactDetails]("POST", "/user/contact/info", "contact.get", book, rest.NeedsBody(),
			rest.With(rest.Params{"include": []string{"registration", "user_info", "picture", "business_profile", "devices"}})),
		rest.Pass[newContactRequest, contactSaved]("POST", "/user/contact/add", "contact.save", book, rest.NeedsBody(), rest.Says("Contact added successfully")),
		rest.Pass[phoneRequest, contactRemoved]("POST", "/user/contact/remove", "contact.remove", book, rest.NeedsBody(), rest.Says("Contact removed successfully")),
	}
}

type peopleRequest struct {
	Phone rest.Strings `rest:"Phone,required,param=/contacts" bad:"missing phone numbers in payload. Use 'Phone' or 'phone' field" doc:"numbers or JIDs"`
}

type peopleAnswer struct {
	Users map[string]person `json:"users" from:"/users,by=/contact" doc:"by JID"`
}

type person struct {
	JID          string      `json:"jid" from:"/contact"`
	Status       string      `json:"status" from:"/about"`
	PictureID    string      `json:"picture_id" from:"/picture_id"`
	VerifiedName *string     `json:"verified_name,omitempty" from:"/verified_name"`
	BusinessName *string     `json:"business_name,omitempty" from:"/business_name"`
	LID          *string     `json:"lid,omitempty" from:"/lid"`
	IsBusiness   bool        `json:"is_business_account" from:"/is_business"`
	DeviceCount  int         `json:"device_count" from:"#/devices"`
	FirstDevice  string      `json:"first_device" from:"/devices/0"`
	Devices      []deviceJID `json:"devices" from:"/devices"`
}

// deviceJID is the address of a device with its parts.
type deviceJID struct {
	User   string `json:"user"`
	Agent  string `json:"agent"`
	Device string `json:"device" doc:"always UNKNOWN: WhatsApp names no platforms"`
	Server string `json:"server"`
	AD     string `json:"ad"`
	JID    string `json:"jid"`
}

// UnmarshalJSON reads an address.
func (d *deviceJID) UnmarshalJSON(raw []byte) error {
	if err := json.Unmarshal(raw, &d.JID); err != nil {
		return fmt.Errorf("device: %w", err)
	}
	address, server, _ := strings.Cut(d.JID, "@")
	user, number, _ := strings.Cut(address, ":")
	d.User, d.Agent, d.Device, d.Server = user, "0", "UNKNOWN", server
	d.AD = user + ".0:" + cmp.Or(number, "0") + "@" + server
	return nil
}

type checkRequest struct {
	Phone rest.Strings `rest:"Phone,required,param=/numbers" doc:"international numbers"`
}

type checkAnswer struct {
	Users []registration `from:"/results"`
}

type registration struct {
	IsInWhatsapp bool   `from:"/registered"`
	JID          string `from:"/contact" doc:"of strangers too; empty for what is no number"`
	Query        string `from:"/number"`
	VerifiedName string `from:"/verified_name"`
	Number       string `json:"-" from:"/phone_number"`
	// Error is an extension: the reason why a number could not be checked.
	Error string `json:",omitempty" from:"/error"`
}

// FinishAnswer implements rest.Finisher.
func (r *registration) FinishAnswer() error {
	if r.JID == "" && r.Number != "" {
		r.JID = r.Number + "@s.whatsapp.net"
	}
	return nil
}

type avatarRequest struct {
	Phone       string `rest:"Phone,required,param=/contact" doc:"number or JID"`
	Preview     *bool  `rest:"Preview,required,param=/preview" doc:"thumbnail instead of the full picture"`
	IsCommunity bool   `rest:"IsCommunity,param=/is_community"`
	CommonGID   string `rest:"CommonGID,param=/common_group" doc:"group of both"`
	InviteCode  string `rest:"InviteCode,param=/invite_code" doc:"of a group not joined yet"`
	PersonaID   string `rest:"PersonaID,param=/persona_id" doc:"of a Meta AI bot"`
}

type picture struct {
	DirectPath string `json:"direct_path" from:"/direct_path"`
	ID         string `json:"id" from:"/picture_id"`
	Type       string `json:"type" from:"/type"`
	URL        string `json:"url" from:"/url"`
}

type avatar struct{ picture }

// FinishAnswer implements rest.Finisher.
func (a *avatar) FinishAnswer() error {
	if a.URL == "" {
		return &rest.Failure{Err: rpc.NotFound("there is no picture, or it is hidden"), Text: "no avatar found"}
	}
	return nil
}

type contactNames struct {
	BusinessName string `from:"/business_name"`
	FirstName    string `from:"/first_name"`
	Found        bool   `from:"=true"`
	FullName     string `from:"/full_name"`
	PushName     string `from:"/push_name"`
}

type detailsRequest struct {
	Phone string `rest:"phone,required,param=/contact" bad:"missing phone in payload" doc:"number, JID or LID"`
}

type inputWords struct{}

// WordPairs implements rest.Vocabulary.
func (inputWords) WordPairs() map[string]string { return map[string]string{"number": "phone"} }

// contactDetails has null in the place of what strangers do not have.
type contactDetails struct {
	Phone        *string               `json:"phone" from:"/contact/phone_number"`
	JID          string                `json:"jid" from:"/contact/contact"`
	Input        rest.Word[inputWords] `json:"input_type" from:"/input_type"`
	OnWhatsApp   bool                  `json:"is_on_whatsapp" from:"/registered"`
	VerifiedName *string               `json:"verified_name" from:"/contact/verified_name"`
	LID          *string               `json:"lid" from:"/contact/lid"`
	Devices      []deviceJID           `json:"devices" from:"/devices"`
	Info         *struct {
		Status       string  `json:"status" from:"/about"`
		PictureID    string  `json:"picture_id" from:"/picture_id"`
		VerifiedName *string `json:"verified_name" from:"/verified_name"`
		IsBusiness   bool    `json:"is_business_account" from:"/is_business"`
		DeviceCount  int     `json:"device_count" from:"#/devices"`
	} `json:"user_info" from:"/user_info"`
	Avatar *picture `json:"avatar" from:"/picture"`
	Names  struct {
		First    string `json:"first_name" from:"/first_name"`
		Full     string `json:"full_name" from:"/full_name"`
		Push     string `json:"push_name" from:"/push_name"`
		Business string `json:"business_name" from:"/business_name"`
	} `json:"contact_names" from:"/contact"`
	Business *businessProfile `json:"business_profile" from:"/business_profile"`
}

// FinishAnswer implements rest.Finisher.
func (c *contactDetails) FinishAnswer() error {
	if strings.HasSuffix(c.JID, lidServer) {
		return &rest.Failure{Err: rpc.NotFound("the number of the LID is not known"), Text: "could not resolve LID to phone number. The LID mapping may not be cached locally"}
	}
	if c.Avatar != nil && c.Avatar.URL == "" {
		c.Avatar = nil
	}
	return nil
}

// businessProfile is null in details of other accounts.
type businessProfile struct {
	Address    string `json:"address" from:"/address"`
	Email      string `json:"email" from:"/email"`
	Timezone   string `json:"business_hours_timezone" from:"/business_hours_timezone"`
	Categories []struct {
		ID   string `json:"id" from:"/id"`
		Name string `json:"name" from:"/name"`
	} `json:"categories" from:"/categories"`
	Options map[string]string `json:"profile_options" from:"/profile_options"`
	Hours   []struct {
		Day   rest.Word[hoursWords] `json:"day_of_week" from:"/day_of_week"`
		Mode  rest.Word[hoursWords] `json:"mode" from:"/mode"`
		Open  clock                 `json:"open_time" from:"/open_time"`
		Close clock                 `json:"close_time" from:"/close_time"`
	} `json:"business_hours" from:"/business_hours"`
}

type hoursWords struct{}

// WordPairs implements rest.Vocabulary.
func (hoursWords) WordPairs() map[string]string {
	return map[string]string{
		"sun": "SUNDAY", "mon": "MONDAY", "tue": "TUESDAY", "wed": "WEDNESDAY", "thu": "THURSDAY", "fri": "FRIDAY", "sat": "SATURDAY",
		"specific_hours": "OPEN", "open_24h": "OPEN_24H", "appointment_only": "APPOINTMENT_ONLY",
	}
}

// clock is a time of the day, such as 09:00.
type clock string

// UnmarshalJSON reads minutes after midnight; other texts stay as they are.
func (c *clock) UnmarshalJSON(raw []byte) error {
	err := json.Unmarshal(raw, (*string)(c))
	if minutes, bad := strconv.Atoi(string(*c)); bad == nil {
		*c = clock(fmt.Sprintf("%02d:%02d", minutes/60, minutes%60))
	}
	return err
}

type phoneRequest struct {
	Phone string `rest:"phone,required,param=/contact" bad:"phone number cannot be empty" doc:"number without +"`
}

type newContactRequest struct {
	phoneRequest
	FullName string `rest:"full_name,required,param=/full_name" bad:"full name cannot be empty"`
}

type contactSaved struct {
	changed
	Phone    string `json:"phone" from:"<phone"`
	FullName string `json:"full_name" from:"<full_name"`
}

type contactRemoved struct {
	changed
	Phone string `json:"phone" from:"<phone"`
}
