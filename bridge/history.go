package bridge

import (
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

func (t *translation) historyNotice(id types.MessageID, notice *waE2E.HistorySyncNotification) error {
	return nil
}
