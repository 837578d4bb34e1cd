package inbound

import (
	"time"

	"go.mau.fi/whatsmeow/types/events"
)

var syncFamily = family{on(onOfflinePreview), on(onOfflineCompleted)}

func onOfflinePreview(t *Translation, evt *events.OfflineSyncPreview) error {
	return t.Emit("OfflineSyncPreview", time.Time{}, "", nil, fields{
		"total": evt.Total, "messages": evt.Messages, "receipts": evt.Receipts,
		"notifications": evt.Notifications, "app_data_changes": evt.AppDataChanges,
	})
}

func onOfflineCompleted(t *Translation, evt *events.OfflineSyncCompleted) error {
	return t.Emit("OfflineSyncCompleted", time.Time{}, "", nil, fields{"count": evt.Count})
}
