package wwebjs

import (
	"strings"

	"github.com/waystation/waystation/server/rest"
)

func clientContactRoutes() []rest.Route {
	return []rest.Route{
		rest.Pass[sessionRequest, contactsShown]("GET", "/client/getContacts/{sessionId}", "contact.list"),
		rest.Pass[contactRequest, contactShown]("POST", "/client/getContactById/{sessionId}", "contact.get"),
		rest.Pass[sessionRequest, contactsBlocked]("POST", "/client/getBlockedContacts/{sessionId}", "contact.listBlocked"),
		rest.Pass[contactRequest, pictureShown]("POST", "/client/getProfilePicUrl/{sessionId}", "contact.getProfilePicture"),
		rest.Pass[numberRequest, registered]("POST", "/client/isRegisteredUser/{sessionId}", "contact.checkRegistered"),
		rest.Pass[numberRequest, numberID]("POST", "/client/getNumberId/{sessionId}", "contact.checkRegistered"),
	}
}

type contactRequest struct {
	sessionRequest
	Contact chatID `rest:"contactId,required,param=/contact" doc:"id of the person"`
}

type contactShown struct {
	Success bool    `json:"success" from:"=true"`
	Contact contact `json:"contact" from:"/contact"`
}

type contactsShown struct {
	Success  bool      `json:"success" from:"=true"`
	Contacts []contact `json:"contacts" from:"/contacts"`
}

type contactsBlocked struct {
	Success  bool      `json:"success" from:"=true"`
	Contacts []contact `json:"blockedContacts" from:"/contacts"`
}

// pictureShown has no result where there is no picture.
type pictureShown struct {
	Success bool    `json:"success" from:"=true"`
	Result  *string `json:"result,omitempty" from:"/url"`
}

type numberRequest struct {
	sessionRequest
	Number number `rest:"number,required,param=/numbers" doc:"phone number, or its id"`
}

// number is a phone number, with @c.us or without.
type number string

// ToParam implements rest.Converter.
func (n number) ToParam(string) (any, error) {
	return []string{strings.TrimSuffix(string(n), personOutside)}, nil
}

type registered struct {
	Success bool `json:"success" from:"=true"`
	Result  bool `json:"result" from:"/results/0/registered"`
}

// numberID has null for a number that is not on WhatsApp.
type numberID struct {
	Success bool `json:"success" from:"=true"`
	Result  *wid `json:"result" from:"/results/0/contact"`
}
