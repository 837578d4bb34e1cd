package bridge

import (
	"time"

	"go.mau.fi/whatsmeow/types/events"
)

var syncFamily = family{on(onOfflinePreview), on(onOfflineCompleted)}

func onOfflinePreview(t *translation, evt *events.OfflineSyncPreview) error {
	return t.emit("OfflineSyncPreview", time.Time{}, "", nil, fields{
		"total": evt.Total, "messages": evt.Messages, "receipts": evt.Receipts,
		"notifications": evt.Notifications, "app_data_changes": evt.AppDataChanges,
	})
}

func onOfflineCompleted(t *translation, evt *events.OfflineSyncCompleted) error {
	return t.emit("OfflineSyncCompleted", time.Time{}, "", nil, fields{"count": evt.Count})
}
