package shared

import (
	"encoding/json"

	"github.com/waystation/waystation/server/rest"
)

// Timer is a lifetime of messages in a group.
type Timer string

var timers = map[Timer]int{"off": 0, "24h": 86400, "7d": 604800, "90d": 7776000}

// ToParam implements rest.Converter.
func (t Timer) ToParam(field string) (any, error) {
	seconds, ok := timers[t]
	if !ok {
		return nil, rest.Bad(field, "", "must be 24h, 7d, 90d or off")
	}
	return seconds, nil
}

// ContactJID is the address of a contact.
type ContactJID string

// UnmarshalJSON reads a contact.
func (c *ContactJID) UnmarshalJSON(raw []byte) error {
	var contact struct{ Contact string }
	err := json.Unmarshal(raw, &contact)
	*c = ContactJID(contact.Contact)
	return err
}

// Availability is the documents' word for a presence.
type Availability string

// ToParam implements rest.Converter.
func (a Availability) ToParam(field string) (any, error) {
	if a != "available" && a != "unavailable" {
		return nil, rest.Bad(field, "Invalid presence type. Allowed values: 'available', 'unavailable'", "must be available or unavailable")
	}
	return a == "available", nil
}
