package inbound

import (
	"time"

	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
)

// connectionFamily translates reports about a connection that do not change the session's state. The session's state machine
// handles those that do.
var connectionFamily = family{
	on(onKeepAliveTimeout), on(onKeepAliveRestored), on(onStreamError), on(onCATRefreshError), on(onQRWithoutMultidevice),
}

func onKeepAliveTimeout(t *Translation, evt *events.KeepAliveTimeout) error {
	if time.Since(evt.LastSuccess) > t.service.shared.KeepAliveLimit {
		conn, cli := t.service.conn, t.cli
		t.after = append(t.after, func() { conn.DropSilentConnection(cli) })
	}
	return t.Emit("KeepAliveTimeout", time.Time{}, "", nil, fields{
		"error_count": evt.ErrorCount, "last_success": wa.TimeOrNull(evt.LastSuccess),
	})
}

func onKeepAliveRestored(t *Translation, _ *events.KeepAliveRestored) error {
	return t.Emit("KeepAliveRestored", time.Time{}, "", nil, fields{})
}

func onStreamError(t *Translation, evt *events.StreamError) error {
	return t.Emit("StreamError", time.Time{}, "", nil, fields{"code": wa.OrNull(evt.Code)})
}

func onCATRefreshError(t *Translation, evt *events.CATRefreshError) error {
	return t.Emit("CATRefreshError", time.Time{}, "", nil, fields{"error": evt.Error.Error()})
}

func onQRWithoutMultidevice(t *Translation, _ *events.QRScannedWithoutMultidevice) error {
	return t.Emit("QRScannedWithoutMultidevice", time.Time{}, "", nil, fields{})
}
