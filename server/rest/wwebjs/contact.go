package wwebjs

import (
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

func contactRoutes() []rest.Route {
	return []rest.Route{
		rest.Pass[personRequest, foundContact]("POST", "/contact/getClassInfo/{sessionId}", "contact.get"),
		rest.Pass[peopleRequest, succeeded]("POST", "/contact/block/{sessionId}", "contact.setBlocked", rest.With(rest.Params{"blocked": true})),
		rest.Pass[peopleRequest, succeeded]("POST", "/contact/unblock/{sessionId}", "contact.setBlocked", rest.With(rest.Params{"blocked": false})),
		rest.Pass[peopleRequest, aboutText]("POST", "/contact/getAbout/{sessionId}", "contact.getUserInfo"),
		rest.Pass[personChatRequest, contactChat]("POST", "/contact/getChat/{sessionId}", "chat.get", own),
		rest.Pass[personRequest, formattedNumber]("POST", "/contact/getFormattedNumber/{sessionId}", "contact.formatNumber"),
		rest.Pass[personRequest, countryCode]("POST", "/contact/getCountryCode/{sessionId}", "contact.formatNumber"),
		rest.Pass[personRequest, pictureURL]("POST", "/contact/getProfilePicUrl/{sessionId}", "contact.getProfilePicture"),
	}
}

// contactID is the id of a person in a request.
type contactID string

// ToParam implements rest.Converter.
func (id contactID) ToParam(string) (any, error) {
	switch _, server, _ := strings.Cut(string(id), "@"); server {
	case groupServer, "broadcast", "newsletter":
		return nil, errNoContact()
	}
	return native(string(id)), nil
}

const noContact = "Contact not Found"

// errNoContact is the documented error for ids that are not those of a person.
func errNoContact() error {
	return &rest.Failure{Err: rpc.NotFound("there is no such person"), Text: noContact}
}

// contactList is a contactID that becomes a list of one.
type contactList string

// ToParam implements rest.Converter.
func (id contactList) ToParam(field string) (any, error) {
	one, err := contactID(id).ToParam(field)
	return []any{one}, err
}

type personRequest struct {
	sessionRequest
	Contact contactID `rest:"contactId,required,param=/contact" doc:"id of a person"`
}

type peopleRequest struct {
	sessionRequest
	Contact contactList `rest:"contactId,required,param=/contacts" doc:"id of a person"`
}

type personChatRequest struct {
	sessionRequest
	Contact contactID `rest:"contactId,required,param=/chat" doc:"id of a person"`
}

// foundContact has the contact under the names of both families.
type foundContact struct {
	Success bool    `json:"success" from:"=true"`
	Result  contact `json:"result" from:"/contact"`
	Contact contact `json:"contact" from:"/contact"`
}

// aboutText has null for people whose text is missing or hidden.
type aboutText struct {
	Success bool    `json:"success" from:"=true"`
	Result  *string `json:"result" from:"/users/0/about"`
}

type contactChat struct {
	Success bool `json:"success" from:"=true"`
	Result  chat `json:"result" from:"/chat"`
}

type formattedNumber struct {
	Success bool   `json:"success" from:"=true"`
	Result  string `json:"result" from:"/formatted_number"`
}

type countryCode struct {
	Success bool   `json:"success" from:"=true"`
	Result  string `json:"result" from:"/country_code"`
}

// pictureURL has null for people whose picture is missing or hidden.
type pictureURL struct {
	Success bool    `json:"success" from:"=true"`
	Result  *string `json:"result" from:"/url"`
}
