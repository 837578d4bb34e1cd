package wuzapi

import (
	"cmp"

	"github.com/waystation/waystation/server/rest"
)

func userRoutes() []rest.Route {
	avatarFailed := rest.FailText("Failed to get avatar: %s")
	return []rest.Route{
		rest.Pass[peopleRequest, userInfoAnswer]("POST", "/user/info", "contact.getUserInfo", rest.NeedsBody(), rest.FailText("Failed to get user info: %s")),
		rest.Pass[numbersRequest, userCheckAnswer]("POST", "/user/check", "contact.checkRegistered", rest.NeedsBody(), rest.FailText("Failed to check if users are on WhatsApp: %s")),
		// The document has GET, the real server POST.
		rest.Pass[avatarRequest, servedPicture]("GET", "/user/avatar", "contact.getProfilePicture", avatarFailed),
		rest.Pass[avatarRequest, servedPicture]("POST", "/user/avatar", "contact.getProfilePicture", rest.NeedsBody(), avatarFailed),
		rest.Pass[rest.None, map[string]contact]("GET", "/user/contacts", "contact.list", rest.From("/contacts,by=/contact"), rest.FailText("Failed to get contacts: %s")),
	}
}

type peopleRequest struct {
	Phone rest.Strings `rest:",required,param=/contacts" bad:"Could not parse Phone" doc:"numbers or JIDs"`
}

type userInfoAnswer struct {
	Users map[string]userDetails `from:"/users,by=/contact" doc:"by JID"`
}

type userDetails struct {
	Devices      []string      `from:"/devices"`
	PictureID    string        `from:"/picture_id"`
	Status       string        `from:"/about"`
	VerifiedName *verifiedName `from:"/verified_name_details"`
}

type verifiedName struct {
	Certificate certificate
	Details     verifiedDetails
}

type certificate struct {
	Details   []byte `json:"details" from:"/details"`
	Signature []byte `json:"signature" from:"/signature"`
}

type verifiedDetails struct {
	Issuer       string `json:"issuer" from:"/issuer"`
	Serial       uint64 `json:"serial" from:"/serial"`
	VerifiedName string `json:"verifiedName" from:"/verified_name"`
}

type numbersRequest struct {
	Phone rest.Strings `rest:",required,param=/numbers" bad:"Could not parse Phone" doc:"international numbers"`
}

type userCheckAnswer struct {
	Users []registration `from:"/results"`
}

type registration struct {
	IsInWhatsapp bool   `from:"/registered"`
	JID          string `from:"/contact"` // of strangers too; empty for what is no number
	Query        string `from:"/number"`
	VerifiedName string `from:"/verified_name"`
	// Error is ours: why a number could not be checked, which the others are all the same.
	Error  string   `json:",omitempty" from:"/error"`
	Number phoneJID `json:"-" from:"/phone_number"`
}

// FinishAnswer implements rest.Finisher: the document names the JID of strangers, too.
func (r *registration) FinishAnswer() error {
	r.JID = cmp.Or(r.JID, string(r.Number))
	return nil
}

type avatarRequest struct {
	Phone   string `rest:",required,param=/contact" bad:"Could not parse Phone" doc:"number or JID"`
	Preview bool   `rest:",param=/preview" doc:"thumbnail instead of the full picture"`
}

// picture has the document's keys.
type picture struct {
	URL        string `from:"/url"`
	ID         string `from:"/picture_id"`
	Type       string `from:"/type"`
	DirectPath string `from:"/direct_path"`
}

// servedPicture has the keys of the real server beside them.
type servedPicture struct {
	picture
	ServedURL        string `json:"url" from:"/url"`
	ServedID         string `json:"id" from:"/picture_id"`
	ServedType       string `json:"type" from:"/type"`
	ServedDirectPath string `json:"direct_path" from:"/direct_path"`
}

// FinishAnswer implements rest.Finisher.
func (p *servedPicture) FinishAnswer() error {
	if p.URL == "" {
		return rest.State("No avatar found")
	}
	return nil
}

// barePicture is an envelope whose content the document shows without one.
type barePicture struct {
	envelope
	picture
}

type contact struct {
	BusinessName string `from:"/business_name"`
	FirstName    string `from:"/first_name"`
	Found        bool
	FullName     string `from:"/full_name"`
	PushName     string `from:"/push_name"`
}

// FinishAnswer implements rest.Finisher.
func (c *contact) FinishAnswer() error {
	c.Found = true
	return nil
}
