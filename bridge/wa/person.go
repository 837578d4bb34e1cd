package wa

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/directory"
)

// Person is one person under both addresses; a half that is not known is empty.
type Person struct{ PN, LID types.JID }

// PersonOf puts a user JID into its half and looks the other half up in the
// device store. A JID of another kind stands in the first half alone.
func PersonOf(ctx context.Context, device *store.Device, jid types.JID) (Person, error) {
	jid = jid.ToNonAD()
	switch jid.Server {
	case types.DefaultUserServer:
		lid, err := device.LIDs.GetLIDForPN(ctx, jid)
		if err != nil {
			return Person{}, fmt.Errorf("bridge: find LID: %w", err)
		}
		return Person{PN: jid, LID: lid.ToNonAD()}, nil
	case types.HiddenUserServer:
		pn, err := device.LIDs.GetPNForLID(ctx, jid)
		if err != nil {
			return Person{}, fmt.Errorf("bridge: find phone number of LID: %w", err)
		}
		return Person{PN: pn.ToNonAD(), LID: jid}, nil
	default:
		return Person{PN: jid}, nil
	}
}

// Address is the address results use: the phone number where it is known.
func (p Person) Address() types.JID {
	if !p.PN.IsEmpty() {
		return p.PN
	}
	return p.LID
}

// Is reports whether jid is one of the two addresses.
func (p Person) Is(jid types.JID) bool {
	jid = jid.ToNonAD()
	return !jid.IsEmpty() && (jid == p.PN || jid == p.LID)
}

// PhoneNumber gives the digits, or nil while only the LID is known.
func (p Person) PhoneNumber() *string {
	if p.PN.Server != types.DefaultUserServer || p.PN.User == "" {
		return nil
	}
	return &p.PN.User
}

// Pair returns both addresses for the directory; empty unless both are known.
func (p Person) Pair() directory.Pair {
	if p.PN.IsEmpty() || p.LID.IsEmpty() {
		return directory.Pair{}
	}
	return directory.Pair{PN: p.PN.String(), LID: p.LID.String()}
}

// ParsePeople parses a list of people, one address each. field is the JSON
// name of the list; a bad element is named by its place in it.
func ParsePeople(field string, values []string) ([]types.JID, error) {
	jids := make([]types.JID, len(values))
	for i, value := range values {
		jid, err := ParsePerson(field+"/"+strconv.Itoa(i), value)
		if err != nil {
			return nil, err
		}
		jids[i] = jid
	}
	return jids, nil
}

// ParsePerson parses the address of a person and drops a device number.
func ParsePerson(field, value string) (types.JID, error) {
	jid, err := ParseJID(field, value)
	if err != nil {
		return types.EmptyJID, err
	}
	if jid.Server != types.DefaultUserServer && jid.Server != types.HiddenUserServer {
		return types.EmptyJID, BadParam(field, "must be a person: a phone number, a phone JID or a LID")
	}
	return jid.ToNonAD(), nil
}

// ParseGroup parses the JID of a group or community.
func ParseGroup(field, value string) (types.JID, error) {
	jid, err := ParseJID(field, value)
	if err != nil {
		return types.EmptyJID, err
	}
	if jid.Server != types.GroupServer {
		return types.EmptyJID, BadParam(field, "must be a group JID (...@g.us)")
	}
	return jid, nil
}

// OrNull returns nil for an empty text, which JSON shows as null.
func OrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// JIDOrNull returns the text of jid without its device part, or nil for an empty JID.
func JIDOrNull(jid types.JID) *string {
	if jid.IsEmpty() {
		return nil
	}
	text := jid.ToNonAD().String()
	return &text
}

// TimeOrNull returns t in UTC, or nil for a time that is not set or has no form in JSON.
func TimeOrNull(t time.Time) *time.Time {
	// whatsmeow turns an absent attribute into the zero time or into the epoch.
	if t.IsZero() || t.Unix() == 0 || !HasForm(t) {
		return nil
	}
	t = t.UTC()
	return &t
}

// OtherAddress returns the address of the two that jid is not, empty if there is none.
func OtherAddress(jid string, pn, lid *string) string {
	for _, other := range []*string{pn, lid} {
		if other != nil && *other != jid {
			return *other
		}
	}
	return ""
}
