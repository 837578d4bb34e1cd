package bridge

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/directory"
)

// person is one person under both addresses; a half that is not known is empty.
type person struct{ pn, lid types.JID }

// personOf puts a user JID into its half and looks the other half up in the
// device store. A JID of another kind stands in the first half alone.
func personOf(ctx context.Context, device *store.Device, jid types.JID) (person, error) {
	jid = jid.ToNonAD()
	switch jid.Server {
	case types.DefaultUserServer:
		lid, err := device.LIDs.GetLIDForPN(ctx, jid)
		if err != nil {
			return person{}, fmt.Errorf("bridge: find LID: %w", err)
		}
		return person{pn: jid, lid: lid.ToNonAD()}, nil
	case types.HiddenUserServer:
		pn, err := device.LIDs.GetPNForLID(ctx, jid)
		if err != nil {
			return person{}, fmt.Errorf("bridge: find phone number of LID: %w", err)
		}
		return person{pn: pn.ToNonAD(), lid: jid}, nil
	default:
		return person{pn: jid}, nil
	}
}

// contact is the address results use: the phone number where it is known.
func (p person) contact() types.JID {
	if !p.pn.IsEmpty() {
		return p.pn
	}
	return p.lid
}

// is tells whether jid is one of the two addresses.
func (p person) is(jid types.JID) bool {
	jid = jid.ToNonAD()
	return !jid.IsEmpty() && (jid == p.pn || jid == p.lid)
}

// phoneNumber gives the digits, or nil while only the LID is known.
func (p person) phoneNumber() *string {
	if p.pn.Server != types.DefaultUserServer || p.pn.User == "" {
		return nil
	}
	return &p.pn.User
}

func (p person) pair() directory.Pair {
	if p.pn.IsEmpty() || p.lid.IsEmpty() {
		return directory.Pair{}
	}
	return directory.Pair{PN: p.pn.String(), LID: p.lid.String()}
}

// parsePeople parses a list of people, one address each. field is the JSON
// name of the list; a bad element is named by its place in it.
func parsePeople(field string, values []string) ([]types.JID, error) {
	jids := make([]types.JID, len(values))
	for i, value := range values {
		jid, err := parsePerson(field+"/"+strconv.Itoa(i), value)
		if err != nil {
			return nil, err
		}
		jids[i] = jid
	}
	return jids, nil
}

// parsePerson parses the address of a person and drops a device number.
func parsePerson(field, value string) (types.JID, error) {
	jid, err := ParseJID(field, value)
	if err != nil {
		return types.EmptyJID, err
	}
	if jid.Server != types.DefaultUserServer && jid.Server != types.HiddenUserServer {
		return types.EmptyJID, badParam(field, "must be a person: a phone number, a phone JID or a LID")
	}
	return jid.ToNonAD(), nil
}

// parseGroup parses the JID of a group or community.
func parseGroup(field, value string) (types.JID, error) {
	jid, err := ParseJID(field, value)
	if err != nil {
		return types.EmptyJID, err
	}
	if jid.Server != types.GroupServer {
		return types.EmptyJID, badParam(field, "must be a group JID (...@g.us)")
	}
	return jid, nil
}

// The results of operations carry null for what is not known; these helpers make the pointers for it.

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func jidOrNull(jid types.JID) *string {
	if jid.IsEmpty() {
		return nil
	}
	text := jid.ToNonAD().String()
	return &text
}

func timeOrNull(t time.Time) *time.Time {
	// whatsmeow turns an absent attribute into the zero time or into the epoch.
	if t.IsZero() || t.Unix() == 0 || !hasForm(t) {
		return nil
	}
	t = t.UTC()
	return &t
}
