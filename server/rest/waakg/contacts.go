package waakg

import (
	"strconv"
	"strings"

	"github.com/waystation/waystation/server/rest"
)

func contactRoutes() []rest.Route {
	block := func(path, done, fails string, blocked bool) rest.Route {
		return rest.Pass[blockRequest, outcome]("POST", "/contacts/{sessionId}/{jid}/"+path, "contact.setBlocked", rest.With(rest.Params{"blocked": blocked}), rest.IgnoresBody(),
			rest.Says(done), rest.FailText(fails))
	}
	return []rest.Route{
		rest.Row("GET", "/contacts/{sessionId}", "contact.list", listContacts, rest.Reads[knownContacts]("contact.list"), rest.FailText("Internal Server Error")),
		block("block", "Contact blocked successfully", "Failed to block contact", true),
		block("unblock", "Contact unblocked successfully", "Failed to unblock contact", false),
	}
}

type blockRequest struct {
	sessionRequest
	Contact chatList `rest:"jid,path,param=/contacts" doc:"JID of a person"`
}

type contactsRequest struct {
	sessionRequest
	Page   int    `rest:"page" doc:"from 1; default 1"`
	Limit  string `rest:"limit" doc:"contacts of a page, or all; default 10"`
	Search string `rest:"search" max:"256" doc:"part of a name or an address"`
}

type contactRow struct {
	ID           string  `json:"id" from:"/contact"`
	Session      string  `json:"sessionId" from:"<sessionId"`
	JID          string  `json:"jid" from:"/contact"`
	LID          *string `json:"lid" from:"/lid"`
	Name         *string `json:"name" from:"/full_name|/name"`
	Notify       *string `json:"notify" from:"/push_name"`
	VerifiedName *string `json:"verifiedName" from:"/verified_name"`
	Other        *string `json:"remoteJidAlt" from:"/phone_number"`
	Picture      *string `json:"profilePic" from:"/picture_url"`
}

func (c *contactRow) contains(text string) bool {
	for _, value := range []*string{&c.JID, c.LID, c.Name, c.Notify, c.VerifiedName, c.Other} {
		if value != nil && strings.Contains(strings.ToLower(*value), text) {
			return true
		}
	}
	return false
}

type knownContacts struct {
	Rows []contactRow `from:"/contacts"`
}

type contactPage struct {
	outcome
	Data []contactRow `json:"data"`
	Meta pageMeta     `json:"meta"`
}

type pageMeta struct {
	Total int `json:"total"`
	Page  int `json:"page"`
	Limit int `json:"limit"`
	Pages int `json:"totalPages"`
}

// listContacts returns a page of the contacts.
func listContacts(x *rest.Exchange, in *contactsRequest) (*contactPage, error) {
	limit, err := contactLimit(in.Limit)
	if err != nil {
		return nil, err
	}
	if in.Page < 0 {
		return nil, rest.Bad("page", "", "must be at least 1")
	}
	var known knownContacts
	if err := x.Read("contact.list", nil, &known); err != nil {
		return nil, err
	}
	found := []contactRow{}
	for _, c := range known.Rows {
		if c.contains(strings.ToLower(in.Search)) {
			found = append(found, c)
		}
	}
	meta := pageMeta{Total: len(found), Page: max(in.Page, 1), Limit: limit, Pages: 1}
	if limit == 0 {
		meta.Page, meta.Limit = 1, len(found)
	} else {
		meta.Pages = (len(found) + limit - 1) / limit
		from := len(found)
		if meta.Page <= meta.Pages { // larger numbers could overflow
			from = (meta.Page - 1) * limit
		}
		found = found[from:min(from+limit, len(found))]
	}
	return &contactPage{outcome{true, true, "Contacts retrieved successfully"}, found, meta}, nil
}

// maxPage is the largest number of contacts of a page.
const maxPage = 1000

// contactLimit returns the number of contacts of a page; 0 = all.
func contactLimit(text string) (int, error) {
	switch text {
	case "all":
		return 0, nil
	case "":
		return 10, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxPage {
		return 0, rest.Bad("limit", "", "must be 1 to 1000, or all")
	}
	return n, nil
}
