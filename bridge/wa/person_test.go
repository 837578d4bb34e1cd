package wa

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/directory"
)

var (
	adaPN  = types.NewJID("15550000002", types.DefaultUserServer)
	adaLID = types.NewJID("100000000000002", types.HiddenUserServer)
	bobPN  = types.NewJID("15550000003", types.DefaultUserServer)
	group  = types.NewJID("120363000000000001", types.GroupServer)
)

// pairStore has the addresses of Ada, with the device part that the store may have. fail is returned instead.
type pairStore struct {
	store.LIDStore
	fail error
}

func (s pairStore) GetLIDForPN(_ context.Context, pn types.JID) (types.JID, error) {
	if pn == adaPN {
		return types.JID{User: adaLID.User, Server: adaLID.Server, Device: 3}, s.fail
	}
	return types.EmptyJID, s.fail
}

func (s pairStore) GetPNForLID(_ context.Context, lid types.JID) (types.JID, error) {
	if lid == adaLID {
		return types.JID{User: adaPN.User, Server: adaPN.Server, Device: 3}, s.fail
	}
	return types.EmptyJID, s.fail
}

func TestPersonHasBothAddresses(t *testing.T) {
	device := &store.Device{LIDs: pairStore{}}
	onDevice := adaLID
	onDevice.Device = 7
	for name, c := range map[string]struct {
		jid     types.JID
		want    Person
		address types.JID
		number  string
		pair    directory.Pair
	}{
		"number":          {adaPN, Person{adaPN, adaLID}, adaPN, adaPN.User, directory.Pair{PN: adaPN.String(), LID: adaLID.String()}},
		"LID of a device": {onDevice, Person{adaPN, adaLID}, adaPN, adaPN.User, directory.Pair{PN: adaPN.String(), LID: adaLID.String()}},
		"unknown number":  {bobPN, Person{PN: bobPN}, bobPN, bobPN.User, directory.Pair{}},
		"unknown LID":     {types.NewJID("1", types.HiddenUserServer), Person{LID: types.NewJID("1", types.HiddenUserServer)}, types.NewJID("1", types.HiddenUserServer), "", directory.Pair{}},
		"group":           {group, Person{PN: group}, group, "", directory.Pair{}},
	} {
		p, err := PersonOf(t.Context(), device, c.jid)
		if err != nil || p != c.want || p.Address() != c.address || p.Pair() != c.pair {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if number := p.PhoneNumber(); (number == nil) != (c.number == "") || number != nil && *number != c.number {
			t.Errorf("%s: number %v", name, number)
		}
	}
	failed := errors.New("closed")
	for _, jid := range []types.JID{adaPN, adaLID} {
		if _, err := PersonOf(t.Context(), &store.Device{LIDs: pairStore{fail: failed}}, jid); !errors.Is(err, failed) {
			t.Errorf("%s: %v", jid, err)
		}
	}
}

func TestPersonIsFoundUnderEitherAddress(t *testing.T) {
	ada := Person{adaPN, adaLID}
	onDevice := adaPN
	onDevice.Device = 7
	for jid, want := range map[types.JID]bool{adaPN: true, adaLID: true, onDevice: true, bobPN: false, types.EmptyJID: false} {
		if ada.Is(jid) != want {
			t.Errorf("%s: %v", jid, !want)
		}
	}
	if (Person{PN: adaPN}).Is(types.EmptyJID) {
		t.Error("an empty address is that of a person whose LID is not known")
	}
}

// TestAddressesByKind checks which addresses are people, groups and phone numbers, with the field in the error.
func TestAddressesByKind(t *testing.T) {
	for value, kinds := range map[string]string{
		"15550000002": "person phone", "+1 555 000-0002": "person phone", "15550000002@s.whatsapp.net": "person", "15550000002@c.us": "person", "15550000002:4@s.whatsapp.net": "person",
		"100000000000002@lid": "person", "100000000000002:7@lid": "person", "120363000000000001@g.us": "group", "15550000002-1400000000@g.us": "group",
		"120363000000000001@newsletter": "", "status@broadcast": "", "1@bot": "", "1@hosted": "", "": "", "x": "", "12": "",
	} {
		for kind, parse := range map[string]func(field, value string) (types.JID, error){"person": ParsePerson, "group": ParseGroup, "phone": ParsePhone} {
			jid, err := parse("to", value)
			want := slices.Contains(strings.Fields(kinds), kind)
			var e *Error
			if (err == nil) != want || err == nil && (jid.Device != 0 || jid.IsEmpty()) || err != nil && (!errors.As(err, &e) || e.Field != "to" || e.Reason != ReasonBadParam || !jid.IsEmpty()) {
				t.Errorf("%q as %s: %v, %v", value, kind, jid, err)
			}
		}
	}
}

func TestPeopleAreNamedByPlace(t *testing.T) {
	list, err := ParsePeople("participants", []string{"15550000002", adaLID.String()})
	if err != nil || len(list) != 2 || list[0] != adaPN || list[1] != adaLID {
		t.Errorf("%v, %v", list, err)
	}
	var e *Error
	if _, err = ParsePeople("participants", []string{"15550000002", group.String()}); !errors.As(err, &e) || e.Field != "participants/1" {
		t.Errorf("a group: %v", err)
	}
	if list, err = ParsePeople("participants", nil); err != nil || list == nil || len(list) != 0 {
		t.Errorf("none: %v, %v", list, err)
	}
}

func TestIsPerson(t *testing.T) {
	for jid, want := range map[types.JID]bool{adaPN: true, adaLID: true, group: false, types.StatusBroadcastJID: false, types.EmptyJID: false, types.NewJID("1", types.HostedServer): false} {
		if IsPerson(jid) != want {
			t.Errorf("%s: %v", jid, !want)
		}
	}
}

// TestNulls checks that values that are not known become null.
func TestNulls(t *testing.T) {
	onDevice := adaPN
	onDevice.Device = 7
	if OrNull("") != nil || *OrNull("x") != "x" || JIDOrNull(types.EmptyJID) != nil || *JIDOrNull(onDevice) != adaPN.String() || AddressString(types.EmptyJID) != "" || AddressString(onDevice) != adaPN.String() {
		t.Error("texts and addresses")
	}
	at := time.Date(2026, 5, 1, 10, 0, 0, 0, time.FixedZone("", 3600))
	for value, want := range map[time.Time]bool{{}: false, time.Unix(0, 0): false, time.Unix(0, 5e8): false, time.Unix(1<<40, 0): false, at: true, time.Unix(-1, 0): true} {
		got := TimeOrNull(value)
		if (got != nil) != want || got != nil && (!got.Equal(value) || got.Location() != time.UTC) {
			t.Errorf("%v: %v", value, got)
		}
	}
}

func TestOtherAddress(t *testing.T) {
	pn, lid := adaPN.String(), adaLID.String()
	for _, c := range []struct {
		jid     string
		pn, lid *string
		want    string
	}{{pn, &pn, &lid, lid}, {lid, &pn, &lid, pn}, {pn, &pn, nil, ""}, {lid, nil, &lid, ""}, {"x", nil, nil, ""}, {lid, &pn, nil, pn}} {
		if got := OtherAddress(c.jid, c.pn, c.lid); got != c.want {
			t.Errorf("%s: %q, want %q", c.jid, got, c.want)
		}
	}
}
