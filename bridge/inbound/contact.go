package inbound

import (
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
)

var contactFamily = family{
	on(onContact), on(onPushName), on(onBusinessName), on(onUserAbout), on(onIdentityChange), on(onUserStatusMute),
}

// about emits an event about a person.
func (t *Translation) about(name string, at time.Time, data fields, jids ...types.JID) error {
	p, err := t.who(data, jids...)
	if err != nil {
		return err
	}
	if !at.IsZero() {
		data["timestamp"] = at.UTC()
	}
	return t.Emit(name, at, "", Addresses(p), data)
}

func onContact(t *Translation, evt *events.Contact) error {
	err := t.about("Contact", evt.Timestamp, fields{
		"contact": evt.JID.ToNonAD().String(), "full_name": wa.OrNull(evt.Action.GetFullName()),
		"first_name": wa.OrNull(evt.Action.GetFirstName()), "from_full_sync": evt.FromFullSync,
	}, evt.JID)
	return err
}

func onPushName(t *Translation, evt *events.PushName) error {
	return t.about("PushName", time.Time{}, fields{
		"contact": evt.JID.ToNonAD().String(), "push_name": evt.NewPushName, "old_push_name": wa.OrNull(evt.OldPushName),
	}, evt.JID, evt.JIDAlt)
}

func onBusinessName(t *Translation, evt *events.BusinessName) error {
	return t.about("BusinessName", time.Time{}, fields{
		"contact": evt.JID.ToNonAD().String(), "business_name": evt.NewBusinessName, "old_business_name": wa.OrNull(evt.OldBusinessName),
	}, evt.JID)
}

func onUserAbout(t *Translation, evt *events.UserAbout) error {
	return t.about("UserAbout", evt.Timestamp, fields{"contact": evt.JID.ToNonAD().String(), "about": evt.Status}, evt.JID)
}

func onIdentityChange(t *Translation, evt *events.IdentityChange) error {
	return t.about("IdentityChange", evt.Timestamp, fields{
		"contact": evt.JID.ToNonAD().String(), "implicit": evt.Implicit,
	}, evt.JID)
}

func onUserStatusMute(t *Translation, evt *events.UserStatusMute) error {
	return t.about("UserStatusMute", evt.Timestamp, fields{
		"contact": evt.JID.ToNonAD().String(), "muted": evt.Action.GetMuted(), "from_full_sync": evt.FromFullSync,
	}, evt.JID)
}
