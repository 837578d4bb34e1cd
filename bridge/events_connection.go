package bridge

import (
	"time"

	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
)

// connectionFamily translates reports about a connection that do not change the session's state. lifecycle.go handles
// those that do.
var connectionFamily = family{
	on(onKeepAliveTimeout), on(onKeepAliveRestored), on(onStreamError), on(onCATRefreshError), on(onQRWithoutMultidevice),
}

func onKeepAliveTimeout(t *translation, evt *events.KeepAliveTimeout) error {
	if time.Since(evt.LastSuccess) > t.s.b.cfg.KeepAliveLimit {
		s, cli := t.s, t.cli
		t.after = append(t.after, func() { s.dropConnection(cli, reasonKeepAlive) })
	}
	return t.emit("KeepAliveTimeout", time.Time{}, "", nil, fields{
		"error_count": evt.ErrorCount, "last_success": wa.TimeOrNull(evt.LastSuccess),
	})
}

func onKeepAliveRestored(t *translation, _ *events.KeepAliveRestored) error {
	return t.emit("KeepAliveRestored", time.Time{}, "", nil, fields{})
}

func onStreamError(t *translation, evt *events.StreamError) error {
	return t.emit("StreamError", time.Time{}, "", nil, fields{"code": wa.OrNull(evt.Code)})
}

func onCATRefreshError(t *translation, evt *events.CATRefreshError) error {
	return t.emit("CATRefreshError", time.Time{}, "", nil, fields{"error": evt.Error.Error()})
}

func onQRWithoutMultidevice(t *translation, _ *events.QRScannedWithoutMultidevice) error {
	return t.emit("QRScannedWithoutMultidevice", time.Time{}, "", nil, fields{})
}
