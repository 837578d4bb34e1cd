package wwebjs

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/waystation/waystation/server/rest"
)

// Ends of the ids of people: outside and among params.
const (
	personOutside = "@c.us"
	personNative  = "@s.whatsapp.net"
)

// outside returns the id that a native address has outside: without the device, and with @c.us for a phone number. LIDs, groups,
// newsletters and lists have the same id on both sides.
func outside(address string) string {
	user, server, found := strings.Cut(address, "@")
	if !found {
		return address
	}
	if person, device, ok := strings.Cut(user, ":"); ok && device != "" {
		user = person
	}
	if server == personNative[1:] {
		server = personOutside[1:]
	}
	return user + "@" + server
}

// native returns the address of an id from outside. Numbers stay numbers, which methods accept.
func native(id string) string {
	if number, ok := strings.CutSuffix(id, personOutside); ok {
		return number + personNative
	}
	return id
}

// chatID is the id of a chat or a person in a request.
type chatID string

// ToParam implements rest.Converter.
func (id chatID) ToParam(string) (any, error) { return native(string(id)), nil }

// chatIDs are ids of chats or people in a request; one text stands for a list of one.
type chatIDs []string

// IsOneOrMany implements rest.OneOrMany.
func (chatIDs) IsOneOrMany() {}

// ToParam implements rest.Converter.
func (ids chatIDs) ToParam(string) (any, error) {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = native(id)
	}
	return all, nil
}

// messageID is the id of a message in a request: the id itself, or its serialised form.
type messageID string

// ToParam implements rest.Converter.
func (id messageID) ToParam(string) (any, error) {
	if key, ok := parseKey(string(id)); ok {
		return key.ID, nil
	}
	return string(id), nil
}

// plainID is the id of an address in an answer, as a text.
type plainID string

// UnmarshalJSON reads an address.
func (id *plainID) UnmarshalJSON(raw []byte) error {
	var address string
	if err := json.Unmarshal(raw, &address); err != nil {
		return fmt.Errorf("wwebjs: address: %w", err)
	}
	*id = plainID(outside(address))
	return nil
}

// wid is the id of an address in an answer, as the object that whatsapp-web.js has.
type wid struct {
	Server     string `json:"server"`
	User       string `json:"user"`
	Serialized string `json:"_serialized"`
}

// UnmarshalJSON reads an address.
func (w *wid) UnmarshalJSON(raw []byte) error {
	var id plainID
	err := json.Unmarshal(raw, &id)
	*w = widOf(string(id))
	return err
}

// widOf returns the object of an id from outside.
func widOf(id string) wid {
	user, server, _ := strings.Cut(id, "@")
	return wid{Server: server, User: user, Serialized: id}
}

// messageKey is the id of a message in an answer.
type messageKey struct {
	FromMe     bool   `json:"fromMe"`
	Remote     string `json:"remote"`
	ID         string `json:"id"`
	Serialized string `json:"_serialized"`
	author     string // in a chat of several people
}

// keyOf returns the id of a message in a chat; author is empty in chats of two people. Ids are those from outside.
func keyOf(fromMe bool, chat, id, author string) messageKey {
	serialized := fmt.Sprintf("%t_%s_%s", fromMe, chat, id)
	if author != "" {
		serialized += "_" + author
	}
	return messageKey{fromMe, chat, id, serialized, author}
}

// parseKey reads the serialised form of an id, such as true_15550100002@c.us_3EB0C767D82EFB1A.
func parseKey(text string) (key messageKey, ok bool) {
	mine, rest, _ := strings.Cut(text, "_")
	chat, id, found := strings.Cut(rest, "_")
	if mine != "true" && mine != "false" || !found || !strings.Contains(chat, "@") || id == "" {
		return key, false
	}
	author := ""
	if at := strings.LastIndexByte(id, '_'); at > 0 && strings.Contains(id[at:], "@") {
		id, author = id[:at], id[at+1:]
	}
	return keyOf(mine == "true", chat, id, author), true
}

var (
	_ rest.Converter = chatID("")
	_ rest.Converter = chatIDs(nil)
	_ rest.Converter = messageID("")
)
