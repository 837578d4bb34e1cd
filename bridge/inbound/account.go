package inbound

import (
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
)

// accountFamily translates changes of the own account.
var accountFamily = family{on(onPrivacySettings), on(onBlocklist), on(onReachoutTimelock)}

func onPrivacySettings(t *Translation, evt *events.PrivacySettings) error {
	set := evt.NewSettings
	// The event has only the changed settings; whatsmeow's cache has all values.
	if known, err := t.cli.TryFetchPrivacySettings(t.ctx, false); err == nil && known != nil {
		set = *known
	}
	changed := []string{}
	settings := fields{}
	for _, item := range []struct {
		name    string
		value   types.PrivacySetting
		changed bool
	}{
		{"group_add", set.GroupAdd, evt.GroupAddChanged},
		{"last_seen", set.LastSeen, evt.LastSeenChanged},
		{"status", set.Status, evt.StatusChanged},
		{"profile", set.Profile, evt.ProfileChanged},
		{"read_receipts", set.ReadReceipts, evt.ReadReceiptsChanged},
		{"online", set.Online, evt.OnlineChanged},
		{"call_add", set.CallAdd, evt.CallAddChanged},
		{"messages", set.Messages, evt.MessagesChanged},
		{"defense", set.Defense, evt.DefenseChanged},
		{"stickers", set.Stickers, evt.StickersChanged},
	} {
		settings[item.name] = wa.OrNull(string(item.value))
		if item.changed {
			changed = append(changed, item.name)
		}
	}
	return t.Emit("PrivacySettings", time.Time{}, "", nil, fields{"settings": settings, "changed": changed})
}

func onReachoutTimelock(t *Translation, evt *events.NotifyAccountReachoutTimelock) error {
	data, committed := t.service.conn.SetReachout(evt)
	if data == nil {
		return nil
	}
	t.after = append(t.after, committed)
	return t.Emit("AccountReachoutTimelock", evt.Mex.Timestamp, "", nil, data)
}

// onBlocklist emits one event per changed person. A list that has to be read again is an event without a person.
func onBlocklist(t *Translation, evt *events.Blocklist) error {
	changes := make([]fields, 0, len(evt.Changes))
	for _, change := range evt.Changes {
		data := fields{"contact": change.JID.ToNonAD().String(), "action": string(change.Action), "blocked": change.Action == events.BlocklistChangeActionBlock}
		p, err := t.who(data, change.JID)
		if err != nil {
			return err
		}
		changes = append(changes, data)
		if err = t.Emit("BlocklistChange", time.Time{}, "", Addresses(p), data); err != nil {
			return err
		}
	}
	return t.Emit("Blocklist", time.Time{}, "", nil, fields{
		"refresh": evt.Action == events.BlocklistActionModify, "changes": changes,
	})
}
